//! An image under another name and other labels, made inside the registry: no build, no pull, no push.
//!
//! The layers are mounted into the target's repository, a configuration with this task's labels is sent, and the
//! manifest around it is put under the tag. Only a few kilobytes travel.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::client::{RegistryClient, StoredImage};
use super::error::RegistryError;
use super::manifest::{Descriptor, Platform};
use super::relabel::{relabel_config, replace_config};
use super::token::Scope;
use super::upload::Mount;
use crate::image::{Digest, ImageReference};

const MOUNTS_AT_ONCE: usize = 4;

/// What to assemble. Source and target are in the same registry.
#[derive(Debug, Clone)]
pub struct AssembleOrder {
    /// The repository that holds the image; its tag does not matter.
    pub source: ImageReference,
    /// The image's manifest there, or an index with one for `platform`.
    pub manifest_digest: Digest,
    /// The name to give. A tag of that name is overwritten.
    pub target: ImageReference,
    /// Labels to set; others stay.
    pub labels: BTreeMap<String, String>,
    /// The image's author (`MAINTAINER`), when it is to change.
    pub author: Option<String>,
    /// Which image of an index.
    pub platform: Platform,
}

/// What became of an order.
#[derive(Debug)]
pub enum Assembly {
    /// The image is in the registry, confirmed.
    Done(Assembled),
    /// The registry does not do it this way: the image must go through the daemon. Nothing was put under the target.
    Fallback(String),
    /// The manifest was sent, and nobody can say whether it is under the tag. The same order again gives the same
    /// manifest.
    Unconfirmed(RegistryError),
}

/// An assembled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Digest of its manifest, confirmed by the registry.
    pub digest: Digest,
    /// The image id: the digest of its configuration.
    pub image_id: Digest,
    /// Bytes of configuration and compressed layers.
    pub size_bytes: u64,
    /// Bytes sent by this service.
    pub moved_bytes: u64,
    /// Layers that the registry mounted; none within one repository.
    pub mounted_layers: usize,
    /// Layers that were copied through this service.
    pub copied_layers: usize,
}

struct Layers {
    mounted: usize,
    copied: usize,
    copied_bytes: u64,
}

impl RegistryClient {
    /// Assembles an image. Any error leaves the target's tag as it was.
    pub async fn assemble(&self, order: &AssembleOrder) -> Result<Assembly, RegistryError> {
        let (source, target) = (self.path_of(&order.source), self.path_of(&order.target));
        let mut scopes = vec![Scope::push(&target)];
        if source != target {
            scopes.push(Scope::pull(&source));
        }
        let stored = self.stored_image(&source, order.manifest_digest.as_str(), &order.platform, &scopes).await?;
        let Some(stored) = stored else {
            return Ok(Assembly::Fallback(format!("{source} has no image for this platform")));
        };
        let config = Bytes::from(relabel_config(&stored.config_bytes, &order.labels, order.author.as_deref())?);
        let image_id = Digest::of(&config);
        let manifest = Bytes::from(replace_config(&stored.manifest.bytes, &image_id, config.len())?);
        let (layers, ()) = tokio::try_join!(
            self.provide_layers(&source, &target, &stored, &scopes),
            self.send_blob(&target, &image_id, &config, &scopes),
        )?;
        let layers = match layers {
            Ok(layers) => layers,
            Err(reason) => return Ok(Assembly::Fallback(reason)),
        };
        let sent_bytes = (config.len() + manifest.len()) as u64;
        let media_type = &stored.manifest.media_type;
        let tag = order.target.tag_or_latest();
        let digest = match self.put_manifest(&target, tag, media_type, manifest, &scopes).await {
            Ok(digest) => digest,
            Err(error) if error.is_transient() => return Ok(Assembly::Unconfirmed(error)),
            Err(error) => return Err(error),
        };
        Ok(Assembly::Done(Assembled {
            digest,
            image_id,
            size_bytes: stored.size_bytes().saturating_sub(stored.config.size).saturating_add(config.len() as u64),
            moved_bytes: sent_bytes.saturating_add(layers.copied_bytes),
            mounted_layers: layers.mounted,
            copied_layers: layers.copied,
        }))
    }

    /// Sees that the target's repository has every layer; the inner error says why the daemon must do it.
    async fn provide_layers(
        &self,
        source: &str,
        target: &str,
        stored: &StoredImage,
        scopes: &[Scope],
    ) -> Result<Result<Layers, String>, RegistryError> {
        if source == target {
            return Ok(Ok(Layers { mounted: 0, copied: 0, copied_bytes: 0 }));
        }
        let mut layers: Vec<&Descriptor> = stored.layers.iter().filter(|layer| layer.is_kept()).collect();
        layers.sort_by(|one, other| one.digest.cmp(&other.digest));
        layers.dedup_by(|one, other| one.digest == other.digest);
        let layer_count = layers.len();
        // Made before the stream: a closure inside it would be tied to one lifetime, and nobody could spawn the whole.
        let mounts: Vec<_> = layers
            .into_iter()
            .map(|layer| async move { Ok((layer, self.mount(target, source, &layer.digest, scopes).await?)) })
            .collect();
        let answers: Vec<(&Descriptor, Mount)> =
            futures_util::stream::iter(mounts).buffer_unordered(MOUNTS_AT_ONCE).try_collect().await?;
        let refused: Vec<(&Descriptor, String)> = answers
            .into_iter()
            .filter_map(|(layer, mount)| match mount {
                Mount::Done => None,
                Mount::UploadAt(path) => Some((layer, path)),
            })
            .collect();
        let copied_bytes = refused.iter().fold(0_u64, |sum, (layer, _)| sum.saturating_add(layer.size));
        if copied_bytes > self.transport.limits.copy_limit_bytes {
            for (_, upload) in &refused {
                self.cancel_upload(upload, scopes).await;
            }
            let count = refused.len();
            return Ok(Err(format!("the registry did not mount {count} layers of {copied_bytes} bytes from {source}")));
        }
        let copied = refused.len();
        for (layer, upload) in refused {
            self.copy_blob(source, layer, &upload, scopes).await?;
        }
        Ok(Ok(Layers { mounted: layer_count - copied, copied, copied_bytes }))
    }
}

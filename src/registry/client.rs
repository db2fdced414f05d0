//! Reading: what a name means in the registry, and what the image under it says of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde::Deserialize;

use super::access::{Limits, RegistryAccess};
use super::answer::{Answer, parse};
use super::error::RegistryError;
use super::failure::malformed;
use super::harbor::HarborKnowledge;
use super::manifest::{
    ACCEPTED, CONFIG_LIMIT_BYTES, Descriptor, Document, MANIFEST_LIMIT_BYTES, ManifestHead, Platform, RawManifest,
};
use super::order::Order;
use super::token::Scope;
use super::transport::Transport;
use crate::image::{Digest, ImageReference, RegistryHost};

/// The label that says which task an image was made for.
pub(super) const TASK_LABEL: &str = "task_id";

/// A registry. Cheap to clone; keep one per configured registry, since it holds connections, tokens and what was learnt.
///
/// References are looked up by repository, tag and digest; which name they use for the registry does not matter, as
/// Harbor may have several.
#[derive(Clone)]
pub struct RegistryClient {
    pub(super) transport: Arc<Transport>,
    pub(super) harbor: Arc<HarborKnowledge>,
}

/// An image under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedImage {
    /// Digest of the image's manifest; of the platform's one where the name stands for an index.
    pub digest: Digest,
    /// The image id: the digest of its configuration.
    pub image_id: Digest,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Bytes of its configuration and compressed layers.
    pub size_bytes: u64,
}

/// An image as the registry keeps it.
pub(super) struct StoredImage {
    pub(super) manifest: RawManifest,
    pub(super) config: Descriptor,
    pub(super) config_bytes: Bytes,
    pub(super) layers: Vec<Descriptor>,
}

impl StoredImage {
    pub(super) fn size_bytes(&self) -> u64 {
        self.layers.iter().fold(self.config.size, |sum, layer| sum.saturating_add(layer.size))
    }
}

#[derive(Deserialize)]
struct ConfigDocument {
    #[serde(default)]
    config: Option<RunConfig>,
}

#[derive(Deserialize)]
struct RunConfig {
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
}

impl RegistryClient {
    /// A client with the usual limits. Reads the system's CAs; nothing is sent yet.
    pub fn new(access: RegistryAccess) -> Result<Self, RegistryError> {
        Self::with_limits(access, Limits::default())
    }

    /// A client with limits of its own.
    pub fn with_limits(access: RegistryAccess, limits: Limits) -> Result<Self, RegistryError> {
        let transport = Arc::new(Transport::new(access, limits)?);
        Ok(Self { transport, harbor: Arc::default() })
    }

    /// The registry.
    pub fn host(&self) -> &RegistryHost {
        &self.transport.access.host
    }

    /// What a name stands for, without fetching it; `None` when the registry does not know it.
    pub async fn resolve(&self, reference: &ImageReference) -> Result<Option<ManifestHead>, RegistryError> {
        let scopes = [Scope::pull(&self.path_of(reference))];
        RegistryError::absent(self.head(&self.path_of(reference), &key_of(reference), &scopes).await)
    }

    /// The manifest under a name or digest; `None` when the registry does not know it.
    pub async fn manifest(&self, reference: &ImageReference) -> Result<Option<RawManifest>, RegistryError> {
        let scopes = [Scope::pull(&self.path_of(reference))];
        RegistryError::absent(self.raw_manifest(&self.path_of(reference), &key_of(reference), &scopes).await)
    }

    /// The image under a name, its configuration read; `None` when the registry does not know it or has it for other
    /// platforms only.
    pub async fn image(
        &self,
        reference: &ImageReference,
        platform: &Platform,
    ) -> Result<Option<TaggedImage>, RegistryError> {
        let path = self.path_of(reference);
        let scopes = [Scope::pull(&path)];
        let stored = self.stored_image(&path, &key_of(reference), platform, &scopes).await;
        let Some(Some(stored)) = RegistryError::absent(stored)? else { return Ok(None) };
        let what = format!("reading the configuration of {reference}");
        let document: ConfigDocument = parse(&stored.config_bytes, &what)?;
        Ok(Some(TaggedImage {
            digest: stored.manifest.digest.clone(),
            image_id: stored.config.digest.clone(),
            labels: document.config.and_then(|config| config.labels).unwrap_or_default(),
            size_bytes: stored.size_bytes(),
        }))
    }

    /// The task that the image under this name was made for, as its label says. Recovery takes a manifest with the
    /// task's own id as pushed.
    pub async fn task_id_of(&self, reference: &ImageReference) -> Result<Option<i64>, RegistryError> {
        let image = self.image(reference, &Platform::default()).await?;
        Ok(image.and_then(|image| image.labels.get(TASK_LABEL)?.parse().ok()))
    }

    pub(super) fn path_of(&self, reference: &ImageReference) -> String {
        self.transport.access.repository_path(reference.repository())
    }

    /// What a tag or digest stands for.
    pub(super) async fn head(&self, path: &str, key: &str, scopes: &[Scope]) -> Result<ManifestHead, RegistryError> {
        let what = format!("resolving {path} {key}");
        let answer = self.transport.fetch(&manifest_order(Method::HEAD, path, key, &what).scopes(scopes)).await?;
        let Some(digest) = answer.header("docker-content-digest").map(str::to_owned) else {
            let manifest = self.raw_manifest(path, key, scopes).await?;
            let size_bytes = manifest.bytes.len() as u64;
            return Ok(ManifestHead { digest: manifest.digest, media_type: manifest.media_type, size_bytes });
        };
        let digest: Digest = digest.parse().map_err(|_| malformed(&what, "a digest that is none"))?;
        check_digest(&what, key, &digest)?;
        let size_bytes = answer.header(CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(ManifestHead { digest, media_type: media_type_of(&answer), size_bytes })
    }

    /// The manifest of a tag or digest, checked against the digest asked for and the one the registry claims.
    pub(super) async fn raw_manifest(
        &self,
        path: &str,
        key: &str,
        scopes: &[Scope],
    ) -> Result<RawManifest, RegistryError> {
        let what = format!("reading manifest {path} {key}");
        let order = manifest_order(Method::GET, path, key, &what).scopes(scopes).limit(MANIFEST_LIMIT_BYTES);
        let answer = self.transport.fetch(&order).await?;
        let digest = Digest::of(&answer.body);
        check_digest(&what, key, &digest)?;
        if let Some(claimed) = answer.header("docker-content-digest") {
            check_digest(&what, claimed, &digest)?;
        }
        let media_type = media_type_of(&answer);
        Ok(RawManifest { digest, media_type, bytes: answer.body })
    }

    /// The image of a tag or digest; `None` when an index has none for the platform.
    pub(super) async fn stored_image(
        &self,
        path: &str,
        key: &str,
        platform: &Platform,
        scopes: &[Scope],
    ) -> Result<Option<StoredImage>, RegistryError> {
        let what = format!("reading manifest {path} {key}");
        let mut manifest = self.raw_manifest(path, key, scopes).await?;
        let mut document = manifest.document(&what)?;
        if let Document::Index(entries) = &document {
            let Some(entry) = platform.pick(entries) else { return Ok(None) };
            manifest = self.raw_manifest(path, entry.digest.as_str(), scopes).await?;
            document = manifest.document(&what)?;
        }
        let Document::Image { config, layers } = document else {
            return Err(malformed(&what, "an index of an index"));
        };
        let config_bytes = self.config_blob(path, &config, scopes).await?;
        Ok(Some(StoredImage { manifest, config, config_bytes, layers }))
    }

    async fn config_blob(&self, path: &str, config: &Descriptor, scopes: &[Scope]) -> Result<Bytes, RegistryError> {
        let what = format!("reading configuration {path} {}", config.digest);
        let order = Order { follows_redirects: true, ..blob_order(path, &config.digest, &what) };
        let answer = self.transport.fetch(&order.scopes(scopes).limit(CONFIG_LIMIT_BYTES)).await?;
        check_digest(&what, config.digest.as_str(), &Digest::of(&answer.body))?;
        Ok(answer.body)
    }
}

/// An order for a blob.
pub(super) fn blob_order(path: &str, digest: &Digest, what: &str) -> Order {
    Order::new(Method::GET, format!("/v2/{path}/blobs/{digest}"), what)
}

fn manifest_order(method: Method, path: &str, key: &str, what: &str) -> Order {
    let mut order = Order::new(method, format!("/v2/{path}/manifests/{key}"), what);
    order.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    order
}

/// The tag or digest by which a reference is looked up.
fn key_of(reference: &ImageReference) -> String {
    match reference.digest() {
        Some(digest) => digest.to_string(),
        None => reference.tag_or_latest().to_owned(),
    }
}

/// The media type without its parameters.
fn media_type_of(answer: &Answer) -> String {
    let text = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether content has the digest by which it was asked for; a tag says nothing.
fn check_digest(what: &str, key: &str, found: &Digest) -> Result<(), RegistryError> {
    match key.parse::<Digest>() {
        Ok(expected) if expected != *found => {
            Err(RegistryError::WrongDigest { what: what.to_owned(), expected, found: found.clone() })
        }
        _ => Ok(()),
    }
}

//! The engine of a real daemon, and the connector that makes and keeps engines.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rustls_pki_types::ServerName;

use super::daemon::{ANSWER_LIMIT, Daemon};
use super::tls::{TlsFault, TlsFiles};
use super::transport::{Transport, bare_host};
use super::{
    BuildOrder, BuiltImage, Connector, DaemonDisk, DaemonInfo, DigestSource, Endpoint, Engine, EngineError,
    LocalContainer, LocalImage, PinnedImage, ProbeOrder, ProbeOutput, ProgressSink, RegistryAccount, build, images,
    probe, pull, push,
};
use crate::cause::Cause;
use crate::image::{Digest, ImageConfig, ImageReference};

/// How many endpoints keep their engine; more than one service talks to at a time.
const KEPT_ENGINES: usize = 8;

/// Makes engines for real daemons. Asked again for the same endpoint with the same certificates it gives the same
/// engine, and so the same pool of connections; a certificate file with new content gives a new one.
#[derive(Default)]
pub struct DockerConnector {
    known: Mutex<Vec<Known>>,
}

struct Known {
    endpoint: Endpoint,
    files: Option<TlsFiles>,
    engine: Arc<DockerEngine>,
}

#[async_trait]
impl Connector for DockerConnector {
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Engine>, EngineError> {
        let files = match endpoint {
            Endpoint::Tls { ca, certificate, key, .. } => {
                Some(TlsFiles::read(ca, certificate, key).await.map_err(|fault| unusable(&fault))?)
            }
            Endpoint::Unix(_) | Endpoint::Tcp { .. } => None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Known| known.endpoint == *endpoint && known.files == files;
        if let Some(found) = known.iter().find(same) {
            return Ok(Arc::clone(&found.engine) as Arc<dyn Engine>);
        }
        let engine = Arc::new(DockerEngine::new(endpoint, files.as_ref())?);
        known.retain(|known| known.endpoint != *endpoint);
        if known.len() == KEPT_ENGINES {
            known.remove(0);
        }
        known.push(Known { endpoint: endpoint.clone(), files, engine: Arc::clone(&engine) });
        Ok(engine)
    }
}

/// Certificates that cannot be used leave the daemon out of reach.
fn unusable(fault: &TlsFault) -> EngineError {
    EngineError::new(Cause::DaemonLost, super::failure::chain_text(fault))
}

/// A real daemon.
pub struct DockerEngine {
    daemon: Daemon,
}

impl DockerEngine {
    /// An engine for the endpoint; opens no connection yet.
    fn new(endpoint: &Endpoint, files: Option<&TlsFiles>) -> Result<Self, EngineError> {
        let tls = match (endpoint, files) {
            (Endpoint::Tls { host, .. }, Some(files)) => {
                let configuration = files.client_config(Timestamp::now()).map_err(|fault| unusable(&fault))?;
                let name = ServerName::try_from(bare_host(host).to_owned()).map_err(|_| {
                    EngineError::new(Cause::DaemonLost, format!("'{host}' is neither a host name nor an address"))
                })?;
                Some((Arc::new(configuration), name))
            }
            _ => None,
        };
        Ok(Self { daemon: Daemon::new(Transport::new(endpoint, tls))? })
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn info(&self) -> Result<DaemonInfo, EngineError> {
        let docker = &self.daemon.docker;
        let (version, info) = tokio::try_join!(
            self.daemon.call("asking for the version", ANSWER_LIMIT, docker.version()),
            self.daemon.call("asking for information", ANSWER_LIMIT, docker.info()),
        )?;
        let api_version = version.api_version.as_deref().and_then(parse_api_version).unwrap_or_default();
        let os = version.os.unwrap_or_default();
        let registries = info.registry_config.unwrap_or_default();
        let mut insecure_registries = registries.insecure_registry_cidrs.unwrap_or_default();
        let insecure = registries.index_configs.unwrap_or_default().into_iter();
        insecure_registries.extend(insecure.filter(|(_, index)| index.secure == Some(false)).map(|(name, _)| name));
        insecure_registries.sort();
        Ok(DaemonInfo {
            version: version.version.unwrap_or_default(),
            has_buildkit: os == "linux" && api_version >= (1, 39),
            api_version,
            os,
            architecture: version.arch.or(info.architecture).unwrap_or_default(),
            insecure_registries,
            root_directory: info.docker_root_dir.unwrap_or_default(),
        })
    }

    async fn check_login(&self, account: &RegistryAccount) -> Result<(), EngineError> {
        let result = push::check_login(&self.daemon, account).await;
        result.map_err(|error| error.without_password_of(Some(account)))
    }

    async fn inspect_image(&self, image: &str) -> Result<Option<ImageConfig>, EngineError> {
        images::inspect(&self.daemon, image).await
    }

    async fn pull(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        sink: &dyn ProgressSink,
    ) -> Result<ImageConfig, EngineError> {
        let result = pull::pull(&self.daemon, reference, account, sink).await;
        result.map_err(|error| error.without_password_of(account))
    }

    async fn resolve_digest(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
    ) -> Result<Option<Digest>, EngineError> {
        let result = push::resolve_digest(&self.daemon, reference, account).await;
        result.map_err(|error| error.without_password_of(account))
    }

    async fn probe(&self, order: &ProbeOrder) -> Result<ProbeOutput, EngineError> {
        probe::probe(&self.daemon, order).await
    }

    async fn build(&self, order: &BuildOrder, sink: &dyn ProgressSink) -> Result<BuiltImage, EngineError> {
        build::build(&self.daemon, order, sink).await
    }

    async fn tag(&self, image: &str, name: &ImageReference) -> Result<(), EngineError> {
        images::tag(&self.daemon, image, name).await
    }

    async fn push(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        digests: &dyn DigestSource,
        sink: &dyn ProgressSink,
    ) -> Result<Digest, EngineError> {
        let result = push::push(&self.daemon, reference, account, digests, sink).await;
        result.map_err(|error| error.without_password_of(account))
    }

    async fn remove_image(&self, image: &str) -> Result<bool, EngineError> {
        images::remove(&self.daemon, image).await
    }

    async fn list_our_images(&self) -> Result<Vec<LocalImage>, EngineError> {
        images::list(&self.daemon).await
    }

    async fn list_pins(&self) -> Result<Vec<PinnedImage>, EngineError> {
        images::pins(&self.daemon).await
    }

    async fn list_our_containers(&self) -> Result<Vec<LocalContainer>, EngineError> {
        images::containers(&self.daemon, true).await
    }

    async fn images_in_use(&self) -> Result<Vec<String>, EngineError> {
        let mut used: Vec<String> = images::containers(&self.daemon, false)
            .await?
            .into_iter()
            .map(|container| container.image_id)
            .filter(|image_id| !image_id.is_empty())
            .collect();
        used.sort();
        used.dedup();
        Ok(used)
    }

    async fn remove_container(&self, container_id: &str) -> Result<(), EngineError> {
        images::remove_container(&self.daemon, container_id).await
    }

    async fn prune_build_cache(&self, keep_bytes: u64) -> Result<u64, EngineError> {
        images::prune_build_cache(&self.daemon, keep_bytes).await
    }

    async fn disk_usage(&self) -> Result<DaemonDisk, EngineError> {
        images::disk_usage(&self.daemon).await
    }
}

/// `1.41` as numbers.
fn parse_api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

//! What a site is made of.

use std::fmt;
use std::sync::Arc;

use crate::engine::{Endpoint, Engine, EngineError, RegistryAccount};
use crate::image::{ImageReference, RegistryHost};
use crate::store::StoreError;

/// Parts of a site's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The host of this service.
    Host,
    /// Harbor.
    Harbor,
    /// The Docker server.
    DockerServer,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Host => "host",
            Self::Harbor => "Harbor",
            Self::DockerServer => "Docker server",
        })
    }
}

/// Why the site cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Parts are not configured yet.
    #[error("not configured: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NotConfigured(Vec<Part>),
    /// The Docker server cannot be connected.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed value cannot be opened.
    #[error("a sealed value of {0} cannot be opened with the keys at hand")]
    Sealed(&'static str),
}

/// The configured host of this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHost {
    /// Address or name.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The configured Harbor.
#[derive(Debug, Clone)]
pub struct Harbor {
    /// Row it comes from.
    pub row_id: i64,
    /// The account at `harbor_registry`.
    pub account: RegistryAccount,
    /// The same registry by its DNS name.
    pub dns: Option<RegistryHost>,
    /// PEM of a private CA.
    pub ca_pem: Option<String>,
}

impl Harbor {
    /// The account to use for an image, when its registry is ours by address or by DNS name. Docker Hub's short names
    /// belong to a configured `docker.io`.
    pub fn account_for(&self, reference: &ImageReference) -> Option<RegistryAccount> {
        let written = reference.registry().map_or("docker.io", RegistryHost::as_str);
        let ours = [Some(&self.account.registry), self.dns.as_ref()];
        let registry = ours.into_iter().flatten().find(|ours| ours.as_str().eq_ignore_ascii_case(written))?;
        Some(RegistryAccount { registry: registry.clone(), ..self.account.clone() })
    }

    /// The full name under which images are compared: the DNS name mapped to the address, the tag written out.
    pub fn name_key(&self, reference: &ImageReference) -> String {
        match self.account_for(reference) {
            Some(_) => full_name(&reference.on_registry(self.account.registry.clone())),
            None => full_name(reference),
        }
    }
}

/// Registry, repository and tag written out.
pub fn full_name(reference: &ImageReference) -> String {
    let registry = reference.registry().map_or("docker.io", RegistryHost::as_str);
    let library = if reference.registry().is_none() && !reference.repository().contains('/') { "library/" } else { "" };
    format!("{registry}/{library}{}:{}", reference.repository(), reference.tag_or_latest())
}

/// The configured Docker server, connected.
#[derive(Clone)]
pub struct DockerServer {
    /// Row it comes from.
    pub row_id: i64,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The connection.
    pub engine: Arc<dyn Engine>,
}

//! What a site is made of.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{DaemonInfo, Endpoint, Engine, EngineError, RegistryAccount};
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
        let written = registry_name(reference);
        let ours = [Some(&self.account.registry), self.dns.as_ref()];
        let registry = ours.into_iter().flatten().find(|ours| canonical(ours.as_str()) == written)?;
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

/// Registry, repository and tag written out, the same text for all spellings that Docker takes for one image.
pub fn full_name(reference: &ImageReference) -> String {
    let registry = registry_name(reference);
    let is_short = registry == DOCKER_HUB && !reference.repository().contains('/');
    let library = if is_short { "library/" } else { "" };
    format!("{registry}/{library}{}:{}", reference.repository(), reference.tag_or_latest())
}

const DOCKER_HUB: &str = "docker.io";

fn registry_name(reference: &ImageReference) -> String {
    canonical(reference.registry().map_or(DOCKER_HUB, RegistryHost::as_str))
}

/// A registry as Docker reads it: hosts know no case, and Docker Hub has an old name.
fn canonical(registry: &str) -> String {
    match registry.to_ascii_lowercase() {
        hub if hub == "index.docker.io" => DOCKER_HUB.to_owned(),
        other => other,
    }
}

/// How long what a daemon said of itself is good: it counts its containers and images for every answer.
const INFO_FRESH: Duration = Duration::from_secs(30);

/// The configured Docker server, connected.
pub struct DockerServer {
    /// Row it comes from.
    pub row_id: i64,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The connection.
    pub engine: Arc<dyn Engine>,
    info: tokio::sync::Mutex<Option<(Instant, Arc<DaemonInfo>)>>,
}

impl DockerServer {
    /// A connected server.
    pub fn new(row_id: i64, endpoint: Endpoint, engine: Arc<dyn Engine>) -> Self {
        Self { row_id, endpoint, engine, info: tokio::sync::Mutex::default() }
    }

    /// What the daemon is: builder, insecure registries. Asked anew twice a minute at most; whoever wants to know
    /// whether it answers now asks the engine.
    pub async fn known_info(&self) -> Result<Arc<DaemonInfo>, EngineError> {
        let mut known = self.info.lock().await;
        if let Some((time, info)) = known.as_ref()
            && time.elapsed() < INFO_FRESH
        {
            return Ok(Arc::clone(info));
        }
        let info = Arc::new(self.engine.info().await?);
        *known = Some((Instant::now(), Arc::clone(&info)));
        Ok(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harbor(registry: &str) -> Harbor {
        let registry = registry.parse().unwrap();
        let account = RegistryAccount { registry, username: "robot".to_owned(), password: "secret".into() };
        Harbor { row_id: 1, account, dns: Some("Harbor.Example.CN".parse().unwrap()), ca_pem: None }
    }

    #[test]
    fn spellings_of_one_image_are_one_name() {
        for (registry, spellings, name) in [
            (
                "10.0.0.1:30003",
                vec!["ubuntu:d", "docker.io/ubuntu:d", "index.docker.io/library/ubuntu:d"],
                "docker.io/library/ubuntu:d",
            ),
            ("docker.io", vec!["x:1", "library/x:1", "Docker.io/x:1"], "docker.io/library/x:1"),
            (
                "10.0.0.1:30003",
                vec!["10.0.0.1:30003/a/b", "harbor.example.cn/a/b:latest", "HARBOR.example.cn/a/b"],
                "10.0.0.1:30003/a/b:latest",
            ),
            ("10.0.0.1:30003", vec!["Other.Example.CN/a/b:1", "other.example.cn/a/b:1"], "other.example.cn/a/b:1"),
        ] {
            let harbor = harbor(registry);
            for spelling in spellings {
                assert_eq!(harbor.name_key(&spelling.parse().unwrap()), name, "{spelling} with {registry}");
            }
        }
    }

    #[test]
    fn docker_hub_s_account_serves_all_its_names() {
        let hub = harbor("docker.io");
        for name in ["x:1", "docker.io/a/x:1", "index.docker.io/a/x:1"] {
            assert!(hub.account_for(&name.parse().unwrap()).is_some(), "{name}");
        }
        assert!(hub.account_for(&"quay.io/a/x:1".parse().unwrap()).is_none());
    }
}

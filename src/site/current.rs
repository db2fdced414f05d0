//! What the newest rows say, kept in memory, and the daemon's connection that belongs to them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::engine::{Connector, Endpoint, RegistryAccount};
use crate::image::RegistryHost;
use crate::secret::Sealer;
use crate::settings::Settings;
use crate::store::{DockerServerRow, HarborRow, HostRow, Store, StoreError};

use super::address::{DockerAddress, in_url};
use super::certificates::remove_unfinished;
use super::{DockerServer, HARBOR_PASSWORD_PURPOSE, Harbor, Part, PublicHost, SiteError};

/// The host of the row that the first start inserts; it counts as not configured.
const UNCONFIGURED_HOST: &str = "0.0.0.0";

/// The site this process serves.
pub struct Site {
    pub(super) store: Arc<Store>,
    pub(super) sealer: Arc<Sealer>,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) settings: Arc<Settings>,
    pub(super) clock: Arc<dyn Clock>,
    current: RwLock<Arc<Current>>,
    /// The connection in use; its row may be older than the newest one until somebody asks.
    connected: RwLock<Option<Arc<DockerServer>>>,
    connecting: tokio::sync::Mutex<()>,
    /// Configuration calls take turns, or two could test against each other's rows.
    pub(super) configuring: Arc<tokio::sync::Mutex<()>>,
    /// Counts what was put in force.
    pub(super) changes: watch::Sender<u64>,
    pub(super) tracker: TaskTracker,
}

/// The newest rows.
#[derive(Default)]
struct Current {
    host: Option<HostRow>,
    harbor: Option<HarborRow>,
    docker_server: Option<DockerServerRow>,
    opened_harbor: OnceLock<Arc<Harbor>>,
}

impl Site {
    /// Reads the newest rows; the very first start inserts the host `0.0.0.0` and the callback headers of the settings.
    /// Nobody else may have these settings: what an earlier process left half-done goes. `tracker` joins what is spawned.
    pub async fn open(
        store: Arc<Store>,
        sealer: Arc<Sealer>,
        connector: Arc<dyn Connector>,
        settings: Arc<Settings>,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Result<Self, SiteError> {
        let tls_dir = settings.fb.tls_dir.clone();
        // What cannot be removed is told there, and stands in nobody's way.
        let _ = tokio::task::spawn_blocking(move || remove_unfinished(&tls_dir)).await;
        let site = Self {
            store,
            sealer,
            connector,
            settings,
            clock,
            current: RwLock::default(),
            connected: RwLock::default(),
            connecting: tokio::sync::Mutex::default(),
            configuring: Arc::default(),
            changes: watch::Sender::default(),
            tracker,
        };
        site.insert_first_rows().await?;
        site.reload().await?;
        Ok(site)
    }

    async fn insert_first_rows(&self) -> Result<(), SiteError> {
        if self.store.hosts(1).await?.is_empty() {
            let host = Some((UNCONFIGURED_HOST, self.settings.fb.port));
            self.store.append_configuration(host, None, None, self.clock.now()).await?;
        }
        if self.store.callback_headers(1).await?.is_empty() {
            let headers: BTreeMap<_, _> = self.settings.callback.headers.clone();
            self.update_callback_headers(&headers).await?;
        }
        Ok(())
    }

    /// Takes up the newest rows.
    pub(super) async fn reload(&self) -> Result<(), StoreError> {
        let current = Current {
            host: self.store.hosts(1).await?.pop(),
            harbor: self.store.harbors(1).await?.pop(),
            docker_server: self.store.docker_servers(1).await?.pop(),
            opened_harbor: OnceLock::new(),
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        Ok(())
    }

    /// Changes whenever another configuration is put in force; a report of an earlier one is stale.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The configured host.
    pub fn host(&self) -> Option<PublicHost> {
        let current = self.current();
        let row = current.host.as_ref().filter(|row| row.host_ip != UNCONFIGURED_HOST)?;
        Some(PublicHost { host: row.host_ip.clone(), port: row.host_port })
    }

    /// The start of the URLs of logs and Dockerfiles, without a slash at its end.
    pub fn public_url(&self) -> String {
        let fb = &self.settings.fb;
        if !fb.public_url.is_empty() {
            return fb.public_url.trim_end_matches('/').to_owned();
        }
        let scheme = if self.settings.tls.is_on() { "https" } else { "http" };
        if let Some(host) = self.host() {
            return format!("{scheme}://{}:{}", in_url(&host.host), host.port);
        }
        let host = if matches!(fb.host.as_str(), "0.0.0.0" | "::" | "[::]") { "127.0.0.1" } else { &fb.host };
        format!("{scheme}://{}:{}", in_url(host), fb.port)
    }

    /// The parts that are not configured yet.
    pub fn missing_parts(&self) -> Vec<Part> {
        let current = self.current();
        let missing = [
            (Part::Host, self.host().is_none()),
            (Part::Harbor, current.harbor.is_none()),
            (Part::DockerServer, current.docker_server.is_none()),
        ];
        missing.into_iter().filter_map(|(part, is_missing)| is_missing.then_some(part)).collect()
    }

    /// Refuses while any part is not configured.
    pub fn require_configured(&self) -> Result<(), SiteError> {
        let missing = self.missing_parts();
        if missing.is_empty() { Ok(()) } else { Err(SiteError::NotConfigured(missing)) }
    }

    /// The configured Harbor.
    #[expect(clippy::unused_async, reason = "callers must not depend on the password being opened in memory")]
    pub async fn harbor(&self) -> Result<Arc<Harbor>, SiteError> {
        let current = self.current();
        if let Some(harbor) = current.opened_harbor.get() {
            return Ok(Arc::clone(harbor));
        }
        let row = current.harbor.as_ref().ok_or_else(|| SiteError::NotConfigured(vec![Part::Harbor]))?;
        let harbor = Arc::new(self.open_harbor(row)?);
        Ok(Arc::clone(current.opened_harbor.get_or_init(|| harbor)))
    }

    fn open_harbor(&self, row: &HarborRow) -> Result<Harbor, SiteError> {
        let sealed = || SiteError::Sealed(HARBOR_PASSWORD_PURPOSE);
        let password = self.sealer.open(HARBOR_PASSWORD_PURPOSE, &row.password_sealed).map_err(|_| sealed())?;
        let registry = |text: &str| {
            text.parse::<RegistryHost>().map_err(|error| StoreError::Row { table: "harbor", reason: error.to_string() })
        };
        let dns = if row.registry_dns.is_empty() { None } else { Some(registry(&row.registry_dns)?) };
        let account = RegistryAccount { registry: registry(&row.registry)?, username: row.username.clone(), password };
        Ok(Harbor { row_id: row.primary_id, account, dns, ca_pem: row.ca_pem.clone() })
    }

    /// The configured Docker server; the first caller after a change connects.
    pub async fn docker_server(&self) -> Result<Arc<DockerServer>, SiteError> {
        let current = self.current();
        let row = current.docker_server.as_ref().ok_or_else(|| SiteError::NotConfigured(vec![Part::DockerServer]))?;
        if let Some(server) = self.connection(row.primary_id) {
            return Ok(server);
        }
        let _turn = self.connecting.lock().await;
        if let Some(server) = self.connection(row.primary_id) {
            return Ok(server);
        }
        let endpoint = endpoint(row)?;
        let engine = self.connector.connect(&endpoint).await?;
        let server = Arc::new(DockerServer::new(row.primary_id, endpoint, engine));
        self.keep_connection(Arc::clone(&server));
        Ok(server)
    }

    /// Where the configured Docker server listens, whether it is connected or not.
    pub fn docker_endpoint(&self) -> Option<Endpoint> {
        self.current().docker_server.as_ref().and_then(|row| endpoint(row).ok())
    }

    fn connection(&self, row_id: i64) -> Option<Arc<DockerServer>> {
        let connected = self.connected.read().unwrap_or_else(PoisonError::into_inner);
        connected.as_ref().filter(|server| server.row_id == row_id).cloned()
    }

    pub(super) fn keep_connection(&self, server: Arc<DockerServer>) {
        *self.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// The number of the newest Docker-server row.
    pub(super) fn docker_server_row_id(&self) -> Option<i64> {
        self.current().docker_server.as_ref().map(|row| row.primary_id)
    }
}

fn endpoint(row: &DockerServerRow) -> Result<Endpoint, StoreError> {
    let address = DockerAddress::parse(&row.host)
        .map_err(|error| StoreError::Row { table: "docker_server", reason: error.to_string() })?;
    Ok(match address {
        DockerAddress::Socket(path) => Endpoint::Unix(path),
        DockerAddress::Host(host) if row.tls_verify => Endpoint::Tls {
            host,
            port: row.port,
            ca: PathBuf::from(&row.ca_path),
            certificate: PathBuf::from(&row.client_cert_path),
            key: PathBuf::from(&row.client_key_path),
        },
        DockerAddress::Host(host) => Endpoint::Tcp { host, port: row.port },
    })
}

//! Configuring a site: check the texts, reach the daemon, let it log in at Harbor, and only then store.
//!
//! Whatever fails, nothing is stored and the certificates that came with the call are gone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OwnedMutexGuard;

use crate::cause::Cause;
use crate::completion::to_completion;
use crate::engine::{Endpoint, Engine, EngineError, RegistryAccount};
use crate::image::RegistryHost;
use crate::store::{NewDockerServer, NewHarbor, StoreError};

use super::address::{AddressError, DockerAddress, parse_host};
use super::certificates::CertificateDirectory;
use super::tls_archive::{TlsArchiveError, TlsFile, unpack};
use super::{DockerServer, HARBOR_PASSWORD_PURPOSE, PublicHost, Site, SiteError};

/// How long the daemon may take for one test. A login waits for Harbor, too.
const TEST_LIMIT: Duration = Duration::from_mins(1);

/// The host as somebody typed it.
#[derive(Debug, Clone)]
pub struct HostOrder {
    /// Address or name.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A Harbor account as somebody typed it.
#[derive(Debug, Clone)]
pub struct HarborOrder {
    /// User name.
    pub username: String,
    /// Password.
    pub password: SecretString,
    /// Registry with an optional port.
    pub registry: String,
    /// The same registry by its DNS name; may be empty.
    pub registry_dns: String,
    /// PEM of a private CA.
    pub ca_pem: Option<String>,
}

/// A Docker server as somebody typed it.
#[derive(Debug, Clone)]
pub struct DockerServerOrder {
    /// Host, address or `unix:///path`.
    pub host: String,
    /// Port; of no meaning for a socket.
    pub port: u16,
    /// tar or tar.gz with CA, certificate and key; TLS is on when it is there.
    pub tls_archive: Option<Bytes>,
}

/// All parts at once.
#[derive(Debug, Clone)]
pub struct ConfigureOrder {
    /// The host of this service.
    pub host: HostOrder,
    /// Harbor.
    pub harbor: HarborOrder,
    /// The Docker server.
    pub docker_server: DockerServerOrder,
}

/// Fields that can be refused; what a client calls them depends on the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The host of this service.
    Host,
    /// Harbor's registry.
    Registry,
    /// Harbor's DNS name.
    RegistryDns,
    /// Harbor's CA.
    HarborCa,
    /// The Docker server's host.
    DockerHost,
    /// The TLS archive.
    TlsArchive,
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// A text is no address.
    #[error("{field:?} '{value}': {problem}")]
    Address {
        /// Which field.
        field: Field,
        /// The text.
        value: String,
        /// What is wrong with it.
        problem: AddressError,
    },
    /// The archive of certificates is of no use.
    #[error(transparent)]
    TlsArchive(#[from] TlsArchiveError),
    /// Harbor's CA holds no certificate.
    #[error("harbor_ca holds no PEM certificate")]
    Authority,
    /// The daemon or Harbor refused, in their own words.
    #[error("the test failed")]
    Test(#[source] EngineError),
    /// The certificates cannot be written.
    #[error("cannot write certificates under {path}")]
    Disk {
        /// `tls_dir`.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The database or a sealed value.
    #[error(transparent)]
    Site(#[from] SiteError),
}

impl From<StoreError> for ConfigureError {
    fn from(error: StoreError) -> Self {
        Self::Site(error.into())
    }
}

/// A Harbor account that is well-formed.
struct CheckedHarbor {
    account: RegistryAccount,
    dns: String,
    ca_pem: Option<String>,
}

/// A Docker server that answered.
struct CheckedServer {
    endpoint: Endpoint,
    engine: Arc<dyn Engine>,
    row: NewDockerServer,
    certificates: Option<CertificateDirectory>,
}

impl Site {
    /// Configures all parts, in one transaction, after the tests.
    pub async fn configure(self: &Arc<Self>, order: ConfigureOrder) -> Result<(), ConfigureError> {
        let turn = self.configuring.clone().lock_owned().await;
        let host = check_host(&order.host)?;
        let harbor = check_harbor(order.harbor)?;
        let server = self.reach(order.docker_server).await?;
        check_login(server.engine.as_ref(), &harbor.account).await?;
        self.store_checked(turn, Some(host), Some(harbor), Some(server)).await
    }

    /// Configures the host alone.
    pub async fn update_host(self: &Arc<Self>, order: &HostOrder) -> Result<PublicHost, ConfigureError> {
        let turn = self.configuring.clone().lock_owned().await;
        let host = check_host(order)?;
        self.store_checked(turn, Some(host.clone()), None, None).await?;
        Ok(host)
    }

    /// Configures Harbor alone. Its login is tested by the configured daemon, where there is one.
    pub async fn update_harbor(self: &Arc<Self>, order: HarborOrder) -> Result<(), ConfigureError> {
        let turn = self.configuring.clone().lock_owned().await;
        let harbor = check_harbor(order)?;
        match self.docker_server().await {
            Ok(server) => check_login(server.engine.as_ref(), &harbor.account).await?,
            Err(SiteError::NotConfigured(_)) => {}
            Err(SiteError::Engine(error)) => return Err(ConfigureError::Test(error)),
            Err(error) => return Err(error.into()),
        }
        self.store_checked(turn, None, Some(harbor), None).await
    }

    /// Configures the Docker server alone. The configured Harbor, where there is one, is tested by it.
    pub async fn update_docker_server(self: &Arc<Self>, order: DockerServerOrder) -> Result<(), ConfigureError> {
        let turn = self.configuring.clone().lock_owned().await;
        let server = self.reach(order).await?;
        match self.harbor().await {
            Ok(harbor) => check_login(server.engine.as_ref(), &harbor.account).await?,
            Err(SiteError::NotConfigured(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.store_checked(turn, None, None, Some(server)).await
    }

    /// Connects to a server and asks it what it is. Its certificates lie under `tls_dir` until it is dropped.
    async fn reach(&self, order: DockerServerOrder) -> Result<CheckedServer, ConfigureError> {
        let address = DockerAddress::parse(&order.host).map_err(|problem| ConfigureError::Address {
            field: Field::DockerHost,
            value: order.host.clone(),
            problem,
        })?;
        let mut row = NewDockerServer { host: address.to_row(), port: order.port, ..NewDockerServer::default() };
        // The row of an old configuration keeps its certificates for ever; a socket has no use for any.
        let certificates = match (&address, order.tls_archive) {
            (_, None) | (DockerAddress::Socket(_), _) => None,
            (DockerAddress::Host(_), Some(archive)) => Some(self.write_certificates(archive).await?),
        };
        let endpoint = match (address, &certificates) {
            (DockerAddress::Socket(path), _) => Endpoint::Unix(path),
            (DockerAddress::Host(host), None) => Endpoint::Tcp { host, port: order.port },
            (DockerAddress::Host(host), Some(directory)) => {
                let [ca, certificate, key] = TlsFile::ALL.map(|file| directory.file(file));
                row.ca_path = ca.to_string_lossy().into_owned();
                row.client_cert_path = certificate.to_string_lossy().into_owned();
                row.client_key_path = key.to_string_lossy().into_owned();
                Endpoint::Tls { host, port: order.port, ca, certificate, key }
            }
        };
        let engine = within_limit(self.connector.connect(&endpoint)).await?;
        within_limit(engine.info()).await?;
        Ok(CheckedServer { endpoint, engine, row, certificates })
    }

    async fn write_certificates(&self, archive: Bytes) -> Result<CertificateDirectory, ConfigureError> {
        let tls_dir = self.settings.fb.tls_dir.clone();
        let now = self.clock.now();
        let writing = tokio::task::spawn_blocking(move || {
            let files = unpack(&archive)?;
            CertificateDirectory::write(&tls_dir, &files, now)
                .map_err(|source| ConfigureError::Disk { path: tls_dir, source })
        });
        match writing.await {
            Ok(written) => written,
            Err(error) => {
                let path = self.settings.fb.tls_dir.clone();
                Err(ConfigureError::Disk { path, source: std::io::Error::other(error) })
            }
        }
    }

    /// Stores what was checked and puts it in force, both of it also when whoever configures does not wait: what is stored
    /// and not in force would be at the next start. The turn ends with it.
    async fn store_checked(
        self: &Arc<Self>,
        turn: OwnedMutexGuard<()>,
        host: Option<PublicHost>,
        harbor: Option<CheckedHarbor>,
        server: Option<CheckedServer>,
    ) -> Result<(), ConfigureError> {
        let site = Arc::clone(self);
        let work = async move {
            let _turn = turn;
            site.put_in_force(host.as_ref(), harbor.as_ref(), server).await
        };
        to_completion(&self.tracker, work).await
    }

    async fn put_in_force(
        &self,
        host: Option<&PublicHost>,
        harbor: Option<&CheckedHarbor>,
        server: Option<CheckedServer>,
    ) -> Result<(), ConfigureError> {
        let harbor = harbor.map(|harbor| self.harbor_row(harbor)).transpose()?;
        let host = host.map(|host| (host.host.as_str(), host.port));
        let (row, mut certificates, connection) = match server {
            Some(server) => (Some(server.row), server.certificates, Some((server.endpoint, server.engine))),
            None => (None, None, None),
        };
        // Kept before the row points to them: a process that ends in between leaves an unused directory, which is better
        // than a row without its certificates.
        if let Some(certificates) = &mut certificates {
            certificates.set_kept(true);
        }
        if let Err(error) = self.store.append_configuration(host, harbor.as_ref(), row.as_ref(), self.clock.now()).await
        {
            if let Some(certificates) = &mut certificates {
                certificates.set_kept(false);
            }
            return Err(error.into());
        }
        self.reload().await?;
        if let (Some((endpoint, engine)), Some(row_id)) = (connection, self.docker_server_row_id()) {
            self.keep_connection(Arc::new(DockerServer::new(row_id, endpoint, engine)));
        }
        self.changes.send_modify(|changes| *changes += 1);
        Ok(())
    }

    fn harbor_row(&self, harbor: &CheckedHarbor) -> Result<NewHarbor, SiteError> {
        let sealed = self.sealer.seal(HARBOR_PASSWORD_PURPOSE, &harbor.account.password);
        Ok(NewHarbor {
            username: harbor.account.username.clone(),
            password_sealed: sealed.map_err(|_| SiteError::Sealed(HARBOR_PASSWORD_PURPOSE))?,
            registry: harbor.account.registry.to_string(),
            registry_dns: harbor.dns.clone(),
            ca_pem: harbor.ca_pem.clone(),
        })
    }
}

fn check_host(order: &HostOrder) -> Result<PublicHost, ConfigureError> {
    let host = parse_host(&order.host).map_err(|problem| ConfigureError::Address {
        field: Field::Host,
        value: order.host.clone(),
        problem,
    })?;
    Ok(PublicHost { host, port: order.port })
}

fn check_harbor(order: HarborOrder) -> Result<CheckedHarbor, ConfigureError> {
    let registry = |field, text: &str| {
        let refused = |_| ConfigureError::Address { field, value: text.to_owned(), problem: AddressError::Registry };
        text.trim().parse::<RegistryHost>().map_err(refused)
    };
    let dns = match order.registry_dns.trim() {
        "" => String::new(),
        text => registry(Field::RegistryDns, text)?.to_string(),
    };
    let registry = registry(Field::Registry, &order.registry)?;
    let ca_pem = order.ca_pem.filter(|pem| !pem.trim().is_empty());
    if let Some(pem) = &ca_pem {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        if !certificates.is_ok_and(|certificates| !certificates.is_empty()) {
            return Err(ConfigureError::Authority);
        }
    }
    let account = RegistryAccount { registry, username: order.username, password: order.password };
    Ok(CheckedHarbor { account, dns, ca_pem })
}

async fn check_login(engine: &dyn Engine, account: &RegistryAccount) -> Result<(), ConfigureError> {
    within_limit(engine.check_login(account)).await.map_err(|error| match error {
        ConfigureError::Test(mut error) => {
            let password = account.password.expose_secret();
            if !password.is_empty() {
                error.message = error.message.replace(password, "***");
            }
            ConfigureError::Test(error)
        }
        error => error,
    })
}

async fn within_limit<T>(call: impl Future<Output = Result<T, EngineError>>) -> Result<T, ConfigureError> {
    let Ok(answer) = tokio::time::timeout(TEST_LIMIT, call).await else {
        let message = format!("no answer within {} s", TEST_LIMIT.as_secs());
        return Err(ConfigureError::Test(EngineError::new(Cause::Timeout, message)));
    };
    answer.map_err(ConfigureError::Test)
}

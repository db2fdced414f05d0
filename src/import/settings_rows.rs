//! Old configuration: host, Harbor and Docker server, each only while none of ours is configured.
//!
//! All rows of a part are taken, oldest first, so that the newest one counts and the history stays readable.

use std::path::Path;

use secrecy::SecretString;

use super::report::TableReport;
use super::row::OldRow;
use super::{Import, ImportError, UNCONFIGURED_HOST, same_registry};
use crate::clock::Moment;
use crate::image::RegistryHost;
use crate::site::HARBOR_PASSWORD_PURPOSE;
use crate::store::{NewDockerServer, NewHarbor};

const HOST_COLUMNS: &[&str] = &["host_ip", "host_port", "create_time"];
const HARBOR_COLUMNS: &[&str] = &["username", "password", "registry", "registry_dns", "create_time"];
const DOCKER_COLUMNS: &[&str] =
    &["host", "port", "tls_verify", "client_cert_path", "ca_path", "client_key_path", "create_time"];
const ALREADY: &str = "configured here already";

/// What is configured here already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Configured {
    pub(super) host: bool,
    pub(super) harbor: bool,
    pub(super) docker_server: bool,
}

impl Import<'_> {
    pub(super) async fn settings_rows(&mut self, configured: Configured, now: Moment) -> Result<(), ImportError> {
        self.hosts(configured.host, now).await?;
        self.harbors(configured.harbor, now).await?;
        self.docker_servers(configured.docker_server, now).await
    }

    async fn hosts(&mut self, is_configured: bool, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_host_table"], HOST_COLUMNS).await?;
        for row in &rows {
            let host = row.text("host_ip").trim().to_owned();
            if is_configured {
                report.skip(ALREADY);
            } else if host.is_empty() || host == UNCONFIGURED_HOST {
                report.skip("not a configured host");
            } else if let Some(port) = port(row, "host_port", 48001) {
                self.writing.import_host(&host, port, self.created(row, now)).await?;
                report.taken += 1;
            } else {
                report.skip("its port is none");
            }
        }
        self.report.tables.push(report);
        Ok(())
    }

    async fn harbors(&mut self, is_configured: bool, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_harbor_table"], HARBOR_COLUMNS).await?;
        for row in &rows {
            let registry = row.text("registry").trim().to_owned();
            let registry_dns = row.text("registry_dns").trim().to_owned();
            let is_registry = |text: &str| text.parse::<RegistryHost>().is_ok();
            if is_configured {
                report.skip(ALREADY);
            } else if !is_registry(&registry) || !(registry_dns.is_empty() || is_registry(&registry_dns)) {
                report.skip("its registry is no host with an optional port");
            } else if row.text("username").is_empty() {
                report.skip("no user name");
            } else if row.text("password").is_empty() {
                report.skip("no password");
            } else {
                let password = SecretString::from(row.text("password"));
                let harbor = NewHarbor {
                    username: row.text("username"),
                    password_sealed: self.sealer.seal(HARBOR_PASSWORD_PURPOSE, &password)?,
                    registry,
                    registry_dns,
                    ca_pem: None,
                };
                self.writing.import_harbor(&harbor, self.created(row, now)).await?;
                self.harbor = same_registry(&harbor.registry, &harbor.registry_dns);
                report.taken += 1;
            }
        }
        self.note_untested(&report, "Harbor account");
        self.report.tables.push(report);
        Ok(())
    }

    async fn docker_servers(&mut self, is_configured: bool, now: Moment) -> Result<(), ImportError> {
        let names = ["fb_docker_server_table", "fb_docker_table"];
        let (rows, mut report) = self.source.rows(&names, DOCKER_COLUMNS).await?;
        for row in &rows {
            let host = row.text("host").trim().to_owned();
            let files = ["client_cert_path", "ca_path", "client_key_path"].map(|column| row.text(column));
            if is_configured {
                report.skip(ALREADY);
            } else if host.is_empty() {
                report.skip("no host");
            } else if row.truth("tls_verify") && files.iter().any(|file| !Path::new(file).is_file()) {
                // Without TLS such a server must not be used, with it it cannot be.
                report.skip("its certificates are not on this machine; configure it anew");
            } else if let Some(port) = port(row, "port", 2375) {
                let [client_cert_path, ca_path, client_key_path] =
                    if row.truth("tls_verify") { files } else { Default::default() };
                let server = NewDockerServer { host, port, client_cert_path, ca_path, client_key_path };
                self.writing.import_docker_server(&server, self.created(row, now)).await?;
                report.taken += 1;
            } else {
                report.skip("its port is none");
            }
        }
        self.note_untested(&report, "Docker server");
        self.report.tables.push(report);
        Ok(())
    }

    fn note_untested(&mut self, report: &TableReport, part: &str) {
        if report.taken > 0 {
            self.report.notes.push(format!("the {part} was taken as it stood and not tested"));
        }
    }

    fn created(&self, row: &OldRow, now: Moment) -> Moment {
        row.times(&self.settings.fb.time_zone.0, now).0
    }
}

fn port(row: &OldRow, column: &str, default: u16) -> Option<u16> {
    if row.text(column).trim().is_empty() {
        return Some(default);
    }
    row.integer(column).and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0)
}

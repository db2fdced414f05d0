//! Going back to an earlier row: it is tested like a new configuration and stored as the newest row.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::store::DockerServerRow;

use super::tls_archive::TlsFile;
use super::{
    ConfigureError, DockerServerOrder, HARBOR_PASSWORD_PURPOSE, HarborOrder, HostOrder, Part, Site, SiteError,
};

/// How far back a row is looked for.
const ROWS_SEARCHED: i64 = 1_000;

impl Site {
    /// Puts an earlier row in force again; `false` when there is no such row.
    pub async fn roll_back(self: &Arc<Self>, part: Part, primary_id: i64) -> Result<bool, ConfigureError> {
        match part {
            Part::Host => self.roll_back_host(primary_id).await,
            Part::Harbor => self.roll_back_harbor(primary_id).await,
            Part::DockerServer => self.roll_back_docker_server(primary_id).await,
        }
    }

    async fn roll_back_host(self: &Arc<Self>, primary_id: i64) -> Result<bool, ConfigureError> {
        let rows = self.store.hosts(ROWS_SEARCHED).await?;
        let Some(row) = rows.into_iter().find(|row| row.primary_id == primary_id) else { return Ok(false) };
        self.update_host(&HostOrder { host: row.host_ip, port: row.host_port }).await?;
        Ok(true)
    }

    async fn roll_back_harbor(self: &Arc<Self>, primary_id: i64) -> Result<bool, ConfigureError> {
        let rows = self.store.harbors(ROWS_SEARCHED).await?;
        let Some(row) = rows.into_iter().find(|row| row.primary_id == primary_id) else { return Ok(false) };
        let opened = self.sealer.open(HARBOR_PASSWORD_PURPOSE, &row.password_sealed);
        let password = opened.map_err(|_| SiteError::Sealed(HARBOR_PASSWORD_PURPOSE))?;
        let order = HarborOrder {
            username: row.username,
            password,
            registry: row.registry,
            registry_dns: row.registry_dns,
            ca_pem: row.ca_pem,
        };
        self.update_harbor(order).await?;
        Ok(true)
    }

    async fn roll_back_docker_server(self: &Arc<Self>, primary_id: i64) -> Result<bool, ConfigureError> {
        let rows = self.store.docker_servers(ROWS_SEARCHED).await?;
        let Some(row) = rows.into_iter().find(|row| row.primary_id == primary_id) else { return Ok(false) };
        let tls_archive = if row.tls_verify { Some(pack(&row).await?) } else { None };
        self.update_docker_server(DockerServerOrder { host: row.host, port: row.port, tls_archive }).await?;
        Ok(true)
    }
}

/// The certificates of a row as the archive they once came in, so that they take the same way again.
async fn pack(row: &DockerServerRow) -> Result<Bytes, ConfigureError> {
    let unusable = |path: &Path, source| ConfigureError::Disk { path: path.to_owned(), source };
    let mut archive = tar::Builder::new(Vec::new());
    for file in TlsFile::ALL {
        let path = PathBuf::from(match file {
            TlsFile::Authority => &row.ca_path,
            TlsFile::Certificate => &row.client_cert_path,
            TlsFile::Key => &row.client_key_path,
        });
        let content = tokio::fs::read(&path).await.map_err(|source| unusable(&path, source))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        let added = archive.append_data(&mut header, file.kept_name(), content.as_slice());
        added.map_err(|source| unusable(&path, source))?;
    }
    let packed = archive.into_inner().map_err(|source| unusable(Path::new(&row.ca_path), source))?;
    Ok(Bytes::from(packed))
}

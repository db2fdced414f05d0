//! Host, Harbor, Docker server and callback headers: append-only rows, the newest in force.

use super::{Durability, Store, StoreError, Writing};
use crate::clock::Moment;

/// Where this service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRow {
    /// Row number.
    pub primary_id: i64,
    /// Address or name.
    pub host_ip: String,
    /// Port.
    pub host_port: u16,
    /// When the row was written.
    pub create_time: Moment,
}

/// A Harbor account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarborRow {
    /// Row number.
    pub primary_id: i64,
    /// User name.
    pub username: String,
    /// Sealed password.
    pub password_sealed: String,
    /// Registry, port included.
    pub registry: String,
    /// The same registry by its DNS name; may be empty.
    pub registry_dns: String,
    /// PEM of a private CA.
    pub ca_pem: Option<String>,
    /// When the row was written.
    pub create_time: Moment,
}

/// A Harbor account to store.
#[derive(Debug, Clone)]
pub struct NewHarbor {
    /// User name.
    pub username: String,
    /// Sealed password.
    pub password_sealed: String,
    /// Registry, port included.
    pub registry: String,
    /// The same registry by its DNS name; may be empty.
    pub registry_dns: String,
    /// PEM of a private CA.
    pub ca_pem: Option<String>,
}

/// A Docker server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerServerRow {
    /// Row number.
    pub primary_id: i64,
    /// Server name; `default` until there are several.
    pub name: String,
    /// Host, address or `unix://` path.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is on.
    pub tls_verify: bool,
    /// File of the client's certificate.
    pub client_cert_path: String,
    /// File of the CA.
    pub ca_path: String,
    /// File of the client's key.
    pub client_key_path: String,
    /// When the row was written.
    pub create_time: Moment,
}

/// A Docker server to store; TLS is on when the three files are named.
#[derive(Debug, Clone, Default)]
pub struct NewDockerServer {
    /// Host, address or `unix://` path.
    pub host: String,
    /// Port.
    pub port: u16,
    /// File of the client's certificate; empty without TLS.
    pub client_cert_path: String,
    /// File of the CA; empty without TLS.
    pub ca_path: String,
    /// File of the client's key; empty without TLS.
    pub client_key_path: String,
}

/// Headers that callbacks carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackHeadersRow {
    /// Row number.
    pub primary_id: i64,
    /// JSON object, sealed, because a header may be a credential.
    pub headers_sealed: String,
    /// When the row was written.
    pub create_time: Moment,
}

fn port(number: i64) -> Result<u16, StoreError> {
    u16::try_from(number).map_err(|_| StoreError::Row { table: "configuration", reason: format!("port {number}") })
}

impl Store {
    /// Stores what a configuration call gave, in one transaction: all of it or nothing.
    pub async fn append_configuration(
        &self,
        host: Option<(&str, u16)>,
        harbor: Option<&NewHarbor>,
        docker_server: Option<&NewDockerServer>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        if let Some((host_ip, host_port)) = host {
            insert_host(&mut writing, host_ip, host_port, now).await?;
        }
        if let Some(harbor) = harbor {
            insert_harbor(&mut writing, harbor, now).await?;
        }
        if let Some(server) = docker_server {
            insert_docker_server(&mut writing, server, now).await?;
        }
        writing.commit().await
    }

    /// Stores callback headers.
    pub async fn append_callback_headers(&self, headers_sealed: &str, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        sqlx::query!("INSERT INTO callback_headers (headers_sealed, create_time) VALUES (?, ?)", headers_sealed, now.0)
            .execute(writing.connection())
            .await?;
        writing.commit().await
    }

    /// Host rows, newest first.
    pub async fn hosts(&self, limit: i64) -> Result<Vec<HostRow>, StoreError> {
        let rows = sqlx::query!(
            "SELECT primary_id, host_ip, host_port, create_time FROM host ORDER BY primary_id DESC LIMIT ?",
            limit
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(HostRow {
                    primary_id: row.primary_id,
                    host_ip: row.host_ip,
                    host_port: port(row.host_port)?,
                    create_time: Moment(row.create_time),
                })
            })
            .collect()
    }

    /// Harbor rows, newest first.
    pub async fn harbors(&self, limit: i64) -> Result<Vec<HarborRow>, StoreError> {
        let rows = sqlx::query!(
            "SELECT primary_id, username, password_sealed, registry, registry_dns, ca_pem, create_time
             FROM harbor ORDER BY primary_id DESC LIMIT ?",
            limit
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| HarborRow {
                primary_id: row.primary_id,
                username: row.username,
                password_sealed: row.password_sealed,
                registry: row.registry,
                registry_dns: row.registry_dns,
                ca_pem: row.ca_pem,
                create_time: Moment(row.create_time),
            })
            .collect())
    }

    /// Docker-server rows, newest first.
    pub async fn docker_servers(&self, limit: i64) -> Result<Vec<DockerServerRow>, StoreError> {
        let rows = sqlx::query!(
            "SELECT primary_id, name, host, port, tls_verify, client_cert_path, ca_path, client_key_path, create_time
             FROM docker_server ORDER BY primary_id DESC LIMIT ?",
            limit
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(DockerServerRow {
                    primary_id: row.primary_id,
                    name: row.name,
                    host: row.host,
                    port: port(row.port)?,
                    tls_verify: row.tls_verify != 0,
                    client_cert_path: row.client_cert_path,
                    ca_path: row.ca_path,
                    client_key_path: row.client_key_path,
                    create_time: Moment(row.create_time),
                })
            })
            .collect()
    }

    /// Callback-header rows, newest first.
    pub async fn callback_headers(&self, limit: i64) -> Result<Vec<CallbackHeadersRow>, StoreError> {
        let rows = sqlx::query!(
            "SELECT primary_id, headers_sealed, create_time FROM callback_headers ORDER BY primary_id DESC LIMIT ?",
            limit
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| CallbackHeadersRow {
                primary_id: row.primary_id,
                headers_sealed: row.headers_sealed,
                create_time: Moment(row.create_time),
            })
            .collect())
    }

    /// Whether any row holds something sealed, so that a missing key file is a fault and not a first start.
    pub async fn has_sealed_rows(&self) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM harbor) OR EXISTS (SELECT 1 FROM callback_headers)
                   OR EXISTS (SELECT 1 FROM task) AS "found!: bool""#
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(found)
    }
}

pub(super) async fn insert_host(
    writing: &mut Writing<'_>,
    host_ip: &str,
    host_port: u16,
    create_time: Moment,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO host (host_ip, host_port, create_time) VALUES (?, ?, ?)",
        host_ip,
        host_port,
        create_time.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

pub(super) async fn insert_harbor(
    writing: &mut Writing<'_>,
    harbor: &NewHarbor,
    create_time: Moment,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO harbor (username, password_sealed, registry, registry_dns, ca_pem, create_time)
                 VALUES (?, ?, ?, ?, ?, ?)",
        harbor.username,
        harbor.password_sealed,
        harbor.registry,
        harbor.registry_dns,
        harbor.ca_pem,
        create_time.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

pub(super) async fn insert_docker_server(
    writing: &mut Writing<'_>,
    server: &NewDockerServer,
    create_time: Moment,
) -> Result<(), StoreError> {
    let tls_verify = !server.ca_path.is_empty();
    sqlx::query!(
        "INSERT INTO docker_server
                     (host, port, tls_verify, client_cert_path, ca_path, client_key_path, create_time)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
        server.host,
        server.port,
        tls_verify,
        server.client_cert_path,
        server.ca_path,
        server.client_key_path,
        create_time.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

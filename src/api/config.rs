//! Tag `config`: Harbor, the Docker server and the one-shot configuration of all parts.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};
use super::extract::Form;
use super::fields::{Fields, FromFields};
use super::host::{DEFAULT_PORT, HostView};
use super::{ApiError, AppState};
use crate::language::{Language, Message};
use crate::site::{
    ConfigureError, ConfigureOrder, DockerServerOrder, Field, HarborOrder, HostOrder, SiteError, TlsArchiveError,
};
use crate::store::{DockerServerRow, HarborRow};

/// The most rows of each kind that one answer carries.
const MAX_ROWS: i64 = 10_000;
const DEFAULT_DOCKER_PORT: u16 = 2_375;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(config_welcome))
        .routes(routes!(config_fastbuild))
        .routes(routes!(update_docker_server))
        .routes(routes!(update_harbor))
        .routes(routes!(config_current))
        .routes(routes!(config_history))
}

/// All parts of a site.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct ConfigFastBuildForm {
    /// Address or domain name under which others reach this service.
    #[schema(example = "10.0.0.5", min_length = 1)]
    fastbuild_host: String,
    /// Its port.
    #[schema(default = 48001, minimum = 1, maximum = 65535, nullable = false)]
    fastbuild_port: Option<u16>,
    /// Harbor's user name.
    #[schema(example = "robot$fastbuild", min_length = 1)]
    harbor_username: String,
    /// Harbor's password.
    #[schema(min_length = 1)]
    harbor_password: String,
    /// Harbor's address or domain name, with an optional port.
    #[schema(example = "harbor.example.cn", min_length = 1)]
    harbor_registry: String,
    /// The same registry by its DNS name.
    #[schema(default = "", nullable = false)]
    harbor_registry_dns: Option<String>,
    /// The Docker server's address or domain name, or `unix:///path/to/docker.sock`.
    #[schema(example = "10.0.0.6", min_length = 1)]
    docker_host: String,
    /// Its port; without meaning for a socket.
    #[schema(default = 2375, minimum = 1, maximum = 65535, nullable = false)]
    docker_port: Option<u16>,
    /// tar or tar.gz with `ca-jenkins.pem`, `cert-jenkins.pem`, `key-jenkins.pem` (or `ca.pem`, `cert.pem`, `key.pem`).
    #[schema(value_type = Option<String>, format = Binary, nullable = false)]
    docker_tls_tar_file: Option<Vec<u8>>,
    /// PEM of a private CA that signed Harbor's certificate, as text or file.
    #[schema(nullable = false)]
    harbor_ca: Option<String>,
}

/// A Docker server.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct DockerServerForm {
    /// Address or domain name, or `unix:///path/to/docker.sock`.
    #[schema(example = "10.0.0.6", min_length = 1)]
    host: String,
    /// Port; without meaning for a socket.
    #[schema(default = 2375, minimum = 1, maximum = 65535, nullable = false)]
    port: Option<u16>,
    /// tar or tar.gz with `ca-jenkins.pem`, `cert-jenkins.pem`, `key-jenkins.pem` (or `ca.pem`, `cert.pem`, `key.pem`).
    #[schema(value_type = Option<String>, format = Binary, nullable = false)]
    tls_tar_file: Option<Vec<u8>>,
}

/// Harbor. Each name may also be written with `harbor_` in front.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct HarborForm {
    /// User name.
    #[schema(example = "robot$fastbuild", min_length = 1)]
    username: String,
    /// Password.
    #[schema(min_length = 1)]
    password: String,
    /// Address or domain name, with an optional port.
    #[schema(example = "harbor.example.cn", min_length = 1)]
    registry: String,
    /// The same registry by its DNS name.
    #[schema(default = "", nullable = false)]
    registry_dns: Option<String>,
    /// PEM of a private CA that signed Harbor's certificate, as text or file.
    #[schema(nullable = false)]
    ca: Option<String>,
}

impl FromFields for ConfigureOrder {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            host: HostOrder {
                host: fields.text("fastbuild_host"),
                port: fields.port_or("fastbuild_port", DEFAULT_PORT),
            },
            harbor: HarborOrder {
                username: fields.text("harbor_username"),
                password: SecretString::from(fields.text("harbor_password")),
                registry: fields.text("harbor_registry"),
                registry_dns: fields.text_or_empty("harbor_registry_dns"),
                ca_pem: fields.text_or_file("harbor_ca"),
            },
            docker_server: {
                let host = fields.text("docker_host");
                let port = docker_port(fields, &host, "docker_port");
                DockerServerOrder { host, port, tls_archive: fields.file("docker_tls_tar_file") }
            },
        }
    }
}

impl FromFields for DockerServerOrder {
    fn from_fields(fields: &mut Fields) -> Self {
        let host = fields.text_of(&["host", "docker_host"]);
        let port = docker_port(fields, &host, "port");
        Self { host, port, tls_archive: any_file(fields, ["tls_tar_file", "docker_tls_tar_file"]) }
    }
}

/// A socket of the same machine has no port, whatever the field says.
fn docker_port(fields: &mut Fields, host: &str, name: &'static str) -> u16 {
    if host.trim().starts_with("unix://") { DEFAULT_DOCKER_PORT } else { fields.port_or(name, DEFAULT_DOCKER_PORT) }
}

fn any_file(fields: &mut Fields, names: [&'static str; 2]) -> Option<Bytes> {
    let [first, second] = names.map(|name| fields.file(name));
    first.or(second)
}

impl FromFields for HarborOrder {
    fn from_fields(fields: &mut Fields) -> Self {
        let dns = fields.text_or_empty("registry_dns");
        Self {
            username: fields.text_of(&["username", "harbor_username"]),
            password: SecretString::from(fields.text_of(&["password", "harbor_password"])),
            registry: fields.text_of(&["registry", "harbor_registry"]),
            registry_dns: if dns.is_empty() { fields.text_or_empty("harbor_registry_dns") } else { dns },
            ca_pem: fields.text_or_file("ca").or_else(|| fields.text_or_file("harbor_ca")),
        }
    }
}

/// The answer of a configuration whose test failed.
#[derive(Serialize, ToSchema)]
pub(super) struct ConfigurationTestError {
    /// The daemon's or the registry's own words, without credentials.
    #[schema(example = "unauthorized: authentication required")]
    message: String,
    /// Always `123`.
    #[schema(example = "123")]
    code: String,
}

/// Answers of the configuring calls beside 200.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "declares responses for the OpenAPI document")]
enum ConfigErrors {
    /// The request does not have the declared form.
    #[response(status = 422)]
    Invalid(super::validation::HTTPValidationError),
    /// The daemon could not be reached or Harbor refused the login; nothing was stored.
    #[response(status = 500)]
    Test(ConfigurationTestError),
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/config/welcome", tag = "config", responses((status = 200, body = Welcome)))]
async fn config_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Config Module")
}

/// Configure host, Harbor and Docker server at once
///
/// The daemon is reached and the Harbor login is tested by that daemon before anything is stored. An invalid host, or a TLS
/// tar without the three files, is `code` -1 with field and file named.
#[utoipa::path(post, path = "/api/fast-build/config/config-fastbuild", tag = "config",
    request_body(content = ConfigFastBuildForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<String>), ConfigErrors))]
async fn config_fastbuild(
    State(state): State<AppState>,
    language: Language,
    Form(order): Form<ConfigureOrder>,
) -> Answer<String> {
    state.site.configure(order).await.map_err(|error| refuse(error, one_shot_name))?;
    success(Message::Configured.render(language))
}

/// Configure the Docker server alone
///
/// The daemon is reached, and a configured Harbor's login is tested by it, before the row is stored.
#[utoipa::path(post, path = "/api/fast-build/config/update-docker-server", tag = "config",
    request_body(content = DockerServerForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<String>), ConfigErrors))]
async fn update_docker_server(
    State(state): State<AppState>,
    language: Language,
    Form(order): Form<DockerServerOrder>,
) -> Answer<String> {
    state.site.update_docker_server(order).await.map_err(|error| refuse(error, part_name))?;
    success(Message::DockerServerUpdated.render(language))
}

/// Configure Harbor alone
///
/// The login is tested by the configured Docker server, where there is one, before the row is stored.
#[utoipa::path(post, path = "/api/fast-build/config/update-harbor", tag = "config",
    request_body(content = HarborForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<String>), ConfigErrors))]
async fn update_harbor(
    State(state): State<AppState>,
    language: Language,
    Form(order): Form<HarborOrder>,
) -> Answer<String> {
    state.site.update_harbor(order).await.map_err(|error| refuse(error, part_name))?;
    success(Message::HarborUpdated.render(language))
}

fn one_shot_name(field: Field) -> &'static str {
    match field {
        Field::Host => "fastbuild_host",
        Field::Registry => "harbor_registry",
        Field::RegistryDns => "harbor_registry_dns",
        Field::HarborCa => "harbor_ca",
        Field::DockerHost => "docker_host",
        Field::TlsArchive => "docker_tls_tar_file",
    }
}

/// What the calls for one part call a field.
pub(super) fn part_name(field: Field) -> &'static str {
    match field {
        Field::Host | Field::DockerHost => "host",
        Field::Registry => "registry",
        Field::RegistryDns => "registry_dns",
        Field::HarborCa => "ca",
        Field::TlsArchive => "tls_tar_file",
    }
}

/// A refused configuration with the field as the client called it.
pub(super) fn refuse(error: ConfigureError, name: fn(Field) -> &'static str) -> ApiError {
    match error {
        ConfigureError::Address { field, value, problem } => {
            Message::AddressInvalid { field: name(field), value, problem }.into()
        }
        ConfigureError::TlsArchive(error) => refuse_archive(error, name(Field::TlsArchive)).into(),
        ConfigureError::Authority => Message::NoCertificate { field: name(Field::HarborCa) }.into(),
        ConfigureError::Test(error) | ConfigureError::Site(SiteError::Engine(error)) => {
            ApiError::ConfigurationTest(error.message)
        }
        error @ ConfigureError::Disk { .. } => ApiError::internal(error),
        ConfigureError::Site(error) => error.into(),
    }
}

fn refuse_archive(error: TlsArchiveError, field: &'static str) -> Message {
    match error {
        TlsArchiveError::Unreadable(_) => Message::TlsArchiveUnreadable { field },
        TlsArchiveError::TooLarge(limit_bytes) => Message::TlsArchiveTooLarge { field, limit_bytes },
        TlsArchiveError::TooManyEntries(limit) => Message::TlsArchiveTooManyEntries { field, limit },
        TlsArchiveError::SpecialFile(path) | TlsArchiveError::Path(path) | TlsArchiveError::Repeated(path) => {
            Message::TlsArchiveEntry { field, path }
        }
        TlsArchiveError::Missing(files) => Message::TlsArchiveLacks { field, files },
        TlsArchiveError::NotPem(file) => Message::TlsFileNotPem { field, file },
    }
}

/// A Harbor row; the password is never shown.
#[derive(Serialize, ToSchema)]
struct HarborView {
    /// Row number.
    primary_id: i64,
    /// User name.
    username: String,
    /// Registry, port included.
    registry: String,
    /// The same registry by its DNS name; may be empty.
    registry_dns: String,
    /// Whether a private CA is stored with it.
    has_ca: bool,
    /// When the row was written.
    create_time: String,
    /// The same: rows never change.
    update_time: String,
}

/// A Docker-server row.
#[derive(Serialize, ToSchema)]
struct DockerServerView {
    /// Row number.
    primary_id: i64,
    /// Name of the server.
    #[schema(example = "default")]
    name: String,
    /// Host or `unix://` path.
    host: String,
    /// Port.
    port: u16,
    /// Whether TLS is on.
    tls_verify: bool,
    /// File of the client's certificate; empty without TLS.
    client_cert_path: String,
    /// File of the CA; empty without TLS.
    ca_path: String,
    /// File of the client's key; empty without TLS.
    client_key_path: String,
    /// When the row was written.
    create_time: String,
    /// The same: rows never change.
    update_time: String,
}

/// The configuration in force.
#[derive(Serialize, ToSchema)]
struct CurrentConfig {
    /// The host; `0.0.0.0` until it is configured.
    host: Option<HostView>,
    /// Harbor.
    harbor: Option<HarborView>,
    /// The Docker server.
    docker_server: Option<DockerServerView>,
}

/// Every configuration that was ever in force, newest first.
#[derive(Serialize, ToSchema)]
struct ConfigHistory {
    /// Hosts.
    host: Vec<HostView>,
    /// Harbors.
    harbor: Vec<HarborView>,
    /// Docker servers.
    docker_server: Vec<DockerServerView>,
}

/// Show the configuration in force
#[utoipa::path(get, path = "/api/fast-build/config/current", tag = "config",
    responses((status = 200, body = Envelope<CurrentConfig>)))]
async fn config_current(State(state): State<AppState>) -> Answer<CurrentConfig> {
    let ConfigHistory { mut host, mut harbor, mut docker_server } = history(&state, 1).await?;
    success(CurrentConfig { host: host.pop(), harbor: harbor.pop(), docker_server: docker_server.pop() })
}

/// Show every configuration there ever was, newest first
#[utoipa::path(get, path = "/api/fast-build/config/history", tag = "config",
    responses((status = 200, body = Envelope<ConfigHistory>)))]
async fn config_history(State(state): State<AppState>) -> Answer<ConfigHistory> {
    success(history(&state, MAX_ROWS).await?)
}

async fn history(state: &AppState, limit: i64) -> Result<ConfigHistory, ApiError> {
    let hosts = state.store.hosts(limit).await?;
    let harbors = state.store.harbors(limit).await?;
    let servers = state.store.docker_servers(limit).await?;
    Ok(ConfigHistory {
        host: hosts.into_iter().map(|row| HostView::new(row, state)).collect(),
        harbor: harbors.into_iter().map(|row| HarborView::new(row, state)).collect(),
        docker_server: servers.into_iter().map(|row| DockerServerView::new(row, state)).collect(),
    })
}

impl HarborView {
    fn new(row: HarborRow, state: &AppState) -> Self {
        let time = state.time(row.create_time.micros());
        Self {
            primary_id: row.primary_id,
            username: row.username,
            registry: row.registry,
            registry_dns: row.registry_dns,
            has_ca: row.ca_pem.is_some(),
            create_time: time.clone(),
            update_time: time,
        }
    }
}

impl DockerServerView {
    fn new(row: DockerServerRow, state: &AppState) -> Self {
        let time = state.time(row.create_time.micros());
        Self {
            primary_id: row.primary_id,
            name: row.name,
            host: row.host,
            port: row.port,
            tls_verify: row.tls_verify,
            client_cert_path: row.client_cert_path,
            ca_path: row.ca_path,
            client_key_path: row.client_key_path,
            create_time: time.clone(),
            update_time: time,
        }
    }
}

//! Tag `host`: where this service is reached.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::config::{part_name, refuse};
use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::Form;
use super::fields::{Fields, FromFields};
use crate::language::{Language, Message};
use crate::site::HostOrder;
use crate::store::HostRow;

/// The most rows that one answer carries.
const MAX_ROWS: i64 = 10_000;
/// Where this service listens unless it is told otherwise.
pub(super) const DEFAULT_PORT: u16 = 48_001;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(host_welcome))
        .routes(routes!(update_host))
        .routes(routes!(host_latest))
        .routes(routes!(host_all))
}

/// A host row.
#[derive(Serialize, ToSchema)]
pub(super) struct HostView {
    /// Row number.
    primary_id: i64,
    /// Address or domain name; `0.0.0.0` until it is configured.
    #[schema(example = "10.0.0.5")]
    host_ip: String,
    /// Port.
    #[schema(example = 48001)]
    host_port: u16,
    /// When the row was written.
    create_time: String,
    /// The same: rows never change.
    update_time: String,
}

impl HostView {
    pub(super) fn new(row: HostRow, state: &AppState) -> Self {
        let time = state.time(row.create_time.micros());
        let HostRow { primary_id, host_ip, host_port, .. } = row;
        Self { primary_id, host_ip, host_port, create_time: time.clone(), update_time: time }
    }
}

/// The host of this service. The names `host_ip` and `fastbuild_host`, `host_port` and `fastbuild_port` do as well.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct HostForm {
    /// Address or domain name under which others reach this service.
    #[schema(example = "10.0.0.5", min_length = 1)]
    host: String,
    /// Port.
    #[schema(default = 48001, minimum = 1, maximum = 65535, nullable = false)]
    port: Option<u16>,
}

impl FromFields for HostOrder {
    fn from_fields(fields: &mut Fields) -> Self {
        let host = fields.text_of(&["host", "host_ip", "fastbuild_host"]);
        let port = fields.port_or("fastbuild_port", DEFAULT_PORT);
        let port = fields.port_or("host_port", port);
        Self { host, port: fields.port_or("port", port) }
    }
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/host/welcome", tag = "host", responses((status = 200, body = Welcome)))]
async fn host_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Host Module")
}

/// Configure the host alone
///
/// The URLs of logs and Dockerfiles begin with it from now on.
#[utoipa::path(post, path = "/api/fast-build/host/update-host", tag = "host",
    request_body(content = HostForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<String>), FormErrors))]
async fn update_host(
    State(state): State<AppState>,
    language: Language,
    Form(order): Form<HostOrder>,
) -> Answer<String> {
    let host = state.site.update_host(&order).await.map_err(|error| refuse(error, part_name))?;
    success(Message::HostUpdated { host: host.host, port: host.port }.render(language))
}

/// Show the host in force
#[utoipa::path(get, path = "/api/fast-build/host/latest", tag = "host",
    responses((status = 200, body = Envelope<HostView>)))]
async fn host_latest(State(state): State<AppState>) -> Answer<HostView> {
    let newest = state.store.hosts(1).await?.pop().ok_or(Message::NoHostYet)?;
    success(HostView::new(newest, &state))
}

/// Show every host there ever was, newest first
#[utoipa::path(get, path = "/api/fast-build/host/all", tag = "host",
    responses((status = 200, body = Envelope<Vec<HostView>>)))]
async fn host_all(State(state): State<AppState>) -> Answer<Vec<HostView>> {
    let rows = state.store.hosts(MAX_ROWS).await?;
    success(rows.into_iter().map(|row| HostView::new(row, &state)).collect())
}

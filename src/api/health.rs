//! Whether this service lives, and whether what it depends on works.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, Request, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::cause::Cause;
use crate::health::{self, Condition};
use crate::language::{Language, Message, hint};

/// The route that no layer surrounds, because it is a constant.
pub(super) fn constant_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(healthz))
}

/// The route that asks the dependencies.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(readyz))
}

/// This process lives.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Say that the process lives
///
/// A constant, without any I/O.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, body = Health)))]
async fn healthz() -> Response {
    alive()
}

fn alive() -> Response {
    Json(Health { status: "ok" }).into_response()
}

/// The answer to a request for `/healthz`, without the way through the routes; `None` for any other request.
pub fn constant_answer<B>(request: &Request<B>) -> Option<Response> {
    (request.uri().path() == "/healthz" && request.method() == Method::GET).then(alive)
}

/// How a dependency does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(title = "Condition")]
enum ConditionView {
    /// It answered.
    Ok,
    /// It failed or did not answer in time.
    Failing,
    /// Nobody configured it yet.
    NotConfigured,
    /// It could not be asked because another one fails.
    Unknown,
}

impl From<Condition> for ConditionView {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Ok => Self::Ok,
            Condition::Failing => Self::Failing,
            Condition::NotConfigured => Self::NotConfigured,
            Condition::Unknown => Self::Unknown,
        }
    }
}

/// A dependency.
#[derive(Serialize, ToSchema)]
#[schema(title = "Dependency")]
struct DependencyView {
    /// How it does.
    status: ConditionView,
    /// Why it fails, for machines.
    cause: Option<Cause>,
    /// Why it fails and what to do, for people; the daemon's or registry's own words are in the log.
    reason: Option<String>,
}

impl DependencyView {
    fn new(part: &health::Dependency, language: Language) -> Self {
        let low = part.low.map(|low| Message::DiskLow(low).render(language));
        let reason = low.or_else(|| part.cause.map(|cause| hint(cause, language).to_owned()));
        Self { status: part.condition.into(), cause: part.cause, reason }
    }
}

/// What this service depends on.
#[derive(Serialize, ToSchema)]
#[schema(title = "Readiness")]
struct ReportView {
    /// Whether nothing that is configured fails.
    ready: bool,
    /// The database.
    database: DependencyView,
    /// The Docker server.
    docker_server: DependencyView,
    /// Harbor, as the Docker server sees it.
    harbor: DependencyView,
    /// Room on the disks of task directories, database and, where it can be measured, the Docker server.
    disk: DependencyView,
}

/// Name each dependency and how it does
///
/// 503 when a configured one fails. A service that is not configured yet is ready to be configured.
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, body = ReportView), (status = 503, body = ReportView, description = "A dependency fails.")))]
async fn readyz(State(state): State<AppState>, language: Language) -> Response {
    let report = state.health.report().await;
    let ready = report.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let view = |part| DependencyView::new(part, language);
    let view = ReportView {
        ready,
        database: view(&report.database),
        docker_server: view(&report.docker_server),
        harbor: view(&report.harbor),
        disk: view(&report.disk),
    };
    (status, Json(view)).into_response()
}

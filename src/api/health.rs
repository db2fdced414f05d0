//! Whether this service lives, and whether what it depends on works.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::cause::Cause;
use crate::engine::EngineError;
use crate::site::SiteError;

/// How long an answer of the dependencies is good; Harbor is not asked to log us in for every probe.
const FRESH: Duration = Duration::from_secs(5);
/// How long one dependency may take.
const LIMIT: Duration = Duration::from_secs(5);

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
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// How a dependency does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Condition {
    /// It answered.
    Ok,
    /// It failed or did not answer in time.
    Failing,
    /// Nobody configured it yet.
    NotConfigured,
    /// It could not be asked because another one fails.
    Unknown,
}

/// A dependency.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Dependency {
    /// How it does.
    status: Condition,
    /// Why it fails.
    cause: Option<Cause>,
}

/// What this service depends on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Report {
    /// Whether nothing that is configured fails.
    ready: bool,
    /// The database.
    database: Dependency,
    /// The Docker server.
    docker_server: Dependency,
    /// Harbor, as the Docker server sees it.
    harbor: Dependency,
}

/// The last report.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<(Instant, Report)>>);

/// Name each dependency and how it does
///
/// 503 when a configured one fails. A service that is not configured yet is ready to be configured.
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, body = Report), (status = 503, body = Report, description = "A dependency fails.")))]
async fn readyz(State(state): State<AppState>) -> Response {
    let report = match state.readiness.fresh() {
        Some(report) => report,
        None => state.readiness.keep(ask(&state).await),
    };
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

impl Readiness {
    fn fresh(&self) -> Option<Report> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(time, _)| time.elapsed() < FRESH).map(|(_, report)| report.clone())
    }

    fn keep(&self, report: Report) -> Report {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), report.clone()));
        report
    }

    /// Forgets the last report, as a new configuration makes it stale.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

async fn ask(state: &AppState) -> Report {
    let database = within(async { Ok(state.store.ping().await?) }).await;
    let docker_server = within(reach(state)).await;
    let harbor = match docker_server.status {
        Condition::Ok => within(login(state)).await,
        Condition::NotConfigured => Dependency { status: Condition::NotConfigured, cause: None },
        Condition::Failing | Condition::Unknown => Dependency { status: Condition::Unknown, cause: None },
    };
    let ready = [&database, &docker_server, &harbor].iter().all(|part| part.status != Condition::Failing);
    Report { ready, database, docker_server, harbor }
}

async fn reach(state: &AppState) -> Result<(), SiteError> {
    state.site.docker_server().await?.engine.info().await?;
    Ok(())
}

async fn login(state: &AppState) -> Result<(), SiteError> {
    let harbor = state.site.harbor().await?;
    Ok(state.site.docker_server().await?.engine.check_login(&harbor.account).await?)
}

async fn within(call: impl Future<Output = Result<(), SiteError>>) -> Dependency {
    let (status, cause) = match tokio::time::timeout(LIMIT, call).await {
        Ok(Ok(())) => (Condition::Ok, None),
        Ok(Err(SiteError::NotConfigured(_))) => (Condition::NotConfigured, None),
        Ok(Err(SiteError::Engine(EngineError { cause, .. }))) => (Condition::Failing, Some(cause)),
        Ok(Err(SiteError::Store(_) | SiteError::Sealed(_))) => (Condition::Failing, Some(Cause::Internal)),
        Err(_) => (Condition::Failing, Some(Cause::Timeout)),
    };
    Dependency { status, cause }
}

//! Tag `hello`: greetings outside the routers of the contract.

use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Welcome, welcome_to};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(hello_welcome)).routes(routes!(root)).routes(routes!(stop))
}

/// Greet
#[utoipa::path(get, path = "/hello/welcome", tag = "hello", responses((status = 200, body = Welcome)))]
async fn hello_welcome() -> Json<Welcome> {
    welcome_to("Welcome To hello-controller")
}

/// Greet at the root of the API
#[utoipa::path(get, path = "/api/fast-build/", tag = "hello", responses((status = 200, body = Welcome)))]
async fn root() -> Json<Welcome> {
    welcome_to("Welcome To FastBuild")
}

/// Do nothing
///
/// The old service's switch. It answers `null` and stops nothing.
#[utoipa::path(get, path = "/api/fast-build/stop", tag = "hello", responses((status = 200, body = ())))]
async fn stop() -> Json<()> {
    Json(())
}

//! Tag `system`: the Docker server's housekeeping.

use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Welcome, welcome_to};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(system_welcome))
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/system/welcome", tag = "system", responses((status = 200, body = Welcome)))]
async fn system_welcome() -> Json<Welcome> {
    welcome_to("Welcome To System Module")
}

//! Tag `file`: mirror files and installers.

use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Welcome, welcome_to};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(file_welcome))
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/file/welcome", tag = "file", responses((status = 200, body = Welcome)))]
async fn file_welcome() -> Json<Welcome> {
    welcome_to("Welcome To File Module")
}

//! Tag `data`: greetings of a router that the old service never filled.

use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Welcome, welcome_to};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(data_welcome))
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/data/welcome", tag = "data", responses((status = 200, body = Welcome)))]
async fn data_welcome() -> Json<Welcome> {
    welcome_to("Welcome To db-controller")
}

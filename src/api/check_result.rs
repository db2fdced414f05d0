//! Tag `check-result`: inspections of images, as they are kept.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(check_result_welcome))
        .routes(routes!(all_check_result))
        .routes(routes!(delete_all_check_result))
}

/// A kept inspection.
#[derive(Serialize, ToSchema)]
struct CheckResult {
    /// Row number.
    primary_id: i64,
    /// The daemon's image id.
    image_id: String,
    /// The image descriptor, as a string that holds JSON.
    result: String,
    /// When it was last made.
    #[schema(example = "2026-11-21T02:54:07.013151")]
    update_time: String,
    /// Name under which the image was inspected.
    image_name: String,
    /// When it was first made.
    #[schema(example = "2026-11-21T02:53:13.166820")]
    create_time: String,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/check-result/welcome", tag = "check-result",
    responses((status = 200, body = Welcome)))]
async fn check_result_welcome() -> Json<Welcome> {
    welcome_to("Welcome To db-check-result-controller")
}

/// List the inspections that are kept
#[utoipa::path(get, path = "/api/fast-build/check-result/all-check-result", tag = "check-result",
    responses((status = 200, body = Envelope<Vec<CheckResult>>)))]
async fn all_check_result(State(state): State<AppState>) -> Answer<Vec<CheckResult>> {
    let rows = state.store.check_results().await?.into_iter().map(|row| CheckResult {
        primary_id: row.primary_id,
        update_time: state.time(row.update_time),
        create_time: state.time(row.create_time),
        image_id: row.image_id,
        result: row.result,
        image_name: row.image_name,
    });
    success(rows.collect())
}

/// Forget the inspections that are kept
///
/// `data` says how many there were. Each image is inspected anew when it is next asked for.
#[utoipa::path(delete, path = "/api/fast-build/check-result/delete-all-check-result", tag = "check-result",
    responses((status = 200, body = Envelope<u64>)))]
async fn delete_all_check_result(State(state): State<AppState>) -> Answer<u64> {
    success(state.pipeline.inspections.forget_all().await?)
}

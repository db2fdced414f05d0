//! Tag `image-life`: when images came to the daemon and when they went.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};

/// The most rows that one answer carries.
const MAX_ROWS: i64 = 100_000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(image_life_welcome)).routes(routes!(image_life_all))
}

/// A pull or a build of an image.
#[derive(Serialize, ToSchema)]
struct ImageLife {
    /// `pull` or `build`.
    #[schema(example = "pull")]
    image_type: String,
    /// When the image left the daemon.
    delete_time: Option<String>,
    /// Full name.
    image_name: String,
    /// When the row last changed.
    update_time: String,
    /// When the image came.
    generator_time: String,
    /// Row number.
    primary_id: i64,
    /// When the row was written.
    create_time: String,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/image-life/welcome", tag = "image-life",
    responses((status = 200, body = Welcome)))]
async fn image_life_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Image Life Module")
}

/// List pulls and builds of images, newest first
#[utoipa::path(get, path = "/api/fast-build/image-life/all", tag = "image-life",
    responses((status = 200, body = Envelope<Vec<ImageLife>>)))]
async fn image_life_all(State(state): State<AppState>) -> Answer<Vec<ImageLife>> {
    let rows = state.store.image_lives(MAX_ROWS).await?.into_iter().map(|row| ImageLife {
        delete_time: row.delete_time.map(|time| state.time(time)),
        update_time: state.time(row.update_time),
        generator_time: state.time(row.generator_time),
        create_time: state.time(row.create_time),
        image_type: row.image_type,
        image_name: row.image_name,
        primary_id: row.primary_id,
    });
    success(rows.collect())
}

//! Tag `system`: the Docker server's housekeeping.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields};
use crate::images::Cleaned;

const MAX_RESERVE_DAYS: i64 = 36_500;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(system_welcome)).routes(routes!(auto_clean_image))
}

/// What to keep.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Clean {
    /// Images younger than this many days stay.
    #[param(minimum = 0, maximum = 36_500, example = 30)]
    reserve_days: i64,
    /// Only say what would be removed.
    dry_run: Option<bool>,
}

impl FromFields for Clean {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            reserve_days: fields.integer("reserve_days", 0..=MAX_RESERVE_DAYS),
            dry_run: Some(fields.boolean_or("dry_run", false)),
        }
    }
}

/// An image that was removed, or would be.
#[derive(Serialize, ToSchema)]
#[schema(title = "CleanedImage")]
struct CleanedView {
    /// Name.
    image_name: String,
    /// The daemon's image id.
    image_id: String,
    /// Size in bytes.
    size_bytes: u64,
    /// When it was made.
    create_time: String,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/system/welcome", tag = "system", responses((status = 200, body = Welcome)))]
async fn system_welcome() -> Json<Welcome> {
    welcome_to("Welcome To System Module")
}

/// Remove old images of ours from the daemon
///
/// By label and age; what a container or an unfinished task uses stays, and so does every base and every copy in Harbor.
#[utoipa::path(post, path = "/api/fast-build/system/auto_clean_image", tag = "system", params(Clean),
    responses((status = 200, body = Envelope<Vec<CleanedView>>), FormErrors))]
async fn auto_clean_image(State(state): State<AppState>, Query(query): Query<Clean>) -> Answer<Vec<CleanedView>> {
    let days = u32::try_from(query.reserve_days).unwrap_or(u32::MAX);
    let cleaned = state.images.clean(days, query.dry_run.unwrap_or(false)).await?;
    let view = |image: Cleaned| CleanedView {
        image_name: image.name,
        image_id: image.image_id,
        size_bytes: image.size_bytes,
        create_time: state.time(image.created_seconds.saturating_mul(1_000_000)),
    };
    success(cleaned.into_iter().map(view).collect())
}

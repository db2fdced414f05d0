//! Tag `system`: what retention removes, and why.

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields};
use crate::language::{Language, Message};
use crate::retention::{Kept, Removed, Sweep};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(retention))
}

/// Whether to change anything.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct RetentionQuery {
    /// Only say what would go.
    dry_run: Option<bool>,
}

impl FromFields for RetentionQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { dry_run: Some(fields.boolean_or("dry_run", false)) }
    }
}

/// One sweep.
#[derive(Serialize, ToSchema)]
#[schema(title = "Retention")]
struct SweepView {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Bytes that were freed, or would be, as far as they are known; layers that images share count for each.
    freed_bytes: u64,
    /// What went, or would.
    removed: Vec<RemovedView>,
    /// What is old enough and stays.
    kept: Vec<KeptView>,
    /// Rules that could not be followed.
    failed: Vec<FailedView>,
}

/// Something that went, or would.
#[derive(Serialize, ToSchema)]
#[schema(title = "RemovedThing")]
struct RemovedView {
    /// `task_directory`, `task_row`, `history_row`, `local_image`, `leftover`, `build_input` or `build_cache`.
    #[schema(example = "local_image")]
    kind: &'static str,
    /// Its name.
    name: String,
    /// How many things it stands for.
    count: u64,
    /// Bytes that it frees; 0 when unknown.
    size_bytes: u64,
    /// Why it goes.
    reason: String,
}

/// Something that stays.
#[derive(Serialize, ToSchema)]
#[schema(title = "KeptThing")]
struct KeptView {
    /// Its kind.
    #[schema(example = "local_image")]
    kind: &'static str,
    /// Its name.
    name: String,
    /// Why it stays.
    reason: String,
}

/// A rule that could not be followed.
#[derive(Serialize, ToSchema)]
#[schema(title = "FailedRule")]
struct FailedView {
    /// What it is for.
    #[schema(example = "build_cache")]
    kind: &'static str,
    /// Why not.
    reason: String,
}

/// Remove what is old and needed by nobody
///
/// By the settings under `[retention]`, as the timer does: directories and records of ended tasks, the Docker server's
/// copies of images that the registry has, what failed tasks left there, what builds started from and no longer use, and
/// its build cache beyond the budget. What is in use stays.
#[utoipa::path(post, path = "/api/fast-build/system/retention", tag = "system", params(RetentionQuery),
    responses((status = 200, body = Envelope<SweepView>), FormErrors))]
async fn retention(
    State(state): State<AppState>,
    language: Language,
    Query(query): Query<RetentionQuery>,
) -> Answer<SweepView> {
    success(view(state.retention.sweep(query.dry_run.unwrap_or(false)).await, language))
}

fn view(sweep: Sweep, language: Language) -> SweepView {
    let removed = |Removed { kind, name, count, size_bytes, reason }| RemovedView {
        kind: kind.as_str(),
        name,
        count,
        size_bytes,
        reason: Message::Retention(reason).render(language),
    };
    let kept = |Kept { kind, name, reason }| KeptView {
        kind: kind.as_str(),
        name,
        reason: Message::Retention(reason).render(language),
    };
    SweepView {
        dry_run: sweep.is_dry_run,
        freed_bytes: sweep.freed_bytes(),
        removed: sweep.removed.into_iter().map(removed).collect(),
        kept: sweep.kept.into_iter().map(kept).collect(),
        failed: sweep.failed.into_iter().map(|(kind, reason)| FailedView { kind: kind.as_str(), reason }).collect(),
    }
}

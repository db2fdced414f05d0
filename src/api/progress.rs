//! Tag `progress`: the stages of tasks.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::Query;
use super::task::TaskIdQuery;
use super::task_view::StageView;
use crate::access::Caller;
use crate::task::StageName;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(progress_welcome))
        .routes(routes!(progress_details))
        .routes(routes!(running_tasks_progress))
        .routes(routes!(progress_status))
}

/// A task's stages; empty when the task is unknown.
#[derive(Default, Serialize, ToSchema)]
struct ProgressDetails {
    /// Task number.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<i64>,
    /// Name that the client gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<String>,
    /// Stages that have ended, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Vec<StageView>>,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/progress/welcome", tag = "progress",
    responses((status = 200, body = Welcome)))]
async fn progress_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Progress Module")
}

/// Show the stages of a task that have ended
///
/// `data` is `{}` when the task is unknown.
#[utoipa::path(get, path = "/api/fast-build/progress/details", tag = "progress", params(TaskIdQuery),
    responses((status = 200, body = Envelope<ProgressDetails>), FormErrors))]
async fn progress_details(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<TaskIdQuery>,
) -> Answer<ProgressDetails> {
    let task = state.store.task(query.task_id).await?.filter(|task| caller.sees(&task.owner));
    let Some(task) = task else { return success(ProgressDetails::default()) };
    let stages = state.store.stages(query.task_id).await?;
    success(ProgressDetails {
        task_id: Some(task.task_id),
        task_name: Some(task.name.clone()),
        progress: Some(StageView::ended(&task, stages, &state)),
    })
}

/// Show the stages of every running task that have ended, by task number
#[utoipa::path(get, path = "/api/fast-build/progress/running-tasks-progress", tag = "progress",
    responses((status = 200, body = Envelope<BTreeMap<String, Vec<StageView>>>)))]
async fn running_tasks_progress(
    State(state): State<AppState>,
    caller: Caller,
) -> Answer<BTreeMap<String, Vec<StageView>>> {
    let mut progress = BTreeMap::new();
    for task in state.store.running_tasks().await?.into_iter().filter(|task| caller.sees(&task.owner)) {
        let stages = state.store.stages(task.id()).await?;
        progress.insert(task.task_id.to_string(), StageView::ended(&task, stages, &state));
    }
    success(progress)
}

/// List the stages in order
#[utoipa::path(get, path = "/api/fast-build/progress/status", tag = "progress",
    responses((status = 200, body = Envelope<Vec<StageName>>)))]
async fn progress_status() -> Answer<Vec<StageName>> {
    success(StageName::ALL.to_vec())
}

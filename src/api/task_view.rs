//! Tasks and stages as answers show them: the keys of the old service, and ours beside them.

use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use crate::cause::Cause;
use crate::engine::DOCKERFILE;
use crate::language::{Language, explain, hint};
use crate::pipeline::REQUEST_FILE;
use crate::queue::queue_positions;
use crate::store::{StageRow, StoreError, TaskRow};
use crate::task::{StageName, TaskState};

/// A task.
#[derive(Serialize, ToSchema)]
#[schema(title = "Task")]
pub(super) struct TaskView {
    /// Row number.
    primary_id: i64,
    /// When it was submitted.
    #[schema(example = "2026-11-21T02:54:07.054672")]
    create_time: String,
    /// File of the saved request, complete but for its secrets.
    request: String,
    /// Base image.
    base_image_name: String,
    /// Target image.
    target_image_name: String,
    /// Directory of the task.
    task_work_dir: String,
    /// File of the build's log.
    image_build_log_path: String,
    /// Name of the directory, the one in URLs.
    #[schema(example = "2026-11-21-02-54-07-053159")]
    work_dir_name: String,
    /// Callback attempts so far.
    callback_times: Option<i64>,
    /// When it last changed.
    update_time: String,
    /// Where its events open without a token, for a while; only where callers must show one.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_url: Option<String>,
    /// Where the list of what is installed opens without a token, for a while; only of a pushed image, and only where
    /// callers must show one.
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom_url: Option<String>,
    /// Task number.
    #[schema(example = 1_795_229_647_053_i64)]
    task_id: i64,
    /// Name that the client gave.
    name: String,
    /// Where it stands.
    state: TaskState,
    /// Target image.
    image_name: String,
    /// Description that the client gave.
    description: String,
    /// File of the Dockerfile.
    dockerfile_path: String,
    /// Where the end is reported; may be empty.
    callback_url: String,
    /// Process that ran it.
    pid: Option<String>,
    /// Why it failed.
    cause: Option<Cause>,
    /// Stage in which it failed.
    failed_stage: Option<String>,
    /// What happened, in the caller's language; words of daemon and registry are quoted.
    message: Option<String>,
    /// What to do about it.
    hint: Option<&'static str>,
    /// The Dockerfile step that failed.
    failed_step: Option<String>,
    /// Its last lines.
    last_lines: Option<String>,
    /// Whether somebody asked for its end.
    cancel_requested: bool,
    /// How often a worker took it.
    attempts: i64,
    /// The daemon's id of the built image.
    image_id: Option<String>,
    /// Manifest digest that the registry confirmed.
    image_digest: Option<String>,
    /// When a worker first took it.
    start_time: Option<String>,
    /// When it ended.
    end_time: Option<String>,
    /// How many tasks will be taken before it; of one that waits only.
    pub(super) queue_position: Option<i64>,
}

impl TaskView {
    /// Rows as answers show them.
    pub(super) async fn of_rows(
        rows: Vec<TaskRow>,
        state: &AppState,
        language: Language,
    ) -> Result<Vec<Self>, StoreError> {
        let positions = queue_positions(&state.store, &rows).await?;
        let view = |row: TaskRow| {
            let position = positions.get(&row.primary_id).copied();
            Self::new(row, position, state, language)
        };
        Ok(rows.into_iter().map(view).collect())
    }

    fn new(row: TaskRow, queue_position: Option<i64>, state: &AppState, language: Language) -> Self {
        let directory = state.settings.fb.task_dir.join(&row.work_dir_name);
        let file = |name: &str| directory.join(name).to_string_lossy().into_owned();
        let cause = row.cause.as_deref().and_then(Cause::from_code);
        let message = row.explanation().map(|said| explain(&said, cause, language));
        Self {
            primary_id: row.primary_id,
            create_time: state.time(row.create_time),
            request: file(REQUEST_FILE),
            image_build_log_path: file(StageName::Build.log_file()),
            dockerfile_path: file(DOCKERFILE),
            task_work_dir: directory.to_string_lossy().into_owned(),
            update_time: state.time(row.update_time),
            start_time: row.start_time.map(|time| state.time(time)),
            end_time: row.end_time.map(|time| state.time(time)),
            sbom_url: (row.task_state() == TaskState::PushSuccess).then(|| state.sbom_url(row.task_id)).flatten(),
            state: row.task_state(),
            hint: cause.map(|cause| hint(cause, language)),
            cause,
            base_image_name: row.base_image_name,
            image_name: row.target_image_name.clone(),
            target_image_name: row.target_image_name,
            work_dir_name: row.work_dir_name,
            callback_times: row.callback_times,
            events_url: state.events_url(row.task_id),
            task_id: row.task_id,
            name: row.name,
            description: row.description,
            callback_url: row.callback_url,
            pid: row.pid,
            failed_stage: row.failed_stage,
            message,
            failed_step: row.failed_step,
            last_lines: row.last_lines.filter(|lines| !lines.is_empty()),
            cancel_requested: row.cancel_requested != 0,
            attempts: row.attempts,
            image_id: row.image_id,
            image_digest: row.image_digest,
            queue_position,
        }
    }
}

/// A stage that has ended.
#[derive(Serialize, ToSchema)]
#[schema(title = "Stage")]
pub(super) struct StageView {
    /// When the row was written.
    create_time: String,
    /// Row number.
    primary_id: i64,
    /// `pull`, `check`, `prepare`, `build` or `push`.
    #[schema(example = "build")]
    action: String,
    /// Target image.
    target_image_name: String,
    /// When it began.
    start_time: String,
    /// How long it took, in milliseconds.
    duration: i64,
    /// Where its log is served.
    log_url: String,
    /// When the row last changed.
    update_time: String,
    /// Task number.
    task_id: i64,
    /// Name that the client gave the task.
    task_name: String,
    /// `success` or `fail`.
    #[schema(example = "success")]
    status: String,
    /// Base image.
    base_image_name: String,
    /// When it ended.
    end_time: String,
    /// File of its log.
    log_path: String,
    /// File of the Dockerfile; of `prepare` and `build` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    dockerfile_path: Option<String>,
    /// Where the Dockerfile is served; of `prepare` and `build` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    dockerfile_url: Option<String>,
}

impl StageView {
    /// The stages of a task that have ended, in order; old clients know no others.
    pub(super) fn ended(task: &TaskRow, stages: Vec<StageRow>, state: &AppState) -> Vec<Self> {
        stages.into_iter().filter_map(|stage| Self::new(task, stage, state)).collect()
    }

    fn new(task: &TaskRow, row: StageRow, state: &AppState) -> Option<Self> {
        let end_time = row.end_time?;
        let name = StageName::from_name(&row.action)?;
        let directory = state.settings.fb.task_dir.join(&task.work_dir_name);
        let path = |file: &str| directory.join(file).to_string_lossy().into_owned();
        let url = |file: &str| state.address(&format!("/task/{}/{file}", task.work_dir_name), None);
        let has_dockerfile = matches!(name, StageName::Prepare | StageName::Build);
        Some(Self {
            create_time: state.time(row.create_time),
            primary_id: row.primary_id,
            action: row.action,
            target_image_name: task.target_image_name.clone(),
            start_time: state.time(row.start_time),
            duration: row.duration_ms.unwrap_or_default(),
            log_url: url(name.log_file()),
            update_time: state.time(row.update_time),
            task_id: row.task_id,
            task_name: task.name.clone(),
            status: row.status,
            base_image_name: task.base_image_name.clone(),
            end_time: state.time(end_time),
            log_path: path(name.log_file()),
            dockerfile_path: has_dockerfile.then(|| path(DOCKERFILE)),
            dockerfile_url: has_dockerfile.then(|| url(DOCKERFILE)),
        })
    }
}

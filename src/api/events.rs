//! Tag `task`: what a task does while it does it.

use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use http::HeaderMap;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields, MAX_SAFE_INTEGER, SAFE_INTEGERS};
use super::follower::Follower;
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::language::{Language, Message};
use crate::progress::{JournalReader, Numbered};
use crate::task::{StageName, TaskId};

pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
const MAX_LOG_LINES: usize = 5_000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(task_events)).routes(routes!(task_log))
}

/// Which task's events, and from where.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Task number.
    #[param(value_type = i64, minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64,
        example = 1_795_229_647_053_i64)]
    task_id: TaskId,
    /// Number of the last event already seen; the header `Last-Event-ID` counts before it.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    after: Option<i64>,
}

impl FromFields for EventsQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            task_id: TaskId(fields.integer("task_id", SAFE_INTEGERS)),
            after: Some(fields.integer_or("after", 0..=MAX_SAFE_INTEGER, 0)),
        }
    }
}

/// Which lines of which log.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Task number.
    #[param(value_type = i64, minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64,
        example = 1_795_229_647_053_i64)]
    task_id: TaskId,
    /// `pull`, `check`, `prepare`, `build` or `push`.
    #[param(example = "build")]
    stage: String,
    /// Number of the last line already seen.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    after: Option<i64>,
}

impl FromFields for LogQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            task_id: TaskId(fields.integer("task_id", SAFE_INTEGERS)),
            stage: fields.text("stage"),
            after: Some(fields.integer_or("after", 0..=MAX_SAFE_INTEGER, 0)),
        }
    }
}

/// Lines of a stage's log.
#[derive(Serialize, ToSchema)]
struct LogLines {
    /// The lines, oldest first; 5,000 at most.
    lines: Vec<LogLine>,
    /// What to give as `after` next.
    next: u64,
    /// Whether the task has ended, so that no more lines come once `lines` is empty.
    ended: bool,
}

/// A line of a log.
#[derive(Serialize, ToSchema)]
struct LogLine {
    /// Its number, 1 for the first.
    sequence: u64,
    /// Its text.
    text: String,
}

/// Follow a task by server-sent events
///
/// Each event has a number as `id`, its kind as `event` and JSON as `data`. `Last-Event-ID` goes on where a lost
/// connection ended. The last one is `end` with state and cause; the stream then closes. It closes without one within
/// ten seconds after its token was revoked or has expired, its session or its signed link has ended.
#[utoipa::path(get, path = "/api/fast-build/task/events", tag = "task", params(EventsQuery),
    responses((status = 200, content((String = "text/event-stream"), (Envelope<String> = "application/json"))),
        FormErrors))]
async fn task_events(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let task = state.task_of(&caller, query.task_id).await?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.trim().parse().ok());
    let after = seen.unwrap_or_else(|| query.after.and_then(|after| u64::try_from(after).ok()).unwrap_or(0));
    let follower = Follower::new(state, &task, after, language, caller.proof);
    Ok(Sse::new(follower.into_stream()).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")))
}

/// Read lines of a stage's log
#[utoipa::path(get, path = "/api/fast-build/task/log", tag = "task", params(LogQuery),
    responses((status = 200, body = Envelope<LogLines>), FormErrors))]
async fn task_log(State(state): State<AppState>, caller: Caller, Query(query): Query<LogQuery>) -> Answer<LogLines> {
    let task = state.task_of(&caller, query.task_id).await?;
    let name = StageName::from_name(&query.stage).ok_or(Message::StageUnknown { stage: query.stage })?;
    let after = query.after.and_then(|after| u64::try_from(after).ok()).unwrap_or(0);
    let path = state.pipeline.workspaces.directory(&task.work_dir_name).join(name.log_file());
    let read = JournalReader::of_file(path, after).read(MAX_LOG_LINES).await.map_err(ApiError::internal)?;
    let next = read.last().map_or(after, |line| line.number);
    let lines = read.into_iter().map(|Numbered { number, line }| LogLine { sequence: number, text: line }).collect();
    success(LogLines { lines, next, ended: task.task_state().is_end() })
}

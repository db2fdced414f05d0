//! Tag `task`: what a task does while it does it.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use http::HeaderMap;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields, MAX_SAFE_INTEGER, SAFE_INTEGERS};
use super::{ApiError, AppState};
use crate::cause::Cause;
use crate::language::{Language, Message};
use crate::progress::{Event, EventBody, JournalReader, Numbered};
use crate::store::TaskRow;
use crate::task::{StageName, TaskId};

const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a watcher waits when nobody can wake it: a task that waits, or one between two writers.
const QUIET_PAUSE: Duration = Duration::from_millis(250);
const BATCH: usize = 256;
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
/// connection ended. The last one is `end` with state and cause; the stream then closes.
#[utoipa::path(get, path = "/api/fast-build/task/events", tag = "task", params(EventsQuery),
    responses((status = 200, content((String = "text/event-stream"), (Envelope<String> = "application/json"))),
        FormErrors))]
async fn task_events(
    State(state): State<AppState>,
    language: Language,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let task = known(&state, query.task_id).await?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.trim().parse().ok());
    let after = seen.unwrap_or_else(|| query.after.and_then(|after| u64::try_from(after).ok()).unwrap_or(0));
    let follower = Follower::new(state, &task, after, language);
    Ok(Sse::new(follower.into_stream()).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")))
}

/// Read lines of a stage's log
#[utoipa::path(get, path = "/api/fast-build/task/log", tag = "task", params(LogQuery),
    responses((status = 200, body = Envelope<LogLines>), FormErrors))]
async fn task_log(State(state): State<AppState>, Query(query): Query<LogQuery>) -> Answer<LogLines> {
    let task = known(&state, query.task_id).await?;
    let name = StageName::from_name(&query.stage).ok_or(Message::StageUnknown { stage: query.stage })?;
    let after = query.after.and_then(|after| u64::try_from(after).ok()).unwrap_or(0);
    let path = state.pipeline.workspaces.directory(&task.work_dir_name).join(name.log_file());
    let read = JournalReader::of_file(path, after).read(MAX_LOG_LINES).await.map_err(ApiError::internal)?;
    let next = read.last().map_or(after, |line| line.number);
    let lines = read.into_iter().map(|Numbered { number, line }| LogLine { sequence: number, text: line }).collect();
    success(LogLines { lines, next, ended: task.task_state().is_end() })
}

async fn known(state: &AppState, task_id: TaskId) -> Result<TaskRow, ApiError> {
    let task = state.store.task(task_id).await?;
    task.ok_or_else(|| Message::TaskUnknown { task_id: task_id.0 }.into())
}

/// One watcher: reads the journal, waits for the bell, ends after the end.
struct Follower {
    state: AppState,
    task_id: TaskId,
    reader: JournalReader,
    last: u64,
    language: Language,
    stop: CancellationToken,
    is_over: bool,
}

impl Follower {
    fn new(state: AppState, task: &TaskRow, after: u64, language: Language) -> Self {
        let directory = state.pipeline.workspaces.directory(&task.work_dir_name);
        let reader = JournalReader::of_events(&directory, after);
        let stop = state.stop.clone();
        Self { state, task_id: task.id(), reader, last: after, language, stop, is_over: false }
    }

    fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            let events = follower.next().await?;
            Some((stream::iter(events.into_iter().map(Ok)), follower))
        })
        .flatten()
    }

    /// The next events; `None` when nothing follows.
    async fn next(&mut self) -> Option<Vec<SseEvent>> {
        loop {
            if self.is_over {
                return None;
            }
            // The bell is taken before the journal is read, so that nothing written in between is missed.
            let opened = self.state.feeds.opened();
            let bell = self.state.feeds.listen(self.task_id);
            let lines = self.reader.read(BATCH).await.unwrap_or_default();
            if !lines.is_empty() {
                return Some(lines.into_iter().filter_map(|line| self.event(line)).collect());
            }
            if let Some(ending) = self.ending(bell.is_some()).await {
                self.is_over = true;
                return Some(vec![ending]);
            }
            if !self.wait(bell, opened).await {
                return None;
            }
        }
    }

    fn event(&mut self, line: Numbered) -> Option<SseEvent> {
        self.last = line.number;
        let event: Event = serde_json::from_str(&line.line).ok()?;
        let (id, name) = (line.number.to_string(), event.body.name());
        let data = if matches!(event.body, EventBody::End { .. }) {
            self.is_over = true;
            self.in_words(event)
        } else {
            line.line
        };
        Some(SseEvent::default().id(id).event(name).data(data))
    }

    /// The end of a task whose journal does not tell it: one that ended before there was a journal, or whose directory is
    /// gone.
    async fn ending(&self, is_running: bool) -> Option<SseEvent> {
        if is_running {
            return None;
        }
        let task = self.state.store.task(self.task_id).await.ok()?;
        let body = match task {
            Some(task) if !task.task_state().is_end() => return None,
            Some(task) => EventBody::End {
                state: task.task_state(),
                cause: task.cause.as_deref().and_then(Cause::from_code),
                explanation: task.explanation(),
            },
            None => EventBody::End { state: crate::task::TaskState::BuildAbort, cause: None, explanation: None },
        };
        let event = Event { sequence: self.last + 1, time_micros: self.state.clock.now().0, body };
        Some(SseEvent::default().id(event.sequence.to_string()).event("end").data(self.in_words(event)))
    }

    /// The last event in the watcher's language.
    fn in_words(&self, event: Event) -> String {
        let event = Event { body: event.body.in_language(self.language), ..event };
        serde_json::to_string(&event).unwrap_or_default()
    }

    /// Waits for the next event; `false` when the service stops.
    async fn wait(&self, bell: Option<watch::Receiver<u64>>, mut opened: watch::Receiver<()>) -> bool {
        let rung = async {
            match bell {
                Some(mut bell) => {
                    let last = self.last;
                    // An error means that the task runs no longer; its journal is complete then.
                    if bell.wait_for(|number| *number > last).await.is_err() {
                        tokio::time::sleep(QUIET_PAUSE).await;
                    }
                }
                // Waiting tasks have no bell yet.
                None => drop(tokio::time::timeout(QUIET_PAUSE, opened.changed()).await),
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = rung => true,
        }
    }
}

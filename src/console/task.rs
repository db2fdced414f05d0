//! A task's page: how far it is, why it failed, its log, Dockerfile and request.
//!
//! What changes while the task runs lies in one region; the script fetches the page again on an event and puts the new
//! region in place of the old, so that it is written in one place only.

use askama::Template;
use axum::extract::{OriginalUri, Path, State};
use axum::response::Response;

use super::Console;
use super::figures::{Stamp, duration, stamp};
use super::page::{Frame, PageError, Section, respond};
use super::request_document::RequestDocument;
use super::speech::Speech;
use super::tasks::{Badge, stage_marks};
use super::texts::Texts;
use crate::cause::Cause;
use crate::engine::DOCKERFILE;
use crate::explanation::Explanation;
use crate::language::{Language, explain, hint, title};
use crate::store::{StageRow, TaskRow};
use crate::task::{StageName, TaskId, TaskState};

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    frame: Frame,
    t: &'static Texts,
    task: TaskRow,
    badge: Badge,
    is_ended: bool,
    is_cancelling: bool,
    is_success: bool,
    failure: Option<FailureView>,
    stages: Vec<StageView>,
    stages_done: usize,
    submitted: Stamp,
    started: Option<Stamp>,
    ended: Option<Stamp>,
    duration: Option<String>,
    dockerfile: Option<String>,
    request: RequestDocument,
}

struct FailureView {
    code: String,
    title: String,
    message: String,
    hint: &'static str,
    stage: Option<&'static str>,
    step: Option<String>,
    last_lines: Option<String>,
}

struct StageView {
    name: &'static str,
    label: &'static str,
    purpose: &'static str,
    mark: &'static str,
    word: &'static str,
    duration: Option<String>,
    running_since_millis: Option<i64>,
    log_file: Option<&'static str>,
}

impl FailureView {
    fn new(task: &TaskRow, language: Language, t: &'static Texts) -> Option<Self> {
        let code = task.cause.clone()?;
        let cause = Cause::from_code(&code);
        let stage = task.failed_stage.as_deref().and_then(StageName::from_name);
        Some(Self {
            title: cause.map_or_else(|| code.clone(), |cause| title(cause, language).to_owned()),
            message: task.explanation().map(|said| below_title(&said, cause, language)).unwrap_or_default(),
            hint: cause.map_or("", |cause| hint(cause, language)),
            stage: stage.map(|stage| t.stage(stage)),
            step: task.failed_step.clone().filter(|step| !step.is_empty()),
            last_lines: task.last_lines.clone().filter(|lines| !lines.trim().is_empty()),
            code,
        })
    }
}

/// Quoted words stand below the cause's title and need none of their own.
fn below_title(explanation: &Explanation, cause: Option<Cause>, language: Language) -> String {
    match explanation.quoted_words() {
        Some(words) => words.to_owned(),
        None => explain(explanation, cause, language),
    }
}

fn stage_views(task: &TaskRow, rows: &[StageRow], t: &'static Texts) -> Vec<StageView> {
    let state = task.task_state();
    let marks = stage_marks(state, task.failed_stage.as_deref());
    let view = |(stage, mark): (StageName, &'static str)| {
        let row = rows.iter().find(|row| row.action == stage.as_str());
        let mark = match row.map(|row| row.status.as_str()) {
            Some("success") => "done",
            Some("fail") if state == TaskState::BuildAbort => "stopped",
            Some("fail") => "failed",
            Some(_) if !state.is_end() => "now",
            _ => mark,
        };
        let word = match mark {
            "done" => t.task.done,
            "failed" | "stopped" => t.task.failed,
            "now" if row.is_some() => t.task.running,
            _ if state.is_end() => t.task.skipped,
            _ => t.task.waiting,
        };
        let is_running = mark == "now";
        StageView {
            name: stage.as_str(),
            label: t.stage(stage),
            purpose: t.stage_purpose(stage),
            mark: if is_running && row.is_none() { "" } else { mark },
            word: if mark == "stopped" { t.state(TaskState::BuildAbort) } else { word },
            duration: row.and_then(|row| row.duration_ms).map(duration),
            running_since_millis: row.filter(|_| is_running).map(|row| row.start_time / 1_000),
            log_file: row.map(|_| stage.log_file()),
        }
    };
    StageName::ALL.into_iter().zip(marks).map(view).collect()
}

async fn page(console: &Console, speech: Speech, uri: &http::Uri, task_id: &str) -> Result<TaskPage, PageError> {
    let t = speech.texts;
    let task_id = TaskId(task_id.parse().map_err(|_| PageError::NotFound)?);
    let task = console.store.task(task_id).await?;
    let task = task.filter(|task| speech.limited_to().is_none_or(|user| user == task.owner));
    let task = task.ok_or(PageError::NotFound)?;
    let rows = console.store.stages(task_id).await?;
    let document = console.store.request_document(task_id).await?.unwrap_or_default();
    let directory = console.settings.fb.task_dir.join(&task.work_dir_name);
    let state = task.task_state();
    let zone = &console.settings.fb.time_zone.0;
    let at = |micros: i64| stamp(micros, zone);
    let stages = stage_views(&task, &rows, t);
    Ok(TaskPage {
        t,
        badge: Badge::new(state, t),
        is_ended: state.is_end(),
        is_cancelling: task.cancel_requested != 0 && !state.is_end(),
        is_success: state == TaskState::PushSuccess,
        failure: FailureView::new(&task, speech.language, t),
        frame: Frame::new(console, speech, Section::Tasks, uri),
        stages_done: stages.iter().filter(|stage| stage.mark == "done").count(),
        stages,
        submitted: at(task.create_time),
        started: task.start_time.map(at),
        ended: task.end_time.map(at),
        duration: task.start_time.zip(task.end_time).map(|(start, end)| duration((end - start) / 1_000)),
        dockerfile: tokio::fs::read_to_string(directory.join(DOCKERFILE)).await.ok(),
        request: RequestDocument::read(&document),
        task,
    })
}

/// Shows a task.
pub(super) async fn show(
    State(console): State<Console>,
    speech: Speech,
    OriginalUri(uri): OriginalUri,
    Path(task_id): Path<String>,
) -> Response {
    respond(page(&console, speech.clone(), &uri, &task_id).await, speech, &uri)
}

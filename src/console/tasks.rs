//! The list of tasks.

use askama::Template;
use axum::extract::{OriginalUri, Query, State};
use axum::response::{Redirect, Response};

use super::Console;
use super::figures::{Stamp, duration, stamp};
use super::page::{Frame, PageError, Section, respond};
use super::paging::{ListQuery, PAGE_SIZE, Paging, page_number, text};
use super::speech::Speech;
use super::texts::Texts;
use crate::store::{TaskFilter, TaskRow};
use crate::task::{StageName, TaskState};

/// The filter that stands for every failure: all such states end in it.
const ANY_FAILURE: &str = "_FAILED";

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    frame: Frame,
    t: &'static Texts,
    image_name: String,
    is_filtered: bool,
    state_options: Vec<StateOption>,
    totals: Totals,
    tasks: Vec<TaskEntry>,
    paging: Paging,
    is_live: bool,
}

struct StateOption {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

#[derive(Default)]
struct Totals {
    running: i64,
    queued: i64,
    succeeded: i64,
    failed: i64,
}

struct TaskEntry {
    task_id: i64,
    name: String,
    target: String,
    base: String,
    badge: Badge,
    steps: [&'static str; 5],
    created: Stamp,
    duration: Option<String>,
    running_since_millis: Option<i64>,
}

/// A state as a coloured word.
pub(super) struct Badge {
    pub(super) tone: &'static str,
    pub(super) label: &'static str,
    pub(super) code: &'static str,
}

impl Badge {
    /// The badge of a state.
    pub(super) fn new(state: TaskState, t: &'static Texts) -> Self {
        let tone = match state {
            TaskState::PushSuccess => "good",
            TaskState::Queued => "idle",
            TaskState::BuildAbort => "muted",
            state if state.is_end() => "bad",
            _ => "busy",
        };
        Self { tone, label: t.state(state), code: state.as_str() }
    }
}

/// How far a task came: `done`, `now`, `failed` or empty for each stage.
pub(super) fn stage_marks(state: TaskState, failed_stage: Option<&str>) -> [&'static str; 5] {
    let (done, mark) = match state {
        TaskState::Queued => (0, ""),
        TaskState::Started => (0, "now"),
        TaskState::PullFailed => (0, "failed"),
        TaskState::PullSuccess => (1, "now"),
        TaskState::CheckFailed => (1, "failed"),
        TaskState::CheckSuccess => (2, "now"),
        TaskState::PrepareFailed => (2, "failed"),
        TaskState::PrepareSuccess | TaskState::Building => (3, "now"),
        TaskState::BuildFailed | TaskState::CheckImageSizeFailed => (3, "failed"),
        TaskState::BuildSuccess | TaskState::CheckImageSizeSuccess => (4, "now"),
        TaskState::PushFailed => (4, "failed"),
        TaskState::PushSuccess => (5, ""),
        TaskState::BuildAbort => {
            let name = failed_stage.unwrap_or_default();
            match StageName::ALL.iter().position(|known| known.as_str() == name) {
                Some(index) => (index, "stopped"),
                None => (0, ""),
            }
        }
    };
    std::array::from_fn(|index| match index {
        index if index < done => "done",
        index if index == done => mark,
        _ => "",
    })
}

fn entry(row: TaskRow, console: &Console, t: &'static Texts) -> TaskEntry {
    let state = row.task_state();
    let took = row.start_time.zip(row.end_time).map(|(start, end)| duration((end - start) / 1_000));
    TaskEntry {
        task_id: row.task_id,
        badge: Badge::new(state, t),
        steps: stage_marks(state, row.failed_stage.as_deref()),
        created: stamp(row.create_time, &console.settings.fb.time_zone.0),
        duration: took,
        running_since_millis: if state.is_end() { None } else { row.start_time.map(|micros| micros / 1_000) },
        name: row.name,
        target: row.target_image_name,
        base: row.base_image_name,
    }
}

fn state_options(chosen: &str, t: &'static Texts) -> Vec<StateOption> {
    let mut options = vec![
        StateOption { value: "", label: t.common.any, is_chosen: chosen.is_empty() },
        StateOption { value: ANY_FAILURE, label: t.tasks.any_failure, is_chosen: chosen == ANY_FAILURE },
    ];
    options.extend(TaskState::ALL.into_iter().map(|state| StateOption {
        value: state.as_str(),
        label: t.state(state),
        is_chosen: chosen == state.as_str(),
    }));
    options
}

async fn totals(console: &Console, owner: Option<&str>) -> Result<Totals, PageError> {
    let mut totals = Totals::default();
    let counts = match owner {
        None => console.store.task_totals_by_state().await?,
        Some(owner) => console.store.task_totals_of_owner(owner).await?,
    };
    for (state, count) in counts {
        match state {
            TaskState::Queued => totals.queued += count,
            TaskState::PushSuccess => totals.succeeded += count,
            TaskState::BuildAbort => {}
            state if state.is_end() => totals.failed += count,
            _ => totals.running += count,
        }
    }
    Ok(totals)
}

async fn page(console: &Console, speech: Speech, uri: &http::Uri, query: &ListQuery) -> Result<TasksPage, PageError> {
    let t = speech.texts;
    let filter =
        TaskFilter { image_name: text(query, "image_name").to_owned(), state: text(query, "state").to_owned() };
    let (rows, total) = match speech.limited_to() {
        None => console.store.tasks(&filter, page_number(query), PAGE_SIZE).await?,
        Some(owner) => console.store.tasks_of_owner(owner, &filter, page_number(query), PAGE_SIZE).await?,
    };
    let totals = totals(console, speech.limited_to()).await?;
    Ok(TasksPage {
        frame: Frame::new(console, speech, Section::Tasks, uri),
        t,
        is_filtered: !filter.image_name.is_empty() || !filter.state.is_empty(),
        state_options: state_options(&filter.state, t),
        image_name: filter.image_name,
        paging: Paging::new("/", query, rows.len(), total),
        tasks: rows.into_iter().map(|row| entry(row, console, t)).collect(),
        is_live: totals.running + totals.queued > 0,
        totals,
    })
}

/// Shows the tasks.
pub(super) async fn show(
    State(console): State<Console>,
    speech: Speech,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Response {
    respond(page(&console, speech.clone(), &uri, &query).await, speech, &uri)
}

/// `/console` is `/`.
pub(super) async fn redirect() -> Redirect {
    Redirect::to("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_follow_the_state() {
        assert_eq!(stage_marks(TaskState::Queued, None), [""; 5]);
        assert_eq!(stage_marks(TaskState::Building, None), ["done", "done", "done", "now", ""]);
        assert_eq!(stage_marks(TaskState::PushFailed, Some("push")), ["done", "done", "done", "done", "failed"]);
        assert_eq!(stage_marks(TaskState::PushSuccess, None), ["done"; 5]);
        assert_eq!(stage_marks(TaskState::BuildAbort, Some("build")), ["done", "done", "done", "stopped", ""]);
        assert_eq!(stage_marks(TaskState::BuildAbort, None), [""; 5]);
    }

    #[test]
    fn every_failed_state_matches_the_failure_filter() {
        for state in TaskState::ALL {
            let is_failure = state.is_end() && !matches!(state, TaskState::PushSuccess | TaskState::BuildAbort);
            assert_eq!(state.as_str().contains(ANY_FAILURE), is_failure, "{state}");
        }
    }
}

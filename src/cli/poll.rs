//! Following a task by asking again and again, for services or proxies that let no events through.
//!
//! What was learned becomes the same events that a stream would have told, without numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::connection::Connection;
use super::failure::ClientError;
use super::log_page::log_page;
use super::outcome::{self, TaskEnd};
use super::view::View;
use crate::progress::{Event, EventBody};
use crate::task::{StageName, TaskId, TaskState};

const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    state: Option<TaskState>,
    stages: BTreeMap<StageName, String>,
    lines: BTreeMap<StageName, u64>,
    /// Lines are not asked for where the service has no such route.
    has_no_log: bool,
}

/// Asks until the task has ended. A connection that breaks meanwhile is asked again in the next round.
pub(super) async fn to_the_end(
    service: &Connection,
    task_id: TaskId,
    view: &mut View,
) -> Result<Option<TaskEnd>, ClientError> {
    let mut seen = Seen::default();
    let mut pause = FIRST_PAUSE;
    loop {
        // The end is read first: what was logged until then is shown completely.
        let row = outcome::row(service, task_id).await?;
        let end = outcome::end_of_row(&row);
        let is_news = look(service, task_id, &row, &mut seen, view).await?;
        if let Some(end) = end {
            return Ok(Some(end));
        }
        pause = if is_news { FIRST_PAUSE } else { (pause * 3 / 2).min(LONGEST_PAUSE) };
        sleep(pause).await;
    }
}

async fn look(
    service: &Connection,
    task_id: TaskId,
    row: &Value,
    seen: &mut Seen,
    view: &mut View,
) -> Result<bool, ClientError> {
    let mut is_news = false;
    let state = outcome::state_in(row);
    if let Some(state) = state.filter(|state| seen.state.replace(*state) != Some(*state)) {
        is_news = true;
        show(view, EventBody::State { state })?;
    }
    let progress = service.get("/progress/details", &[("task_id", task_id.to_string())]).await?;
    let ended = progress.data.get("progress").and_then(Value::as_array).cloned().unwrap_or_default();
    for entry in &ended {
        let field = |name: &str| entry.get(name).and_then(Value::as_str);
        let Some(name) = field("action").and_then(StageName::from_name) else { continue };
        let status = field("status").unwrap_or("running").to_owned();
        if !seen.stages.contains_key(&name) && status != "running" {
            show(view, EventBody::Stage { stage: name, status: "running".to_owned() })?;
        }
        is_news |= show_lines(service, task_id, name, seen, view).await?;
        if seen.stages.insert(name, status.clone()).as_ref() != Some(&status) {
            is_news = true;
            show(view, EventBody::Stage { stage: name, status })?;
        }
    }
    // The row of the running stage may be missing in an answer, its log is not.
    if let Some(stage) = state.and_then(running_stage).filter(|stage| !seen.stages.contains_key(stage)) {
        is_news |= show_lines(service, task_id, stage, seen, view).await?;
    }
    Ok(is_news)
}

async fn show_lines(
    service: &Connection,
    task_id: TaskId,
    stage: StageName,
    seen: &mut Seen,
    view: &mut View,
) -> Result<bool, ClientError> {
    let mut is_news = false;
    while !seen.has_no_log {
        let after = seen.lines.get(&stage).copied().unwrap_or(0);
        let page = match log_page(service, task_id, stage, after).await {
            Ok(page) => page,
            Err(ClientError::NoRoute(_)) => {
                seen.has_no_log = true;
                break;
            }
            // No log of this stage yet.
            Err(ClientError::Refused(_)) => break,
            Err(error) => return Err(error),
        };
        if page.lines.is_empty() || page.next_after <= after {
            break;
        }
        is_news = true;
        seen.lines.insert(stage, page.next_after);
        for text in page.lines {
            show(view, EventBody::Log { stage, text, is_error: false, step: None })?;
        }
    }
    Ok(is_news)
}

fn running_stage(state: TaskState) -> Option<StageName> {
    Some(match state {
        TaskState::Started => StageName::Pull,
        TaskState::PullSuccess => StageName::Check,
        TaskState::CheckSuccess => StageName::Prepare,
        TaskState::PrepareSuccess | TaskState::Building => StageName::Build,
        TaskState::BuildSuccess | TaskState::CheckImageSizeSuccess => StageName::Push,
        _ => return None,
    })
}

fn show(view: &mut View, body: EventBody) -> Result<(), ClientError> {
    let event = Event { sequence: 0, time_micros: 0, body };
    let document = serde_json::to_value(&event).unwrap_or_default();
    view.show(&document, Some(&event))
}

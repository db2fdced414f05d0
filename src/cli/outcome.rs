//! How a task ended, for people and for the exit code.

use std::process::ExitCode;

use serde_json::Value;

use super::answer::text_of;
use super::connection::Connection;
use super::failure::{ClientError, TASK_FAILED};
use super::output;
use crate::cause::Cause;
use crate::language::Notice;
use crate::task::{TaskId, TaskState};

/// The end of a task as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskEnd {
    /// The end state.
    pub(super) state: TaskState,
    /// Cause of a failure.
    pub(super) cause: Option<Cause>,
    /// What happened.
    pub(super) message: Option<String>,
}

/// The row of a task.
pub(super) async fn row(service: &Connection, task_id: TaskId) -> Result<Value, ClientError> {
    let answer = service.get("/task/task-details_by_task_id", &[("task_id", task_id.to_string())]).await?;
    Ok(answer.data)
}

/// The state a row tells.
pub(super) fn state_in(row: &Value) -> Option<TaskState> {
    TaskState::from_name(row.get("state")?.as_str()?)
}

/// The end of a task; absent while it runs.
pub(super) async fn end_of(service: &Connection, task_id: TaskId) -> Result<Option<TaskEnd>, ClientError> {
    Ok(end_of_row(&row(service, task_id).await?))
}

/// The end that a row tells; absent while the task runs.
pub(super) fn end_of_row(row: &Value) -> Option<TaskEnd> {
    let state = state_in(row).filter(|state| state.is_end())?;
    let text = |field: &str| row.get(field).map(text_of).filter(|text| !text.is_empty());
    Some(TaskEnd { state, cause: text("cause").and_then(|code| Cause::from_code(&code)), message: text("message") })
}

/// Tells how a task ended and gives the exit code for it.
pub(super) async fn report(service: &Connection, task_id: TaskId, end: TaskEnd) -> Result<ExitCode, ClientError> {
    // The end is known; a row that cannot be had costs details only.
    let row = row(service, task_id).await.unwrap_or_default();
    if service.json {
        let row = if row.is_null() { serde_json::json!({ "task_id": task_id, "state": end.state }) } else { row };
        output::document(&row)?;
    } else if end.state == TaskState::PushSuccess {
        output::line(&service.say(&success(task_id, &row)))?;
    } else {
        for line in failure_lines(service, task_id, &end, &row) {
            output::note(&line);
        }
    }
    Ok(if end.state == TaskState::PushSuccess { ExitCode::SUCCESS } else { ExitCode::from(TASK_FAILED) })
}

fn success(task_id: TaskId, row: &Value) -> Notice {
    let field = |name: &str| row.get(name).map(text_of).unwrap_or_default();
    let state = output::coloured_state("PUSH_SUCCESS");
    let digest = match field("image_digest") {
        empty if empty.is_empty() => String::new(),
        digest => format!("@{digest}"),
    };
    Notice::Pushed { task_id: task_id.0, state, image: format!("{}{digest}", field("target_image_name")) }
}

fn failure_lines(service: &Connection, task_id: TaskId, end: &TaskEnd, row: &Value) -> Vec<String> {
    let field = |name: &str| row.get(name).map(text_of).unwrap_or_default();
    let mut lines = vec![service.say(&Notice::Ended {
        task_id: task_id.0,
        state: output::coloured_state(end.state.as_str()),
        cause: end.cause.map(|cause| cause.to_string()).unwrap_or_default(),
        stage: field("failed_stage"),
    })];
    let message = end.message.clone().unwrap_or_else(|| field("message"));
    for (label, text) in
        [(Notice::WhatHappened, message), (Notice::WhatToDo, field("hint")), (Notice::Step, field("failed_step"))]
    {
        if !text.is_empty() {
            let text = text.lines().map(output::printable).collect::<Vec<_>>().join("\n    ");
            lines.push(format!("  {}{text}", service.say(&label)));
        }
    }
    let last_lines: Vec<String> = match row.get("last_lines") {
        Some(Value::Array(lines)) => lines.iter().map(text_of).collect(),
        Some(other) => text_of(other).lines().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    if !last_lines.is_empty() {
        lines.push(format!("  {}", service.say(&Notice::LastLines)));
        lines.extend(last_lines.iter().map(|line| format!("    {}", output::printable(line))));
    }
    lines.push(format!("  {}", service.say(&Notice::WholeLog(task_id.0))));
    lines
}

//! `fastbuild cancel`: ends a task before its time.

use std::process::ExitCode;

use clap::Args;

use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::output;
use super::task_argument::TaskArgument;
use crate::language::Notice;

/// Which task.
#[derive(Debug, Args)]
#[command(after_help = "Example: fastbuild cancel latest")]
pub(super) struct CancelArguments {
    /// Number of the task, or `latest`.
    #[arg(value_name = "TASK")]
    task: TaskArgument,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: CancelArguments) -> Result<ExitCode, ClientError> {
    let task_id = arguments.task.resolve(service).await?;
    let answer = service.post("/task/cancel-task", &[("task_id", task_id.to_string())]).await?;
    if service.json {
        output::document(&answer.data)?;
    } else {
        match answer.data.as_str() {
            Some(sentence) => output::line(sentence)?,
            None => output::line(&service.say(&Notice::BeingCancelled(task_id.0)))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `fastbuild rebuild`: the request of an earlier task once more.

use std::process::ExitCode;

use clap::Args;

use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::follow::FollowArguments;
use super::submit::accepted;
use super::task_argument::TaskArgument;

/// Which task.
#[derive(Debug, Args)]
#[command(after_help = "Example: fastbuild rebuild 1795229647053 --follow")]
pub(super) struct RebuildArguments {
    /// Number of the task, or `latest`.
    #[arg(value_name = "TASK")]
    task: TaskArgument,
    /// Stay until the task has ended and show what it does.
    #[arg(long, short)]
    follow: bool,
    /// Plain lines instead of bars while following.
    #[arg(long, requires = "follow")]
    plain: bool,
    #[command(flatten)]
    following: FollowArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: RebuildArguments) -> Result<ExitCode, ClientError> {
    let task_id = arguments.task.resolve(service).await?;
    let answer = service.post("/task/rebuild-task", &[("task_id", task_id.to_string())]).await?;
    accepted(service, &answer.data, arguments.follow, arguments.plain, &arguments.following).await
}

//! `fastbuild logs`: what a task wrote, and what it still writes.

use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::follow::{FollowArguments, follow};
use super::log_page::log_page;
use super::outcome;
use super::output;
use super::task_argument::TaskArgument;
use super::view::View;
use crate::task::StageName;

const EXAMPLES: &str = "\
Examples:
  fastbuild logs latest --follow
  fastbuild logs 1795229647053 --stage build

With --follow the exit code is the task's, as with `fastbuild submit --follow`.";

/// Which log.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LogsArguments {
    /// Number of the task, or `latest`.
    #[arg(value_name = "TASK")]
    task: TaskArgument,
    /// Stay until the task has ended.
    #[arg(long, short)]
    follow: bool,
    /// Of this stage alone.
    #[arg(long, value_parser = stage_parser())]
    stage: Option<StageName>,
    #[command(flatten)]
    following: FollowArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

fn stage_parser() -> impl TypedValueParser<Value = StageName> {
    PossibleValuesParser::new(StageName::ALL.map(StageName::as_str))
        .map(|name| StageName::from_name(&name).unwrap_or(StageName::Build))
}

pub(super) async fn run(service: &Connection, arguments: LogsArguments) -> Result<ExitCode, ClientError> {
    let task_id = arguments.task.resolve(service).await?;
    if arguments.follow {
        return follow(service, task_id, View::log(service.json, arguments.stage), &arguments.following).await;
    }
    // An unknown task is an error, a stage without a log is not.
    outcome::row(service, task_id).await?;
    for stage in StageName::ALL.into_iter().filter(|stage| arguments.stage.is_none_or(|wanted| wanted == *stage)) {
        let mut after = 0;
        loop {
            let page = match log_page(service, task_id, stage, after).await {
                Ok(page) => page,
                Err(ClientError::Refused(_)) => break,
                Err(error) => return Err(error),
            };
            for text in &page.lines {
                if service.json {
                    output::document(&serde_json::json!({ "stage": stage, "text": text }))?;
                } else {
                    output::line(&output::printable(text))?;
                }
            }
            if page.lines.is_empty() || page.next_after <= after {
                break;
            }
            after = page.next_after;
        }
    }
    Ok(ExitCode::SUCCESS)
}

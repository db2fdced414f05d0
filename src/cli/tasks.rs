//! `fastbuild tasks`: a page of tasks, newest first.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::answer::text_of;
use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::output::{self, coloured_state};
use super::table::table;
use crate::language::{Notice, task_columns};

const EXAMPLES: &str = "\
Examples:
  fastbuild tasks --state FAILED
  fastbuild tasks --image team/notebook --page 2
  fastbuild tasks --json | jq -r '.task_list[].task_id'";

/// Which tasks.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TasksArguments {
    /// Part of the state's name, such as `PUSH_SUCCESS` or `failed`.
    #[arg(long, default_value = "", hide_default_value = true)]
    state: String,
    /// Part of the target image's name.
    #[arg(long, default_value = "", hide_default_value = true)]
    image: String,
    /// Which page.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// Tasks a page.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    page_size: u32,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: TasksArguments) -> Result<ExitCode, ClientError> {
    let query = [
        ("page", arguments.page.to_string()),
        ("page_size", arguments.page_size.to_string()),
        ("image_name", arguments.image),
        ("task_status", arguments.state),
    ];
    let list = service.get("/task/list-task", &query).await?.data;
    if service.json {
        output::document(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    let tasks = list.get("task_list").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = tasks.iter().map(row).collect();
    if !rows.is_empty() {
        output::line(&table(&task_columns(service.language), &rows))?;
    }
    let total = list.pointer("/page/total").and_then(Value::as_u64).unwrap_or_default();
    let pages = total.div_ceil(u64::from(arguments.page_size)).max(1);
    output::note(&service.say(&Notice::Page { page: arguments.page, pages, total }));
    Ok(ExitCode::SUCCESS)
}

fn row(task: &Value) -> Vec<String> {
    let field = |name: &str| task.get(name).map(text_of).unwrap_or_default();
    let state = match field("cause") {
        none if none.is_empty() => coloured_state(&field("state")),
        cause => format!("{} {cause}", coloured_state(&field("state"))),
    };
    let created = field("create_time").split('.').next().unwrap_or_default().replace('T', " ");
    vec![field("task_id"), state, created, field("target_image_name"), output::printable(&field("name"))]
}

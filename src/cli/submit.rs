//! `fastbuild submit`: sends a build request and, if asked, stays until the task has ended.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::answer::text_of;
use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::follow::{FollowArguments, follow};
use super::output;
use super::view::View;
use crate::language::Notice;
use crate::task::TaskId;

const EXAMPLES: &str = "\
Examples:
  fastbuild submit request.json --follow
  generate-request | fastbuild submit - --json
  fastbuild submit request.json --idempotency-key nightly-2026-11-21 --follow && deploy

Exit codes: 0 pushed (without --follow: accepted), 1 the task failed, 2 wrong use or a refused request,
3 no service, 130 left from the keyboard (the task goes on).";

/// What is sent and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SubmitArguments {
    /// File of the build request; `-` for standard input.
    #[arg(value_name = "REQUEST")]
    request: PathBuf,
    /// Stay until the task has ended and show what it does.
    #[arg(long, short)]
    follow: bool,
    /// Plain lines instead of bars while following.
    #[arg(long, requires = "follow")]
    plain: bool,
    /// Build even when the same request was built before.
    #[arg(long)]
    force: bool,
    /// A repeated submission under the same key finds the first one's task.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    following: FollowArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: SubmitArguments) -> Result<ExitCode, ClientError> {
    let mut request = read_request(&arguments.request)?;
    if arguments.force {
        request["force"] = Value::Bool(true);
    }
    let body = request.to_string();
    let answer = service
        .send("/task/build-image", |post| {
            let post = post.header(CONTENT_TYPE, "application/json").body(body);
            match &arguments.idempotency_key {
                Some(key) => post.header("Idempotency-Key", key),
                None => post,
            }
        })
        .await?;
    accepted(service, &answer.data, arguments.follow, arguments.plain, &arguments.following).await
}

/// Tells of an accepted task and follows it if asked.
pub(super) async fn accepted(
    service: &Connection,
    task: &Value,
    is_followed: bool,
    plain: bool,
    following: &FollowArguments,
) -> Result<ExitCode, ClientError> {
    let task_id = task.get("task_id").and_then(Value::as_i64).map(TaskId).ok_or_else(|| ClientError::Unreadable {
        url: "build-image".to_owned(),
        reason: "it names no task".to_owned(),
    })?;
    if service.json {
        output::document(task)?;
    } else {
        let target = task.get("target_image_name").map(text_of).unwrap_or_default();
        output::line(&service.say(&Notice::Accepted { task_id: task_id.0, target }))?;
        for warning in task.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            output::note(&service.say(&Notice::Warning(text_of(warning))));
        }
    }
    if is_followed {
        return follow(service, task_id, View::progress(service, plain), following).await;
    }
    if !service.json {
        output::note(&service.say(&Notice::FollowWith(task_id.0)));
    }
    Ok(ExitCode::SUCCESS)
}

/// The request document; what is no JSON object is not worth sending.
pub(super) fn read_request(path: &Path) -> Result<Value, ClientError> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| ClientError::unreadable(path, &error))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let file = || path.display().to_string();
    let request: Value = serde_json::from_str(text)
        .map_err(|error| ClientError::Usage(Notice::NoJson { file: file(), words: error.to_string() }))?;
    if request.is_object() { Ok(request) } else { Err(ClientError::Usage(Notice::NoObject(file()))) }
}

//! `fastbuild preview`: the Dockerfile a request would become.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::answer::text_of;
use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::output;
use super::submit::read_request;
use crate::language::Notice;

const EXAMPLES: &str = "\
Examples:
  fastbuild preview request.json > Dockerfile
  fastbuild preview - < request.json

The Dockerfile goes to standard output, plan and warnings to standard error.";

/// What is previewed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PreviewArguments {
    /// File of the build request; `-` for standard input.
    #[arg(value_name = "REQUEST")]
    request: PathBuf,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: PreviewArguments) -> Result<ExitCode, ClientError> {
    let body = read_request(&arguments.request)?.to_string();
    let answer = service
        .send("/task/preview-dockerfile", |post| post.header(CONTENT_TYPE, "application/json").body(body))
        .await?;
    if service.json {
        output::document(&answer.data)?;
        return Ok(ExitCode::SUCCESS);
    }
    for text in texts(answer.data.get("plan")) {
        output::note(&service.say(&Notice::Plan(text)));
    }
    for text in texts(answer.data.get("warnings")) {
        output::note(&service.say(&Notice::Warning(text)));
    }
    let dockerfile = answer.data.get("dockerfile").map(text_of).unwrap_or_default();
    output::line(dockerfile.trim_end_matches('\n'))?;
    Ok(ExitCode::SUCCESS)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(entries)) => entries.iter().map(text_of).collect(),
        Some(other) => text_of(other).lines().map(str::to_owned).collect(),
    }
}

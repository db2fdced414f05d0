//! `fastbuild inspect`: what an image has.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::answer::text_of;
use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::output;
use super::table::table;
use crate::language::{Notice, part_columns};

const PARTS: [&str; 8] = ["os", "kernel", "package_manager", "python", "pip", "conda", "sshd", "jupyter_lab"];

/// Which image.
#[derive(Debug, Args)]
#[command(after_help = "Example: fastbuild inspect harbor.example.cn/base/ubuntu:22.04")]
pub(super) struct InspectArguments {
    /// Name of the image; the Docker server pulls it when it has to.
    #[arg(value_name = "IMAGE")]
    image: String,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: InspectArguments) -> Result<ExitCode, ClientError> {
    let descriptor = service.post("/task/check-image", &[("image_name", arguments.image)]).await?.data;
    if service.json {
        output::document(&descriptor)?;
        return Ok(ExitCode::SUCCESS);
    }
    let field = |name: &str| descriptor.get(name).map(text_of).unwrap_or_default();
    output::line(&format!("{}  {}", field("image_name"), field("image_id")))?;
    let rows: Vec<Vec<String>> =
        PARTS.iter().filter_map(|part| Some(row(service, part, descriptor.get(part)?))).collect();
    output::line(&table(&part_columns(service.language), &rows))?;
    Ok(ExitCode::SUCCESS)
}

fn row(service: &Connection, part: &str, found: &Value) -> Vec<String> {
    let list = |field: &str| match found.get(field) {
        Some(Value::Array(entries)) => entries.iter().map(text_of).collect::<Vec<_>>().join(", "),
        Some(other) => text_of(other),
        None => String::new(),
    };
    if found.get("available").and_then(Value::as_bool) != Some(true) {
        return vec![part.to_owned(), "-".to_owned(), String::new(), String::new()];
    }
    let environments = match list("environments") {
        none if none.is_empty() => none,
        names => service.say(&Notice::Environments(names)),
    };
    vec![part.to_owned(), list("name"), list("source"), list("version") + &environments]
}

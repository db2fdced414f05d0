//! `fastbuild sbom`: what is installed in the image that a task pushed.

use std::process::ExitCode;

use clap::Args;

use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::output;
use super::task_argument::TaskArgument;

const EXAMPLES: &str = "\
Examples:
  fastbuild sbom latest > image.cdx.json
  fastbuild sbom 1795229647053 | jq -r '.components[].purl'

The document is CycloneDX 1.5, read from the image itself; the first time may take as long as a pull.";

/// Which task.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SbomArguments {
    /// Number of the task, or `latest`.
    #[arg(value_name = "TASK")]
    task: TaskArgument,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: SbomArguments) -> Result<ExitCode, ClientError> {
    let task_id = arguments.task.resolve(service).await?;
    output::document(&service.document("/task/sbom", &[("task_id", task_id.to_string())]).await?)?;
    Ok(ExitCode::SUCCESS)
}

//! `fastbuild rotate-keys`: a new key for what lies sealed in the database.

use std::process::ExitCode;

use clap::Args;

use super::{SettingsArguments, complain, output};
use crate::rotation::{RotationReport, rotate};

const EXAMPLES: &str = "\
Examples:
  systemctl stop fastbuild
  runuser -u fastbuild -- fastbuild rotate-keys --config /etc/fastbuild/config.toml
  systemctl start fastbuild

Stop the service first. A new key is added to the key file, every sealed row is sealed under it, and the old keys leave
the file once no row needs them. Interrupted, it can be started again, and so can the service. A backup from before
opens with the key file from before.";

/// Whose keys.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RotateArguments {
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(super) fn run(arguments: RotateArguments) -> ExitCode {
    let settings = match arguments.settings.load() {
        Ok((settings, _)) => settings,
        Err(error) => return complain(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let report = match runtime.block_on(rotate(&settings)) {
        Ok(report) => report,
        Err(error) => return complain(&error),
    };
    let printed = if arguments.json {
        serde_json::to_value(&report).map_err(std::io::Error::from).and_then(|report| output::document(&report))
    } else {
        output::line(&readable(&report))
    };
    match printed {
        Ok(()) if report.unreadable.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => complain(&error),
    }
}

fn readable(report: &RotationReport) -> String {
    let mut lines = vec![format!("key {} seals from now on; {} texts sealed anew", report.key, report.resealed)];
    lines.extend(report.retired.iter().map(|key| format!("key {key} left the file")));
    lines.extend(report.unreadable.iter().map(|place| format!("{place}: no key opens it; it stays as it is")));
    lines.join("\n")
}

//! `fastbuild import-old`: takes over the database of an old service.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::failure::REFUSED;
use super::table::table;
use super::{SettingsArguments, complain, output};
use crate::clock::SystemClock;
use crate::import::{ImportError, Report, TableReport, import};

const EXAMPLES: &str = "\
Examples:
  fastbuild import-old --db /srv/old/fastbuild.db --dry-run
  fastbuild import-old --db /srv/old/fastbuild.db --config config.toml

Stop both services first. The old file is only read; a second import adds nothing twice. Tasks that had not ended
become BUILD_ABORT. Times are read in [fb] time_zone.";

/// What is taken over.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArguments {
    /// SQLite file of the old service.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Do everything, tell about it, and undo it.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(super) fn run(arguments: ImportArguments) -> ExitCode {
    let settings = match arguments.settings.load() {
        Ok((settings, _)) => settings,
        Err(error) => return complain(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let report = match runtime.block_on(import(&settings, &arguments.db, arguments.dry_run, &SystemClock)) {
        Ok(report) => report,
        Err(error) => {
            complain(&error);
            let is_wrong_use = matches!(error, ImportError::Source(_) | ImportError::SameFile(_));
            return if is_wrong_use { ExitCode::from(REFUSED) } else { ExitCode::FAILURE };
        }
    };
    let printed = if arguments.json {
        serde_json::to_value(&report).map_err(std::io::Error::from).and_then(|report| output::document(&report))
    } else {
        output::line(&readable(&report))
    };
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn readable(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report.tables.iter().map(row).collect();
    let mut lines = vec![table(&["TABLE", "FOUND", "TAKEN", "THERE ALREADY", "LEFT"], &rows)];
    for table in &report.tables {
        let name = &table.table;
        lines.extend(table.skipped.iter().map(|(reason, count)| format!("{name}: {count} left: {reason}")));
        lines.extend(table.changed.iter().map(|(what, count)| format!("{name}: {count} changed: {what}")));
        if !table.missing_columns.is_empty() {
            lines.push(format!("{name}: has no columns {}", table.missing_columns.join(", ")));
        }
    }
    if !report.unknown_tables.is_empty() {
        lines.push(format!("tables that are not taken over: {}", report.unknown_tables.join(", ")));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    if report.is_trial {
        lines.push("this was a trial: nothing was kept".to_owned());
    }
    lines.join("\n")
}

fn row(table: &TableReport) -> Vec<String> {
    if !table.is_there {
        return vec![table.table.clone(), "no such table".to_owned()];
    }
    let left: u64 = table.skipped.values().sum();
    let counts = [table.found, table.taken, table.already, left];
    [table.table.clone()].into_iter().chain(counts.map(|count| count.to_string())).collect()
}

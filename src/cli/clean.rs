//! `fastbuild clean`: what retention removes, and why.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::answer::text_of;
use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::output;
use super::table::table;

const EXAMPLES: &str = "\
Examples:
  fastbuild clean --dry-run
  fastbuild clean --dry-run --json | jq '.removed | group_by(.kind) | map({kind: .[0].kind, count: length})'";

/// How to clean.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CleanArguments {
    /// Only say what would go.
    #[arg(long, short = 'n')]
    dry_run: bool,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: CleanArguments) -> Result<ExitCode, ClientError> {
    let query = [("dry_run", arguments.dry_run.to_string())];
    let sweep = service.post("/system/retention", &query).await?.data;
    if service.json {
        output::document(&sweep)?;
        return Ok(ExitCode::SUCCESS);
    }
    let list = |name: &str| sweep.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let verb = if arguments.dry_run { "would go" } else { "removed" };
    let removed = rows(&list("removed"), verb);
    let count = removed.len();
    let all: Vec<Vec<String>> = removed.into_iter().chain(rows(&list("kept"), "stays")).collect();
    if !all.is_empty() {
        output::line(&table(&["", "KIND", "NAME", "MIB", "WHY"], &all))?;
    }
    let freed = sweep.get("freed_bytes").and_then(Value::as_u64).unwrap_or_default() >> 20;
    output::note(&format!("{count} {verb}, {freed} MiB"));
    let failed = list("failed");
    for rule in &failed {
        let field = |name: &str| output::printable(&rule.get(name).map(text_of).unwrap_or_default());
        output::note(&format!("{} could not be looked at: {}", field("kind"), field("reason")));
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn rows(things: &[Value], verb: &str) -> Vec<Vec<String>> {
    let row = |thing: &Value| {
        let field = |name: &str| output::printable(&thing.get(name).map(text_of).unwrap_or_default());
        let name = match thing.get("count").and_then(Value::as_u64) {
            Some(count) if count > 1 => format!("{} ({count})", field("name")),
            _ => field("name"),
        };
        let size = thing.get("size_bytes").and_then(Value::as_u64).unwrap_or_default();
        let size = if size > 0 { (size >> 20).to_string() } else { String::new() };
        vec![verb.to_owned(), field("kind"), name, size, field("reason")]
    };
    things.iter().map(row).collect()
}

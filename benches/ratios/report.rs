//! The table, for people and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use super::dockers::Bench;
use super::measure::{Bar, Measured, Samples};
use super::outcome::{Outcome, say};

/// Prints the table on standard output.
#[expect(clippy::print_stdout, reason = "printing is its job")]
pub fn print(measured: &[Measured]) {
    println!(
        "{:<26} {:>22} {:>22} {:>8} {:>9}  {:<5} what",
        "row", "ours (spread)", "other (spread)", "ratio", "bar", ""
    );
    for row in measured {
        let ratio = row.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
        let verdict = row.passes().map_or("", |passes| if passes { "pass" } else { "MISS" });
        println!(
            "{:<26} {:>22} {:>22} {:>8} {:>9}  {:<5} {}{}{}",
            name(row),
            figure(&row.ours),
            figure(&row.other),
            ratio,
            bar(row.row.bar),
            verdict,
            row.row.what,
            if row.row.unit.is_empty() { String::new() } else { format!(" [{}]", row.row.unit) },
            if row.note.is_empty() { String::new() } else { format!(" - {}", row.note) },
        );
    }
}

fn name(row: &Measured) -> String {
    row.size.map_or_else(|| row.row.name.to_owned(), |size| format!("{} {size}", row.row.name))
}

fn figure(samples: &Samples) -> String {
    match (samples.median(), samples.spread()) {
        (Some(median), Some((low, high))) if low < high => {
            format!("{} ({}..{})", short(median), short(low), short(high))
        }
        (Some(median), _) => short(median),
        _ => "-".to_owned(),
    }
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn bar(bar: Bar) -> String {
    match bar {
        Bar::RatioAtMost(bar) | Bar::AtMost(bar) => format!("<= {bar}"),
        Bar::RatioAtLeast(bar) | Bar::AtLeast(bar) => format!(">= {bar}"),
        Bar::None => "-".to_owned(),
    }
}

/// Writes the table as JSON.
pub fn write(measured: &[Measured], bench: &Bench, path: &Path) -> Outcome<()> {
    let rows: Vec<Value> = measured.iter().map(document).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let document = json!({
        "rows": rows, "short": bench.is_short, "repetitions": bench.repetitions, "cores": cores,
        "load_average_at_end": std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
    });
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, serde_json::to_vec_pretty(&document)?)?;
    say(&format!("bench: written to {}", path.display()));
    Ok(())
}

fn document(row: &Measured) -> Value {
    let samples = |samples: &Samples| json!({"median": samples.median(), "samples": samples.sorted()});
    json!({
        "row": row.row.name, "size": row.size, "what": row.row.what, "unit": row.row.unit,
        "ours": samples(&row.ours), "other": samples(&row.other),
        "ratio": row.ratio(), "bar": bar(row.row.bar), "passes": row.passes(), "note": row.note,
    })
}

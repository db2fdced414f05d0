//! `make bench`: every bar as a ratio, measured side by side in one run.
//!
//! The real program in a process of its own, a real daemon and a real registry, and beside it what a person would do by
//! hand: `docker build` and `docker push`, or a bare route. Repetitions take turns, so that a machine that is busy for a
//! while is busy for both. Prints a table and writes it as JSON.

mod arguments;
mod child;
mod dockers;
mod laid;
mod load;
mod measure;
mod outcome;
mod plain;
mod proxy;
mod report;
#[expect(clippy::unwrap_used, reason = "made for tests, which fail by panicking")]
#[allow(dead_code, missing_docs, reason = "the tests use all of it")]
#[path = "../../tests/it/support/request.rs"]
mod request;
mod rows;
#[expect(clippy::expect_used, reason = "made for tests, which fail by panicking")]
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/it/support/scripted.rs"]
mod scripted;
mod service;
mod watching;

use std::process::ExitCode;

use arguments::Arguments;
use outcome::{Outcome, say};

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = runtime.block_on(async {
        match arguments.first().map(String::as_str) {
            Some(child::BARE) => child::serve_bare(&arguments[1..]).await,
            Some(child::SCRIPTED) => child::serve_scripted(&arguments[1..]).await,
            _ => bench(Arguments::read(&arguments)?).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    say(&format!("bench: {error}"));
    ExitCode::FAILURE
}

/// A row that is missed is no failure of this program: times are information.
async fn bench(arguments: Arguments) -> Outcome<()> {
    let bench = dockers::Bench::new(&arguments)?;
    let mut measured = Vec::new();
    for group in rows::GROUPS {
        if !arguments.wants(group) {
            continue;
        }
        say(&format!("bench: {} …", group.name));
        let start = std::time::Instant::now();
        match (group.run)(&bench).await {
            Ok(rows) => measured.extend(rows),
            Err(error) => {
                say(&format!("bench: {} was not measured: {error}", group.name));
                measured.extend(group.rows.iter().map(|row| measure::Measured::missing(row, &error.to_string())));
            }
        }
        say(&format!("bench: {} took {:.0} s", group.name, start.elapsed().as_secs_f64()));
    }
    report::print(&measured);
    report::write(&measured, &bench, &arguments.output)
}

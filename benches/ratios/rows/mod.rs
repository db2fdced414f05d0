//! The rows, in groups that share what is expensive to set up.

mod assets;
mod builds;
mod http;
mod memory;
mod packages;
mod scale;
mod tasks;

use std::future::Future;
use std::pin::Pin;

use super::dockers::Bench;
use super::measure::{Measured, Row};
use super::outcome::Outcome;

/// What a group gives.
pub type Measuring<'a> = Pin<Box<dyn Future<Output = Outcome<Vec<Measured>>> + Send + 'a>>;

/// Rows that are measured together.
pub struct Group {
    /// Its name, by which it is chosen too.
    pub name: &'static str,
    /// Its rows.
    pub rows: &'static [Row],
    /// Whether it is quick enough for the short version.
    pub is_short: bool,
    /// Measures them.
    pub run: fn(&Bench) -> Measuring<'_>,
}

/// All groups, in the order of the table.
pub const GROUPS: &[Group] = &[
    Group { name: "cached", rows: &[builds::CACHED], is_short: true, run: |bench| Box::pin(builds::cached(bench)) },
    Group { name: "again", rows: &builds::AGAIN, is_short: true, run: |bench| Box::pin(builds::again(bench)) },
    Group { name: "cold", rows: &[packages::COLD], is_short: false, run: |bench| Box::pin(packages::cold(bench)) },
    Group { name: "warm", rows: &[packages::WARM], is_short: false, run: |bench| Box::pin(packages::warm(bench)) },
    Group {
        name: "scientific",
        rows: &packages::SCIENTIFIC,
        is_short: false,
        run: |bench| Box::pin(packages::scientific(bench)),
    },
    Group { name: "python", rows: &[assets::PYTHON], is_short: false, run: |bench| Box::pin(assets::python(bench)) },
    Group {
        name: "installer",
        rows: &[assets::INSTALLER],
        is_short: false,
        run: |bench| Box::pin(assets::installer(bench)),
    },
    Group { name: "check", rows: &[builds::CHECK], is_short: true, run: |bench| Box::pin(builds::check(bench)) },
    Group { name: "http", rows: &http::ROWS, is_short: true, run: |bench| Box::pin(http::measure(bench)) },
    Group { name: "tasks", rows: &[tasks::THOUSAND], is_short: true, run: |bench| Box::pin(tasks::thousand(bench)) },
    Group { name: "start", rows: &memory::START, is_short: true, run: |bench| Box::pin(memory::start(bench)) },
    Group {
        name: "watchers",
        rows: &[memory::WATCHERS],
        is_short: false,
        run: |bench| Box::pin(memory::watchers(bench)),
    },
    Group { name: "latency", rows: &[memory::LATENCY], is_short: false, run: |bench| Box::pin(memory::latency(bench)) },
    Group { name: "context", rows: &[memory::CONTEXT], is_short: false, run: |bench| Box::pin(memory::context(bench)) },
    Group { name: "scale-list", rows: &[scale::LIST], is_short: false, run: |bench| Box::pin(scale::list(bench)) },
    Group { name: "scale-queue", rows: &scale::QUEUE, is_short: false, run: |bench| Box::pin(scale::queue(bench)) },
    Group { name: "scale-events", rows: &scale::EVENTS, is_short: false, run: |bench| Box::pin(scale::events(bench)) },
    Group {
        name: "scale-builds",
        rows: &[scale::BUILDS],
        is_short: false,
        run: |bench| Box::pin(scale::builds(bench)),
    },
];

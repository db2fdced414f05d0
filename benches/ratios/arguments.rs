//! The command line: `[ROW…] [--short] [--repetitions N] [--output FILE]`.

use std::path::PathBuf;

use super::outcome::{Outcome, fault};
use super::rows::Group;

/// What was asked for.
pub struct Arguments {
    /// Parts of names of rows or groups; none means all.
    rows: Vec<String>,
    /// Few repetitions and quick rows only.
    pub is_short: bool,
    /// How often each side of a row is measured.
    pub repetitions: Option<usize>,
    /// Where the table goes as JSON.
    pub output: PathBuf,
}

impl Arguments {
    /// Reads them. `cargo bench` adds `--bench`, which means nothing here.
    pub fn read(arguments: &[String]) -> Outcome<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        let mut read = Self { rows: Vec::new(), is_short: false, repetitions: None, output: target.join("bench.json") };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "--bench" => {}
                "--short" => read.is_short = true,
                "--repetitions" => read.repetitions = Some(value()?.parse()?),
                "--output" => read.output = value()?.into(),
                option if option.starts_with('-') => return fault(format!("unknown option {option}")),
                row => read.rows.push(row.to_owned()),
            }
        }
        Ok(read)
    }

    /// Whether a group is to be measured.
    pub fn wants(&self, group: &Group) -> bool {
        if self.rows.is_empty() {
            return group.is_short || !self.is_short;
        }
        let names = || group.rows.iter().map(|row| row.name).chain([group.name]);
        self.rows.iter().any(|wanted| names().any(|name| name.contains(wanted.as_str())))
    }
}

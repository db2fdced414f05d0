//! What an import took, what it left and why.

use std::collections::BTreeMap;

use serde::Serialize;

/// What became of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Table by table.
    pub tables: Vec<TableReport>,
    /// Tables that an import does not know.
    pub unknown_tables: Vec<String>,
    /// What a person should know or do.
    pub notes: Vec<String>,
    /// Whether everything was undone again.
    pub is_trial: bool,
}

/// What became of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Its name in the old database.
    pub table: String,
    /// Whether the old database has it.
    pub is_there: bool,
    /// Rows found.
    pub found: u64,
    /// Rows taken over.
    pub taken: u64,
    /// Rows that were there already.
    pub already: u64,
    /// Rows left, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Rows taken over with a change, by what was changed.
    pub changed: BTreeMap<String, u64>,
    /// Columns that this version knows and the table lacks.
    pub missing_columns: Vec<String>,
}

impl TableReport {
    pub(super) fn skip(&mut self, reason: impl Into<String>) {
        *self.skipped.entry(reason.into()).or_default() += 1;
    }

    pub(super) fn change(&mut self, what: impl Into<String>) {
        *self.changed.entry(what.into()).or_default() += 1;
    }

    /// Counts a row that was offered to a table of ours.
    pub(super) fn offered(&mut self, is_new: bool) {
        if is_new {
            self.taken += 1;
        } else {
            self.already += 1;
        }
    }
}

//! The old database, opened so that it cannot change: read-only, immutable, all columns by name.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Row, TypeInfo, ValueRef};

use super::report::TableReport;
use super::row::{OldRow, OldValue};

const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
const HOT_JOURNAL_MAGIC: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Why an old database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No such file, or not for us.
    #[error("cannot read the old database {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Another kind of file.
    #[error("{0} is no SQLite database")]
    NotSqlite(PathBuf),
    /// Something stands beside the file that only its own service may take in.
    #[error(
        "{0} was not closed: {1} beside it holds changes; stop the old service, or run once: sqlite3 {0} 'PRAGMA \
         wal_checkpoint(TRUNCATE)'"
    )]
    NotClosed(PathBuf, PathBuf),
    /// No table of an old service.
    #[error("{0} holds none of the tables of an old FastBuild (fb_task_table …)")]
    NotOurs(PathBuf),
    /// SQLite failed while reading.
    #[error("the old database {path} cannot be read")]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: sqlx::Error,
    },
}

/// The old database.
pub(super) struct OldDatabase {
    path: PathBuf,
    connection: SqliteConnection,
    tables: BTreeSet<String>,
    read: BTreeSet<String>,
}

impl OldDatabase {
    /// Opens a file that nobody writes to.
    pub(super) async fn open(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
        let start = first_bytes(path, SQLITE_MAGIC.len()).map_err(unreadable)?;
        if start != SQLITE_MAGIC {
            return Err(SourceError::NotSqlite(path.to_owned()));
        }
        refuse_if_open(path)?;
        let failed = |source| SourceError::Database { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.connect().await.map_err(failed)?;
        let names = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            .fetch_all(&mut connection)
            .await
            .map_err(failed)?;
        let tables: BTreeSet<String> = names.iter().filter_map(|row| row.try_get(0).ok()).collect();
        if !tables.iter().any(|name| name.starts_with("fb_")) {
            return Err(SourceError::NotOurs(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), connection, tables, read: BTreeSet::new() })
    }

    /// The rows of the first of these tables that is there, oldest first.
    pub(super) async fn rows(
        &mut self,
        names: &[&str],
        columns: &[&str],
    ) -> Result<(Vec<OldRow>, TableReport), SourceError> {
        let Some(name) = names.iter().find(|name| self.tables.contains(**name)) else {
            let table = names.first().map(ToString::to_string).unwrap_or_default();
            return Ok((Vec::new(), TableReport { table, ..TableReport::default() }));
        };
        self.read.insert((*name).to_owned());
        let failed = |source| SourceError::Database { path: self.path.clone(), source };
        // The name is one of our own constants.
        let known = sqlx::query(AssertSqlSafe(format!("PRAGMA table_info(\"{name}\")")))
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        let known: BTreeSet<String> = known.iter().filter_map(|row| row.try_get("name").ok()).collect();
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM \"{name}\" ORDER BY rowid")))
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        let places: HashMap<String, usize> = rows
            .first()
            .map(|row| row.columns().iter().map(|column| (column.name().to_owned(), column.ordinal())).collect())
            .unwrap_or_default();
        let places = Arc::new(places);
        let rows: Vec<OldRow> = rows.iter().map(|row| old_row(row, places.clone())).collect();
        let report = TableReport {
            table: (*name).to_owned(),
            is_there: true,
            found: rows.len() as u64,
            missing_columns: columns
                .iter()
                .filter(|column| !known.contains(**column))
                .map(ToString::to_string)
                .collect(),
            ..TableReport::default()
        };
        Ok((rows, report))
    }

    /// Tables that nobody asked for.
    pub(super) fn unread_tables(&self) -> Vec<String> {
        self.tables.difference(&self.read).cloned().collect()
    }

    /// Closes the file.
    pub(super) async fn close(self) {
        // Nothing was written, so nothing can be lost.
        let _ = self.connection.close().await;
    }
}

fn old_row(row: &SqliteRow, columns: Arc<HashMap<String, usize>>) -> OldRow {
    OldRow { columns, values: (0..row.columns().len()).map(|index| old_value(row, index)).collect() }
}

fn old_value(row: &SqliteRow, index: usize) -> OldValue {
    let Ok(raw) = row.try_get_raw(index) else { return OldValue::Null };
    if raw.is_null() {
        return OldValue::Null;
    }
    // The kind is the value's own: old tables hold texts in columns of any kind.
    match raw.type_info().name() {
        "INTEGER" => row.try_get_unchecked(index).map_or(OldValue::Null, OldValue::Integer),
        "REAL" => row.try_get_unchecked(index).map_or(OldValue::Null, OldValue::Real),
        _ => {
            let bytes = row.try_get_unchecked::<Vec<u8>, _>(index).unwrap_or_default();
            OldValue::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// With `immutable`, SQLite would pass over a write-ahead log or a journal without a word.
fn refuse_if_open(path: &Path) -> Result<(), SourceError> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let log = beside("-wal");
    if std::fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(SourceError::NotClosed(path.to_owned(), log));
    }
    let journal = beside("-journal");
    if first_bytes(&journal, HOT_JOURNAL_MAGIC.len()).is_ok_and(|start| start == HOT_JOURNAL_MAGIC) {
        return Err(SourceError::NotClosed(path.to_owned(), journal));
    }
    Ok(())
}

fn first_bytes(path: &Path, count: usize) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(count);
    std::fs::File::open(path)?.take(count as u64).read_to_end(&mut start)?;
    Ok(start)
}

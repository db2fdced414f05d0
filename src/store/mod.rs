//! SQLite: one file per table family, one query per function.
//!
//! Readers share a pool; writers take turns on one of two connections, of which the durable one syncs every commit to
//! disk (accepting and ending a task) and the other leaves that to the next checkpoint. A row read back is parsed, never
//! served.

mod access;
mod callback;
mod check_result;
mod configuration;
mod content;
mod image;
mod image_life;
mod import;
mod queue;
mod retention;
mod stage;
mod task;
mod task_of_owner;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, MutexGuard};

pub use access::{AccessTokenRow, NewAccessToken};
pub use callback::{AttemptRow, DeliveryRow, NewAttempt, NewDelivery};
pub use check_result::CheckResultRow;
pub use configuration::{CallbackHeadersRow, DockerServerRow, HarborRow, HostRow, NewDockerServer, NewHarbor};
pub use content::ContentRow;
pub use image::{ImageRow, ImageType, NewImage};
pub use image_life::ImageLifeRow;
pub use import::{OldAttempt, OldImage, OldImageLife, OldStage, OldTask};
pub use queue::{QueueLine, QueueRank};
pub use retention::ExpiredTask;
pub use stage::StageRow;
pub use task::{Failure, NewTask, TaskFilter, TaskRow};

const READERS: u32 = 6;
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// What the database refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's own error.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database's schema could not be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Another process holds the database.
    #[error("another FastBuild process uses the database {0}; stop it or give this one a database of its own")]
    InUse(PathBuf),
    /// The file cannot be opened.
    #[error("cannot open the database {path}: {source}")]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A row holds what this version cannot read.
    #[error("a row of {table} cannot be read: {reason}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    /// Whether a UNIQUE constraint refused the row.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// Whether a commit is on disk before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut.
    Durable,
    /// It survives the end of the process.
    Relaxed,
}

/// The database.
pub struct Store {
    readers: SqlitePool,
    durable: SqlitePool,
    relaxed: SqlitePool,
    turn: Mutex<()>,
    _lock: Option<std::fs::File>,
}

/// A write transaction that has its turn.
pub struct Writing<'a> {
    transaction: Transaction<'a, Sqlite>,
    _turn: MutexGuard<'a, ()>,
}

impl Writing<'_> {
    /// The connection to run statements on.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Commits.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Store {
    /// Opens the database, takes it for this process and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = take_lock(path)?;
        Self::connect(path, Some(lock)).await
    }

    /// Opens the database beside a process that may have it. Where none has, it is taken and brought up to date.
    pub async fn open_beside(path: &Path) -> Result<Self, StoreError> {
        match take_lock(path) {
            Ok(lock) => Self::connect(path, Some(lock)).await,
            Err(StoreError::InUse(_)) => Self::connect(path, None).await,
            Err(error) => Err(error),
        }
    }

    async fn connect(path: &Path, lock: Option<std::fs::File>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str("sqlite://")?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("trusted_schema", "OFF");
        let durable = pool(options.clone().synchronous(SqliteSynchronous::Full), 1).await?;
        if lock.is_some() {
            sqlx::migrate!().run(&durable).await?;
        }
        let relaxed = pool(options.clone().synchronous(SqliteSynchronous::Normal), 1).await?;
        let readers = pool(options.read_only(true).create_if_missing(false), READERS).await?;
        Ok(Self { readers, durable, relaxed, turn: Mutex::new(()), _lock: lock })
    }

    /// Begins a write transaction.
    pub async fn write(&self, durability: Durability) -> Result<Writing<'_>, StoreError> {
        let turn = self.turn.lock().await;
        let pool = match durability {
            Durability::Durable => &self.durable,
            Durability::Relaxed => &self.relaxed,
        };
        Ok(Writing { transaction: pool.begin_with("BEGIN IMMEDIATE").await?, _turn: turn })
    }

    /// Proves that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("SELECT 1 AS one").fetch_one(&self.readers).await?;
        Ok(())
    }

    /// Closes the connections and leaves a database without a write-ahead log behind.
    pub async fn close(&self) {
        self.readers.close().await;
        self.relaxed.close().await;
        self.durable.close().await;
    }
}

async fn pool(options: SqliteConnectOptions, connections: u32) -> Result<SqlitePool, StoreError> {
    Ok(SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_mins(1))
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?)
}

/// The lock that makes this process the only one: a file beside the database, freed by the kernel when we end.
fn take_lock(path: &Path) -> Result<std::fs::File, StoreError> {
    let unopenable = |source| StoreError::Unopenable { path: path.to_owned(), source };
    let lock_path = path.with_added_extension("lock");
    let file =
        std::fs::File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(unopenable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(unopenable(source)),
    }
}

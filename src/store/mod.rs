//! SQLite: one file per table family, one query per function.
//!
//! Readers share a pool; writers take turns on one connection. A durable commit (accepting and ending a task) then waits
//! for a flush to disk that it shares with all others that wait; a relaxed one leaves that to the next checkpoint. A row
//! read back is parsed, never served.

mod access;
mod admission;
mod callback;
mod check_result;
mod checkpoints;
mod configuration;
mod content;
mod group_sync;
mod image;
mod image_life;
mod import;
mod queue;
mod retention;
mod sealed;
mod stage;
mod task;
mod task_end;
mod task_list;
mod task_of_owner;
mod writer;

#[cfg(test)]
mod plan_tests;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use checkpoints::Checkpoints;
use group_sync::GroupSync;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqliteConnection, SqlitePool};
use writer::{Turn, Writer};

pub use access::{AccessTokenRow, NewAccessToken};
pub use admission::Admission;
pub use callback::{AttemptRow, DeliveryRow, NewAttempt, NewDelivery};
pub use check_result::CheckResultRow;
pub use configuration::{CallbackHeadersRow, DockerServerRow, HarborRow, HostRow, NewDockerServer, NewHarbor};
pub use content::ContentRow;
pub use image::{ImageRow, ImageType, NewImage};
pub use image_life::ImageLifeRow;
pub use import::{OldAttempt, OldImage, OldImageLife, OldStage, OldTask};
pub use queue::{QueueLine, QueueRank};
pub use retention::ExpiredTask;
pub use sealed::{Resealed, SealedColumn, SealedRow};
pub use stage::{PassedStage, StageRow};
pub use task::{Failure, NewTask, TaskRow, UnfinishedNames};
pub use task_list::TaskFilter;

use crate::file_rights::give_to_owner_of;

const READERS: u32 = 6;
/// How long SQLite itself waits for another process's lock; `Store::write` asks again after that.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a write waits for another process's lock, unless it runs [`patiently`].
const PATIENCE: Duration = Duration::from_secs(15);
const BUSY_PAUSE: Duration = Duration::from_millis(50);

tokio::task_local! {
    static PATIENT: ();
}

/// Runs work whose writes wait as long as another process locks the database: tasks and callbacks have the time, and a
/// backup that takes a minute must fail none of them. A client's request, which has not, is told after `PATIENCE`.
pub async fn patiently<F: Future>(work: F) -> F::Output {
    PATIENT.scope((), work).await
}

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
    /// A commit may not be on disk.
    #[error("the database's log cannot be flushed to disk: {0}")]
    Flush(#[source] std::io::Error),
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

    /// Whether another process locks the database.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error) if is_busy(error))
    }

    /// Whether the database's disk is full. Shared memory that cannot grow is an input/output error of its own kind.
    pub fn is_disk_full(&self) -> bool {
        let is_full = |code: i32| code & 0xff == 13 || code == 4_874;
        match self {
            Self::Database(error) => result_code(error).is_some_and(is_full),
            Self::Flush(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
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
    writer: Writer,
    sync: GroupSync,
    commits: AtomicU64,
    checkpoints: Checkpoints,
    _lock: Option<std::fs::File>,
}

/// A write transaction that has its turn.
pub struct Writing<'a> {
    turn: Turn,
    store: &'a Store,
    durability: Durability,
}

impl Writing<'_> {
    /// The connection to run statements on.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        self.turn.connection()
    }

    /// Commits. The next writer has its turn while this one waits for the disk.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Self { turn, store, durability } = self;
        turn.commit().await?;
        store.committed(durability).done().await
    }
}

/// What a commit still waits for.
#[must_use = "the commit is not on disk before"]
pub struct Flush<'a> {
    store: &'a Store,
    durability: Durability,
}

impl Flush<'_> {
    /// Waits until the commit is as durable as it was begun.
    pub async fn done(self) -> Result<(), StoreError> {
        match self.durability {
            Durability::Durable => self.store.sync.wait().await.map_err(StoreError::Flush),
            Durability::Relaxed => {
                // Who has the turn now may be the next on this very thread, where nobody else can take it up: should
                // the caller hold the thread from here on, no write would ever end.
                tokio::task::yield_now().await;
                Ok(())
            }
        }
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
            .synchronous(SqliteSynchronous::Normal)
            .pragma("trusted_schema", "OFF");
        // Whoever owns the database does it beside the writers, see `checkpoints`.
        let own_checkpoints = options.clone().pragma("wal_autocheckpoint", "0");
        let writer = Writer::open(if lock.is_some() { own_checkpoints.clone() } else { options.clone() }).await?;
        if lock.is_some() {
            sqlx::migrate!().run(writer.turn().await?.connection()).await?;
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(1)
            .acquire_timeout(Duration::from_mins(1))
            .idle_timeout(None)
            .max_lifetime(None)
            // A file cannot hang up, and to ask costs as much as a query.
            .test_before_acquire(false)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        let sync = GroupSync::new(path).map_err(|source| StoreError::Unopenable { path: path.to_owned(), source })?;
        sync.wait().await.map_err(StoreError::Flush)?;
        let checkpoints = if lock.is_some() { Checkpoints::start(own_checkpoints) } else { Checkpoints::default() };
        let commits = AtomicU64::new(0);
        Ok(Self { readers, writer, sync, commits, checkpoints, _lock: lock })
    }

    /// How many transactions this process has committed: while it stays the same, a read gives the same rows.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Begins a write transaction.
    pub async fn write(&self, durability: Durability) -> Result<Writing<'_>, StoreError> {
        let begun = async || {
            let mut turn = self.writer.turn().await?;
            turn.begin().await?;
            Ok(turn)
        };
        let mut patience = Patience::start();
        loop {
            match begun().await {
                Ok(turn) => return Ok(Writing { turn, store: self, durability }),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    /// Takes notice of a commit.
    fn committed(&self, durability: Durability) -> Flush<'_> {
        self.checkpoints.note(self.commits.fetch_add(1, Ordering::SeqCst));
        Flush { store: self, durability }
    }

    /// Proves that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("SELECT 1 AS one").fetch_one(&self.readers).await?;
        Ok(())
    }

    /// Closes the connections and leaves a database without a write-ahead log behind.
    pub async fn close(&self) {
        self.checkpoints.stop().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// How long a write waits for another process's lock.
struct Patience {
    start: Instant,
    is_told: bool,
}

impl Patience {
    fn start() -> Self {
        Self { start: Instant::now(), is_told: false }
    }

    /// Waits a moment after what failed as another process has the lock; anything else, or once it took too long, is the
    /// error. Others must have their turn meanwhile: each finds out in its own time.
    async fn after(&mut self, error: sqlx::Error) -> Result<(), StoreError> {
        let error = StoreError::from(error);
        let is_patient = PATIENT.try_with(|()| ()).is_ok();
        if !error.is_busy() || (!is_patient && self.start.elapsed() >= PATIENCE) {
            return Err(error);
        }
        if self.start.elapsed() >= PATIENCE && !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!("another process locks the database for {} s already; tasks wait", PATIENCE.as_secs());
        }
        tokio::time::sleep(BUSY_PAUSE).await;
        Ok(())
    }
}

/// Whether another process locks the database.
fn is_busy(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// SQLite's extended result code of an error; its last byte is the primary one.
fn result_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(error) = error else { return None };
    error.code()?.parse().ok()
}

/// The lock that makes this process the only one: a file beside the database, freed by the kernel when we end.
fn take_lock(path: &Path) -> Result<std::fs::File, StoreError> {
    let unopenable = |source| StoreError::Unopenable { path: path.to_owned(), source };
    let lock_path = path.with_added_extension("lock");
    let made = std::fs::File::options().create_new(true).write(true).open(&lock_path);
    let file = match made {
        // Root works on the database of a service that runs as another user, and that one must be able to lock it.
        Ok(file) => give_to_owner_of(&file, path).map(|()| file),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::File::options().write(true).open(&lock_path)
        }
        Err(error) => Err(error),
    };
    let file = file.map_err(unopenable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(unopenable(source)),
    }
}

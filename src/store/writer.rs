//! The one connection that writes, and the turns at it.
//!
//! A pool would ask the connection whether it is alive each time it comes back, for which the next writer waits.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::is_busy;

/// Lets one write at a time.
pub(super) struct Writer(Arc<Mutex<Connected>>);

struct Connected {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    /// Whether a transaction may be open, or the connection be lost.
    is_in_doubt: bool,
    is_closed: bool,
}

impl Writer {
    /// Connects.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        // A wait for another process's lock is told once by who waits, not with each attempt.
        let options = options.disable_statement_logging();
        let connection = Some(SqliteConnection::connect_with(&options).await?);
        Ok(Self(Arc::new(Mutex::new(Connected { options, connection, is_in_doubt: false, is_closed: false }))))
    }

    /// Waits for a turn. A connection that was lost is opened anew.
    pub(super) async fn turn(&self) -> Result<Turn, sqlx::Error> {
        let mut connected = self.0.clone().lock_owned().await;
        if connected.is_closed {
            return Err(sqlx::Error::PoolClosed);
        }
        connected.roll_back().await;
        if connected.connection.is_none() {
            connected.connection = Some(SqliteConnection::connect_with(&connected.options).await?);
        }
        Ok(Turn(connected))
    }

    /// Closes the connection once nobody has a turn; nobody has one afterwards.
    pub(super) async fn close(&self) {
        let mut connected = self.0.lock().await;
        connected.is_closed = true;
        connected.disconnect().await;
    }
}

impl Connected {
    /// Undoes what is open. A connection that does not do it is closed, which does: SQLite rolls back by itself when a
    /// disk is full, and then refuses to do it again.
    async fn roll_back(&mut self) {
        if self.is_in_doubt
            && let Some(connection) = &mut self.connection
            && sqlx::query("ROLLBACK").execute(connection).await.is_err()
        {
            self.disconnect().await;
        }
        self.is_in_doubt = false;
    }

    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!("the database's connection does not close: {error}");
        }
    }
}

/// A turn at the connection. What it leaves open when it is dropped is undone before the next one.
pub(super) struct Turn(OwnedMutexGuard<Connected>);

impl Turn {
    /// The connection.
    #[expect(clippy::expect_used, reason = "it is there from the turn's begin on, and taken only by who has none")]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.0.connection.as_mut().expect("connected")
    }

    /// Begins a transaction.
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        // From here on: who waits for the answer may go away.
        self.0.is_in_doubt = true;
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(self.connection()).await;
        self.0.is_in_doubt = !begun.as_ref().is_err_and(is_busy);
        begun.map(drop)
    }

    /// Takes notice of how a statement outside of a transaction ended: what is no error of SQLite's is one of the
    /// connection.
    pub(super) fn note<T>(&mut self, outcome: &Result<T, sqlx::Error>) {
        self.0.is_in_doubt = matches!(outcome, Err(error) if error.as_database_error().is_none());
    }

    /// Commits it.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(self.connection()).await?;
        self.0.is_in_doubt = false;
        Ok(())
    }

    /// Undoes it.
    pub(super) async fn roll_back(mut self) {
        self.0.roll_back().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.is_in_doubt
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Whoever is next does it first; this is for when nobody is.
            let connected = Arc::clone(OwnedMutexGuard::mutex(&self.0));
            runtime.spawn(async move { connected.lock().await.roll_back().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rows(writer: &Writer) -> i64 {
        let mut turn = writer.turn().await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(turn.connection()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_not_committed_is_undone_and_the_next_one_writes() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(directory.path().join("x.sqlite3")).create_if_missing(true);
        let writer = Writer::open(options).await.unwrap();
        sqlx::query("CREATE TABLE t (x INTEGER)").execute(writer.turn().await.unwrap().connection()).await.unwrap();
        for is_committed in [false, true, false] {
            let mut turn = writer.turn().await.unwrap();
            turn.begin().await.unwrap();
            sqlx::query("INSERT INTO t VALUES (1)").execute(turn.connection()).await.unwrap();
            if is_committed {
                turn.commit().await.unwrap();
            }
        }
        assert_eq!(rows(&writer).await, 1);
        // Rolled back behind our back, as by a full disk.
        let mut turn = writer.turn().await.unwrap();
        turn.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(turn.connection()).await.unwrap();
        drop(turn);
        assert_eq!(rows(&writer).await, 1);
        // Lost: the statement's error is not SQLite's own.
        let mut turn = writer.turn().await.unwrap();
        turn.0.disconnect().await;
        turn.note(&Err::<(), _>(sqlx::Error::WorkerCrashed));
        drop(turn);
        assert_eq!(rows(&writer).await, 1);
        writer.close().await;
        assert!(matches!(writer.turn().await.err(), Some(sqlx::Error::PoolClosed)), "closed for good");
    }
}

//! The one connection that writes, and the turns at it.
//!
//! A pool would ask the connection whether it is alive each time it comes back, for which the next writer waits.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Lets one write at a time.
pub(super) struct Writer(Arc<Mutex<Connected>>);

struct Connected {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    /// Whether a transaction may be open.
    is_open: bool,
}

impl Writer {
    /// Connects.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let connection = Some(SqliteConnection::connect_with(&options).await?);
        Ok(Self(Arc::new(Mutex::new(Connected { options, connection, is_open: false }))))
    }

    /// Waits for a turn. The connection is opened anew where it was lost.
    pub(super) async fn turn(&self) -> Result<Turn, sqlx::Error> {
        let mut connected = self.0.clone().lock_owned().await;
        connected.roll_back().await;
        if connected.connection.is_none() {
            connected.connection = Some(SqliteConnection::connect_with(&connected.options).await?);
        }
        Ok(Turn(connected))
    }

    /// Closes the connection once nobody has a turn.
    pub(super) async fn close(&self) {
        self.0.lock().await.disconnect().await;
    }
}

impl Connected {
    /// Undoes what is open. A connection that does not do it is closed, which does: SQLite rolls back by itself when a
    /// disk is full, and then refuses to do it again.
    async fn roll_back(&mut self) {
        if self.is_open
            && let Some(connection) = &mut self.connection
            && sqlx::query("ROLLBACK").execute(connection).await.is_err()
        {
            self.disconnect().await;
        }
        self.is_open = false;
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
        self.0.is_open = true;
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(self.connection()).await;
        self.0.is_open = begun.is_ok();
        begun.map(drop)
    }

    /// Commits it.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(self.connection()).await?;
        self.0.is_open = false;
        Ok(())
    }

    /// Undoes it.
    pub(super) async fn roll_back(mut self) {
        self.0.roll_back().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.is_open
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
        // Rolled back behind our back, as by a full disk; and lost altogether.
        let mut turn = writer.turn().await.unwrap();
        turn.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(turn.connection()).await.unwrap();
        drop(turn);
        assert_eq!(rows(&writer).await, 1);
        writer.close().await;
        assert_eq!(rows(&writer).await, 1);
    }
}

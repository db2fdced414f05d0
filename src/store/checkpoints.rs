//! The write-ahead log is moved into the database beside the writers.
//!
//! SQLite by itself does it in whichever commit has made the log long: that one, and all who wait for their turn, then
//! wait for a write of every page and two flushes. Done on a connection of its own, nobody waits. A log that never comes to
//! its end because somebody always writes is cut once it is long, for which writers wait a moment.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Commits between two checkpoints. One of ours writes a handful of pages, SQLite's own measure is 1,000 pages.
const COMMITS: u64 = 200;
/// Pages of the log from which it is cut: 16 MiB.
const LONG_LOG_PAGES: i64 = 4_096;

/// Makes checkpoints when it is told of commits; the default one never does.
#[derive(Default)]
pub(super) struct Checkpoints {
    wake: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    /// Checkpoints of the database that these options open.
    pub(super) fn start(options: SqliteConnectOptions) -> Self {
        let (wake, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let (waiting, stopped) = (wake.clone(), stop.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stopped.cancelled() => return,
                    () = waiting.notified() => {}
                }
                // Another process may hold the database, or its disk be full: the next one does this one's work too.
                if let Err(error) = checkpoint(&options).await {
                    tracing::debug!("no checkpoint: {error}");
                }
            }
        });
        Self { wake, stop, task: Mutex::new(Some(task)) }
    }

    /// Takes notice of a commit, the `number`th.
    pub(super) fn note(&self, number: u64) {
        if number % COMMITS == COMMITS - 1 {
            self.wake.notify_one();
        }
    }

    /// Makes no more; one under way has ended, and its connection is closed.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A connection that is open all the time would hold its cache for something that takes place seldom.
async fn checkpoint(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let (_, log_pages, _): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut connection).await?;
    if log_pages >= LONG_LOG_PAGES {
        sqlx::query("PRAGMA wal_checkpoint(RESTART)").execute(&mut connection).await?;
    }
    connection.close().await
}

#[cfg(test)]
mod tests {
    use crate::clock::Moment;
    use crate::store::Store;

    #[tokio::test]
    async fn many_commits_leave_a_short_log_and_all_they_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite3");
        let store = Store::open(&path).await.unwrap();
        let result = "x".repeat(100_000);
        for number in 0..1_000 {
            let id = format!("sha256:{}", number % 50);
            store.keep_check_result(&id, "image", &result, Moment(number)).await.unwrap();
        }
        let log = directory.path().join("x.sqlite3-wal");
        let log_bytes = || std::fs::metadata(&log).map_or(0, |log| log.len());
        assert!(log_bytes() < 64 << 20, "{} bytes of 100 MB that were written", log_bytes());
        store.close().await;
        drop(store);
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.check_result("sha256:49").await.unwrap().unwrap().result, result);
        store.close().await;
    }
}

//! One flush to disk for all commits that wait for one.
//!
//! A commit in WAL mode is complete once its frames stand in the write-ahead log; what makes it survive a power cut is
//! flushing that file, and a flush takes all frames written before it. So a durable commit first commits like any
//! other, without holding up the next one, and then waits for a flush that began after it. A log whose flush has not
//! come to pass is cut off by its checksums at the next start, back to the last whole commit.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Flushes the write-ahead log of one database.
pub(super) struct GroupSync {
    log: Arc<Path>,
    /// Tickets given out; each belongs to a commit that is in the log.
    given: AtomicU64,
    /// The highest ticket whose commit is on disk.
    flushed: Mutex<u64>,
}

impl GroupSync {
    /// For the database at `path`. Its log has its directory entry on disk from now on.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()?;
        Ok(Self { log: log.into(), given: AtomicU64::new(0), flushed: Mutex::new(0) })
    }

    /// Waits until everything that was committed before this call is on disk.
    pub(super) async fn wait(&self) -> io::Result<()> {
        let ticket = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let mut flushed = self.flushed.lock().await;
        if *flushed >= ticket {
            return Ok(());
        }
        let covered = self.given.load(Ordering::SeqCst);
        let log = Arc::clone(&self.log);
        let flush = tokio::task::spawn_blocking(move || flush(&log));
        flush.await.map_err(io::Error::other)??;
        *flushed = covered;
        Ok(())
    }
}

/// Opened anew each time: SQLite may have made the file anew.
fn flush(log: &Path) -> io::Result<()> {
    match File::open(log) {
        Ok(file) => file.sync_data(),
        // A checkpoint that removed the log had flushed it into the database first.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiters_share_a_flush_and_nobody_waits_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite3");
        let sync = Arc::new(GroupSync::new(&path).unwrap());
        std::fs::write(directory.path().join("x.sqlite3-wal"), "frames").unwrap();
        let waiters: Vec<_> = (0..50)
            .map(|_| {
                tokio::spawn({
                    let sync = sync.clone();
                    async move { sync.wait().await }
                })
            })
            .collect();
        for waiter in waiters {
            waiter.await.unwrap().unwrap();
        }
        assert_eq!(*sync.flushed.lock().await, 50);
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_flushed_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite3");
        let sync = GroupSync::new(&path).unwrap();
        std::os::unix::fs::symlink("x.sqlite3-wal", directory.path().join("x.sqlite3-wal")).unwrap();
        assert!(sync.wait().await.is_err());
        assert_eq!(*sync.flushed.lock().await, 0);
    }
}

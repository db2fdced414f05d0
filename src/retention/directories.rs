//! Directories of tasks that ended long ago, and of tasks that are not on record any more.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Kind, Reason, Retention, RetentionError, SECONDS_PER_DAY, Sweep};
use crate::clock::Moment;

impl Retention {
    /// Removes what is older than `task_directory_days`; never an unfinished task's. The record stays.
    pub(super) async fn sweep_directories(&self, sweep: &mut Sweep) -> Result<(), RetentionError> {
        let limit_days = self.settings().task_directory_days;
        let Some(oldest) = self.days_ago(limit_days) else { return Ok(()) };
        let root = self.pipeline.settings.fb.task_dir.clone();
        for name in blocking(move || names_in(&root)).await? {
            let reason = match self.pipeline.store.task_by_work_dir(&name).await? {
                Some(task) => {
                    let ended = Moment(task.end_time.unwrap_or(task.update_time));
                    if !task.task_state().is_end() || ended >= oldest {
                        continue;
                    }
                    Reason::Ended { days: self.age_days(ended), limit_days }
                }
                None => match self.orphan_age_days(&name).await {
                    Some(days) if days >= i64::from(limit_days) => Reason::NoTask { days },
                    _ => continue,
                },
            };
            let directory = self.pipeline.workspaces.directory(&name);
            let measured = directory.clone();
            let size_bytes = blocking(move || Ok(size_of(&measured))).await?;
            if !sweep.is_dry_run
                && let Err(error) = self.pipeline.workspaces.remove(&name).await
            {
                sweep.keep(Kind::TaskDirectory, name, Reason::Refused(error.to_string()));
                continue;
            }
            sweep.remove(Kind::TaskDirectory, name, size_bytes, reason);
        }
        Ok(())
    }

    /// How long ago a directory without a task was written, when it is one of ours: it holds a request document.
    async fn orphan_age_days(&self, name: &str) -> Option<i64> {
        let document = self.pipeline.workspaces.request_file(name);
        let written = tokio::fs::metadata(document).await.ok()?.modified().ok()?;
        let since_epoch = written.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let written = Moment(i64::try_from(since_epoch.as_micros()).ok()?);
        Some(self.pipeline.now().millis_since(written) / 1_000 / SECONDS_PER_DAY)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, RetentionError> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?;
    Ok(outcome?)
}

/// Names of directories; links are nobody's.
fn names_in(root: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Bytes of the files in a directory. What goes away meanwhile counts nothing.
fn size_of(directory: &Path) -> u64 {
    let mut waiting: Vec<PathBuf> = vec![directory.to_owned()];
    let mut bytes = 0;
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => waiting.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

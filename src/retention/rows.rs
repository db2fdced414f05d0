//! Records of tasks that ended long ago, imported ones included, and history that belongs to no task.

use super::{Kind, Reason, Removed, Retention, RetentionError, Sweep};
use crate::clock::Moment;

/// Rows of one sweep, so that no sweep holds up writers for long; the next one goes on.
const ROWS_OF_A_SWEEP: i64 = 2_000;

impl Retention {
    /// Removes records older than `row_days`. A task whose image is in the list stays: deleting, rebuilding and reusing
    /// the image need it; so does one whose callback still waits.
    pub(super) async fn sweep_rows(&self, sweep: &mut Sweep) -> Result<(), RetentionError> {
        let limit_days = self.settings().row_days;
        let Some(oldest) = self.days_ago(limit_days) else { return Ok(()) };
        let store = &self.pipeline.store;
        for task in store.expired_tasks(oldest, ROWS_OF_A_SWEEP).await? {
            let ended = Moment(task.ended);
            if !sweep.is_dry_run {
                // The directory first: a failure leaves a record by which it is found again.
                if let Err(error) = self.pipeline.workspaces.remove(&task.work_dir_name).await {
                    sweep.keep(Kind::TaskRow, task.task_id.to_string(), Reason::Refused(error.to_string()));
                    continue;
                }
                if !store.forget_task(task.id()).await? {
                    continue;
                }
            }
            let reason = Reason::Ended { days: self.age_days(ended), limit_days };
            sweep.remove(Kind::TaskRow, task.task_id.to_string(), 0, reason);
        }
        if !sweep.is_dry_run {
            store.forget_turns().await?;
        }
        let old = if sweep.is_dry_run {
            store.old_history(oldest).await?
        } else {
            let forgotten = store.forget_history(oldest).await?;
            self.pipeline.inspections.let_go();
            forgotten
        };
        for (table, rows) in old.into_iter().filter(|(_, rows)| *rows > 0) {
            sweep.removed.push(Removed {
                kind: Kind::HistoryRow,
                name: table.to_owned(),
                count: rows,
                size_bytes: 0,
                reason: Reason::Old { limit_days },
            });
        }
        Ok(())
    }
}

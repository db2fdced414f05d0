//! Tasks that their rows and this process disagree about.
//!
//! Rows are the truth. A row that says that a task runs although nobody here works on it goes back into the queue, as it
//! would at the next start, and a cancellation that stands in a row but was not heard is said again. Neither should
//! happen; where the database failed in between, it costs seconds then, and no restart.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::worker::Worker;
use crate::store::StoreError;
use crate::task::TaskId;

const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Worker {
    /// Looks for such tasks until `stop`.
    pub async fn watch_for_strays(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = HashSet::new();
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_AGAIN)).await.is_some() {
            match self.take_up_strays(&seen).await {
                Ok(strays) => seen = strays,
                Err(error) => tracing::error!("running tasks cannot be looked at: {error:?}"),
            }
        }
    }

    /// Those that nobody works on. One that the last look saw as well goes back into the queue; one that is seen for the
    /// first time may have ended since its row was read.
    async fn take_up_strays(&self, seen: &HashSet<TaskId>) -> Result<HashSet<TaskId>, StoreError> {
        let _claiming = self.claiming.lock().await;
        let mut strays = HashSet::new();
        for task in self.store().running_tasks().await? {
            let task_id = task.id();
            if task.cancel_requested == 1 {
                self.signal_cancel(task_id);
            }
            if self.is_under_way(task_id) {
                continue;
            }
            if !seen.contains(&task_id) {
                strays.insert(task_id);
            } else if self.store().requeue_task(task_id, self.pipeline().now()).await? {
                let state = task.state;
                tracing::error!(task.id = %task_id, "task {task_id} was {state} but nobody worked on it: it waits again");
                self.wake();
            }
        }
        Ok(strays)
    }
}

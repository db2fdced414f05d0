//! Ending a task on request.

use super::worker::Worker;
use crate::pipeline::Pipeline;
use crate::store::{Store, StoreError};
use crate::task::{TaskId, TaskState};

/// What became of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited and has ended.
    Ended,
    /// It runs and is being stopped.
    Stopping,
}

/// Why a task could not be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// No such task.
    #[error("there is no task {0}")]
    Unknown(TaskId),
    /// It has ended already.
    #[error("task {0} has already ended in {1}")]
    Ended(TaskId, TaskState),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Worker {
    /// Asks for a task's end. One that waits ends at once, one under way is stopped at the daemon.
    pub async fn cancel(&self, task_id: TaskId, store: &Store, pipeline: &Pipeline) -> Result<Cancelled, CancelError> {
        let task = store.task(task_id).await?.ok_or(CancelError::Unknown(task_id))?;
        if !store.request_cancel(task_id, pipeline.now()).await? {
            return Err(CancelError::Ended(task_id, task.task_state()));
        }
        if self.signal_cancel(task_id) {
            return Ok(Cancelled::Stopping);
        }
        if pipeline.abort_waiting(&task).await? {
            return Ok(Cancelled::Ended);
        }
        // A worker took it in between; it reads the request from the row, or hears it now.
        self.signal_cancel(task_id);
        Ok(Cancelled::Stopping)
    }
}

//! Ending a task on request.

use std::sync::Arc;

use super::worker::Worker;
use crate::completion::to_completion;
use crate::store::StoreError;
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
    /// Asks for a task's end. One that waits ends at once, one under way is stopped at the daemon, and both also when
    /// whoever asks does not wait for the answer.
    pub async fn cancel(self: &Arc<Self>, task_id: TaskId) -> Result<Cancelled, CancelError> {
        let worker = Arc::clone(self);
        to_completion(&self.tracker, async move { worker.cancel_now(task_id).await }).await
    }

    async fn cancel_now(&self, task_id: TaskId) -> Result<Cancelled, CancelError> {
        let (store, pipeline) = (self.store(), self.pipeline());
        let task = store.task(task_id).await?.ok_or(CancelError::Unknown(task_id))?;
        if !store.request_cancel(task_id, pipeline.now()).await? {
            return Err(CancelError::Ended(task_id, task.task_state()));
        }
        if self.signal_cancel(task_id) {
            return Ok(Cancelled::Stopping);
        }
        if pipeline.abort_waiting(&task).await {
            return Ok(Cancelled::Ended);
        }
        // A worker took it in between; it reads the request from the row, or hears it now. Or another one ended it.
        let has_ended = async { store.task(task_id).await.map(|row| row.is_none_or(|row| row.task_state().is_end())) };
        if !self.signal_cancel(task_id) && has_ended.await? {
            return Ok(Cancelled::Ended);
        }
        Ok(Cancelled::Stopping)
    }
}

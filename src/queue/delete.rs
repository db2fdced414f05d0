//! Deleting an ended task: its record and its directory.

use crate::pipeline::Pipeline;
use crate::store::StoreError;
use crate::task::TaskId;

/// Why a task was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// No such task.
    #[error("there is no task {0}")]
    Unknown(TaskId),
    /// It waits or runs.
    #[error("task {0} has not ended")]
    Unfinished(TaskId),
    /// The directory stays.
    #[error("the directory of task {0} cannot be removed")]
    Directory(TaskId, #[source] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes an ended task. The directory goes first, so that a failure leaves a record that can be deleted again.
pub async fn delete_task(pipeline: &Pipeline, task_id: TaskId) -> Result<(), DeleteError> {
    let task = pipeline.store.task(task_id).await?.ok_or(DeleteError::Unknown(task_id))?;
    if !task.task_state().is_end() {
        return Err(DeleteError::Unfinished(task_id));
    }
    let removed = pipeline.workspaces.remove(&task.work_dir_name).await;
    removed.map_err(|error| DeleteError::Directory(task_id, error))?;
    pipeline.store.delete_task(task_id).await?;
    Ok(())
}

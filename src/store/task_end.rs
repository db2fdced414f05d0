//! The end of a task: state, image of record and callback in one transaction.

use super::task::advance;
use super::{Durability, Failure, NewDelivery, NewImage, Store, StoreError, Writing};
use crate::clock::Moment;
use crate::task::{StageName, TaskId, TaskState};

impl Store {
    /// Ends a task: state, failure or image of record, and callback in one durable transaction. `false` when it had
    /// ended already.
    pub async fn end_task(
        &self,
        task_id: TaskId,
        end: TaskState,
        failure: Option<&Failure>,
        image: Option<&NewImage>,
        delivery: Option<&NewDelivery>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        if !record_end(&mut writing, task_id, end, failure, image, delivery, now).await? {
            return Ok(false);
        }
        writing.commit().await?;
        Ok(true)
    }

    /// Ends a task that no worker has taken, as [`Self::end_task`] does; `false` when it does not wait any more.
    pub async fn end_waiting_task(
        &self,
        task_id: TaskId,
        end: TaskState,
        failure: &Failure,
        delivery: Option<&NewDelivery>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        // Who ends it has taken it, in the same transaction: there is no moment in which it is taken and nobody's.
        if !advance(&mut writing, task_id, TaskState::Queued, TaskState::Started, now).await?
            || !record_end(&mut writing, task_id, end, Some(failure), None, delivery, now).await?
        {
            return Ok(false);
        }
        writing.commit().await?;
        Ok(true)
    }
}

/// Writes a task's end, its image of record and its callback; `false` when it had ended already.
async fn record_end(
    writing: &mut Writing<'_>,
    task_id: TaskId,
    end: TaskState,
    failure: Option<&Failure>,
    image: Option<&NewImage>,
    delivery: Option<&NewDelivery>,
    now: Moment,
) -> Result<bool, StoreError> {
    let state = end.as_str();
    let cause = failure.map(|failure| failure.cause.code());
    let failed_stage = failure.and_then(|failure| failure.stage).map(StageName::as_str);
    let message = failure.map(|failure| failure.explanation.to_stored());
    let failed_step = failure.and_then(|failure| failure.failed_step.as_deref());
    let last_lines = failure.map(|failure| failure.last_lines.join("\n"));
    let image_id = image.map(|image| image.image_id.as_str());
    let digest = image.map(|image| image.digest.as_str());
    let done = sqlx::query!(
        "UPDATE task SET state = ?2, is_ended = 1, cause = ?3, failed_stage = ?4, message = ?5, failed_step = ?6,
                last_lines = ?7, image_id = ?8, image_digest = ?9, end_time = ?10, update_time = ?10
         WHERE task_id = ?1 AND is_ended = 0",
        task_id.0,
        state,
        cause,
        failed_stage,
        message,
        failed_step,
        last_lines,
        image_id,
        digest,
        now.0
    )
    .execute(writing.connection())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let stage_status = if failure.is_some() { "fail" } else { "success" };
    sqlx::query!(
        "UPDATE stage SET status = ?2, end_time = ?3, duration_ms = (?3 - start_time) / 1000, update_time = ?3
         WHERE task_id = ?1 AND status = 'running'",
        task_id.0,
        stage_status,
        now.0
    )
    .execute(writing.connection())
    .await?;
    if let Some(image) = image {
        super::image::record(writing, image, now).await?;
        super::image_life::record(writing, &image.full_name, "build", now).await?;
    }
    if let Some(delivery) = delivery {
        super::callback::insert_delivery(writing, task_id, delivery, now).await?;
    }
    Ok(true)
}

//! What is old: records of ended tasks, and history that belongs to no task.

use super::{Durability, Store, StoreError};
use crate::clock::Moment;
use crate::task::TaskId;

/// A record that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredTask {
    /// Task number.
    pub task_id: i64,
    /// Directory under `task_dir`.
    pub work_dir_name: String,
    /// When it ended, microseconds.
    pub ended: i64,
}

impl ExpiredTask {
    /// The task's number.
    pub fn id(&self) -> TaskId {
        TaskId(self.task_id)
    }
}

impl Store {
    /// Tasks that ended before a moment, oldest first. One whose image is in the list, or whose callback waits, is none.
    pub async fn expired_tasks(&self, before: Moment, limit: i64) -> Result<Vec<ExpiredTask>, StoreError> {
        Ok(sqlx::query_as!(
            ExpiredTask,
            r#"SELECT task_id, work_dir_name, coalesce(end_time, update_time) AS "ended!: i64" FROM task
               WHERE is_ended = 1 AND coalesce(end_time, update_time) < ?
                 AND NOT EXISTS (SELECT 1 FROM image WHERE image.task_id = task.task_id)
                 AND NOT EXISTS (SELECT 1 FROM callback_delivery AS waiting
                                 WHERE waiting.task_id = task.task_id AND waiting.status = 'pending')
               ORDER BY primary_id LIMIT ?"#,
            before.0,
            limit
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes an ended task's record with its stages and callbacks; `false` when it is unknown or runs again.
    pub async fn forget_task(&self, task_id: TaskId) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        let done = sqlx::query!("DELETE FROM task WHERE task_id = ? AND is_ended = 1", task_id.0)
            .execute(writing.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!("DELETE FROM callback_attempt WHERE task_id = ?", task_id.0).execute(writing.connection()).await?;
        sqlx::query!("DELETE FROM callback_delivery WHERE task_id = ?", task_id.0)
            .execute(writing.connection())
            .await?;
        writing.commit().await?;
        Ok(true)
    }

    /// How many rows of history are older than a moment, by table.
    pub async fn old_history(&self, before: Moment) -> Result<[(&'static str, u64); 4], StoreError> {
        let found = sqlx::query!(
            r#"SELECT
                 (SELECT count(*) FROM callback_attempt AS attempt WHERE create_time < ?1
                    AND NOT EXISTS (SELECT 1 FROM task WHERE task.task_id = attempt.task_id)) AS "attempts!: i64",
                 (SELECT count(*) FROM callback_delivery AS delivery WHERE create_time < ?1 AND status <> 'pending'
                    AND NOT EXISTS (SELECT 1 FROM task WHERE task.task_id = delivery.task_id)) AS "deliveries!: i64",
                 (SELECT count(*) FROM image_life WHERE coalesce(delete_time, generator_time) < ?1) AS "lives!: i64",
                 (SELECT count(*) FROM image_check_result WHERE update_time < ?1) AS "results!: i64""#,
            before.0
        )
        .fetch_one(&self.readers)
        .await?;
        let count = |rows: i64| u64::try_from(rows).unwrap_or(0);
        Ok([
            ("callback_attempt", count(found.attempts)),
            ("callback_delivery", count(found.deliveries)),
            ("image_life", count(found.lives)),
            ("image_check_result", count(found.results)),
        ])
    }

    /// Deletes them.
    pub async fn forget_history(&self, before: Moment) -> Result<[(&'static str, u64); 4], StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        let attempts = sqlx::query!(
            "DELETE FROM callback_attempt WHERE create_time < ?
             AND NOT EXISTS (SELECT 1 FROM task WHERE task.task_id = callback_attempt.task_id)",
            before.0
        )
        .execute(writing.connection())
        .await?;
        let deliveries = sqlx::query!(
            "DELETE FROM callback_delivery WHERE create_time < ? AND status <> 'pending'
             AND NOT EXISTS (SELECT 1 FROM task WHERE task.task_id = callback_delivery.task_id)",
            before.0
        )
        .execute(writing.connection())
        .await?;
        let lives = sqlx::query!("DELETE FROM image_life WHERE coalesce(delete_time, generator_time) < ?", before.0)
            .execute(writing.connection())
            .await?;
        let results = sqlx::query!("DELETE FROM image_check_result WHERE update_time < ?", before.0)
            .execute(writing.connection())
            .await?;
        writing.commit().await?;
        Ok([
            ("callback_attempt", attempts.rows_affected()),
            ("callback_delivery", deliveries.rows_affected()),
            ("image_life", lives.rows_affected()),
            ("image_check_result", results.rows_affected()),
        ])
    }
}

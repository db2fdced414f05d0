//! The callback outbox and the record of every attempt.

use super::{Durability, Store, StoreError, Writing};
use crate::clock::Moment;
use crate::task::TaskId;

/// A callback to deliver.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Stable id that every attempt carries.
    pub delivery_id: String,
    /// Where to.
    pub url: String,
    /// Scheme, host and port of it.
    pub receiver: String,
    /// JSON body.
    pub body: String,
}

/// A callback in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Row number.
    pub primary_id: i64,
    /// Stable id.
    pub delivery_id: String,
    /// Task number.
    pub task_id: i64,
    /// Where to.
    pub url: String,
    /// JSON body.
    pub body: String,
    /// `pending`, `delivered` or `expired`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When the next one is due, microseconds.
    pub next_attempt_time: i64,
    /// When the task ended, microseconds.
    pub create_time: i64,
    /// When the row last changed, microseconds.
    pub update_time: i64,
    /// Scheme, host and port of where to.
    pub receiver: String,
}

/// An attempt to record.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// Delivery it belongs to.
    pub delivery_id: String,
    /// Task number.
    pub task_id: i64,
    /// Where to.
    pub url: String,
    /// JSON object of the headers that were sent, sealed.
    pub headers_sealed: String,
    /// JSON body that was sent.
    pub body: String,
    /// What the receiver answered, shortened, or why nothing came.
    pub result: String,
    /// HTTP status of the answer.
    pub status_code: Option<i64>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Row number.
    pub primary_id: i64,
    /// Delivery it belongs to.
    pub delivery_id: String,
    /// Task number.
    pub task_id: i64,
    /// Where to.
    pub url: String,
    /// JSON object of the headers that were sent, sealed.
    pub headers_sealed: String,
    /// JSON body that was sent.
    pub body: String,
    /// What the receiver answered.
    pub result: String,
    /// HTTP status of the answer.
    pub status_code: Option<i64>,
    /// When it was made, microseconds.
    pub create_time: i64,
    /// When the row last changed, microseconds.
    pub update_time: i64,
}

impl Store {
    /// Callbacks that are due, oldest first: of each receiver its oldest `of_each`, so that one with very many hides no
    /// other.
    pub async fn due_deliveries(&self, now: Moment, of_each: i64, limit: i64) -> Result<Vec<DeliveryRow>, StoreError> {
        // Each step of the recursion jumps to the next receiver in the index.
        Ok(sqlx::query_as!(
            DeliveryRow,
            r#"WITH RECURSIVE receivers (receiver) AS (
                   SELECT min(receiver) FROM callback_delivery WHERE status = 'pending'
                   UNION ALL
                   SELECT (SELECT min(next.receiver) FROM callback_delivery AS next
                           WHERE next.status = 'pending' AND next.receiver > receivers.receiver)
                   FROM receivers WHERE receivers.receiver IS NOT NULL
               )
               SELECT delivery.primary_id AS "primary_id!: i64", delivery.delivery_id, delivery.task_id, delivery.url,
                      delivery.body, delivery.status, delivery.attempts, delivery.next_attempt_time,
                      delivery.create_time, delivery.update_time, delivery.receiver
               FROM receivers CROSS JOIN callback_delivery AS delivery
               WHERE delivery.primary_id IN (
                   SELECT due.primary_id FROM callback_delivery AS due
                   WHERE due.status = 'pending' AND due.receiver = receivers.receiver AND due.next_attempt_time <= ?1
                   ORDER BY due.next_attempt_time LIMIT ?2)
               ORDER BY delivery.next_attempt_time LIMIT ?3"#,
            now.0,
            of_each,
            limit
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// When the next callback is due.
    pub async fn next_delivery_time(&self) -> Result<Option<Moment>, StoreError> {
        let next = sqlx::query_scalar!(
            r#"SELECT min(next_attempt_time) AS "next?: i64" FROM callback_delivery WHERE status = 'pending'"#
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(next.map(Moment))
    }

    /// Makes every waiting callback due, as a start does.
    pub async fn make_deliveries_due(&self, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        sqlx::query!(
            "UPDATE callback_delivery SET next_attempt_time = min(next_attempt_time, ?) WHERE status = 'pending'",
            now.0
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await
    }

    /// Records an attempt and what follows from it. A callback that waits no longer stays as it is, but for one that was
    /// given up and is delivered after all.
    pub async fn record_attempt(
        &self,
        attempt: &NewAttempt,
        status: &str,
        next_attempt_time: Moment,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        sqlx::query!(
            "INSERT INTO callback_attempt
                 (delivery_id, task_id, url, headers_sealed, body, result, status_code, create_time, update_time)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
            attempt.delivery_id,
            attempt.task_id,
            attempt.url,
            attempt.headers_sealed,
            attempt.body,
            attempt.result,
            attempt.status_code,
            now.0
        )
        .execute(writing.connection())
        .await?;
        sqlx::query!(
            "UPDATE callback_delivery SET status = CASE WHEN status = 'pending' OR ?2 = 'delivered' THEN ?2 ELSE status END,
                    attempts = attempts + 1, update_time = ?4,
                    next_attempt_time = CASE WHEN status = 'pending' THEN ?3 ELSE next_attempt_time END
             WHERE delivery_id = ?1",
            attempt.delivery_id,
            status,
            next_attempt_time.0,
            now.0
        )
        .execute(writing.connection())
        .await?;
        sqlx::query!(
            "UPDATE task SET callback_times = coalesce(callback_times, 0) + 1 WHERE task_id = ?",
            attempt.task_id
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await
    }

    /// Attempts, newest first.
    pub async fn attempts(&self, limit: i64) -> Result<Vec<AttemptRow>, StoreError> {
        Ok(sqlx::query_as!(AttemptRow, "SELECT * FROM callback_attempt ORDER BY primary_id DESC LIMIT ?", limit)
            .fetch_all(&self.readers)
            .await?)
    }

    /// Attempts for an owner's tasks, newest first.
    pub async fn attempts_of_owner(&self, owner: &str, limit: i64) -> Result<Vec<AttemptRow>, StoreError> {
        Ok(sqlx::query_as!(
            AttemptRow,
            "SELECT * FROM callback_attempt WHERE task_id IN (SELECT task_id FROM task WHERE owner = ?1)
             ORDER BY primary_id DESC LIMIT ?2",
            owner,
            limit
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Attempts of a task, oldest first.
    pub async fn attempts_of_task(&self, task_id: TaskId) -> Result<Vec<AttemptRow>, StoreError> {
        Ok(sqlx::query_as!(
            AttemptRow,
            "SELECT * FROM callback_attempt WHERE task_id = ? ORDER BY primary_id",
            task_id.0
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Callbacks of a task, newest first.
    pub async fn deliveries_of_task(&self, task_id: TaskId) -> Result<Vec<DeliveryRow>, StoreError> {
        Ok(sqlx::query_as!(
            DeliveryRow,
            "SELECT * FROM callback_delivery WHERE task_id = ? ORDER BY primary_id DESC",
            task_id.0
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// A page of callbacks, newest first, and how many there are in all.
    pub async fn deliveries(&self, page: i64, page_size: i64) -> Result<(Vec<DeliveryRow>, i64), StoreError> {
        let offset = (page - 1).saturating_mul(page_size);
        let rows = sqlx::query_as!(
            DeliveryRow,
            "SELECT * FROM callback_delivery ORDER BY primary_id DESC LIMIT ? OFFSET ?",
            page_size,
            offset
        )
        .fetch_all(&self.readers)
        .await?;
        let total = sqlx::query_scalar!("SELECT total FROM list_total WHERE list = 'callback_delivery'")
            .fetch_one(&self.readers)
            .await?;
        Ok((rows, total))
    }

    /// When the task of the oldest waiting callback ended.
    pub async fn oldest_pending_delivery_time(&self) -> Result<Option<Moment>, StoreError> {
        let oldest = sqlx::query_scalar!(
            r#"SELECT min(create_time) AS "oldest?: i64" FROM callback_delivery WHERE status = 'pending'"#
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(oldest.map(Moment))
    }

    /// How many callbacks wait.
    pub async fn pending_deliveries(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "total!: i64" FROM callback_delivery WHERE status = 'pending'"#)
            .fetch_one(&self.readers)
            .await?)
    }
}

pub(super) async fn insert_delivery(
    writing: &mut Writing<'_>,
    task_id: TaskId,
    delivery: &NewDelivery,
    now: Moment,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO callback_delivery
             (delivery_id, task_id, url, receiver, body, status, next_attempt_time, create_time, update_time)
         VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?6, ?6)",
        delivery.delivery_id,
        task_id.0,
        delivery.url,
        delivery.receiver,
        delivery.body,
        now.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

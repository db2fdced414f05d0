//! The queue's order: round the users, and each one's oldest task first.
//!
//! The user who was served longest ago is next; whoever was never served comes before everybody who was. A claim looks at
//! one row of the index for each user who waits, however many tasks wait.

use super::{Durability, Store, StoreError, TaskRow};
use crate::clock::Moment;

/// A user's part of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueLine {
    /// The user.
    pub queue_user: String,
    /// Tasks that wait.
    pub waiting: i64,
    /// The first of them.
    pub first: i64,
    /// When the user was served last; 0 for never.
    pub turn: i64,
}

/// Where a waiting task stands in its user's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRank {
    /// Row number.
    pub primary_id: i64,
    /// The user.
    pub queue_user: String,
    /// How many tasks of the same user wait before it.
    pub rank: i64,
}

impl Store {
    /// Takes the next waiting task for this process.
    pub async fn claim_task(&self, pid: u32, now: Moment) -> Result<Option<TaskRow>, StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        // Each step of the recursion jumps to the next user in the index.
        let next = sqlx::query!(
            r#"WITH RECURSIVE waiting (queue_user) AS (
                   SELECT min(queue_user) FROM task INDEXED BY task_queue_user WHERE state = 'QUEUED'
                   UNION ALL
                   SELECT (SELECT min(task.queue_user) FROM task INDEXED BY task_queue_user
                           WHERE task.state = 'QUEUED' AND task.queue_user > waiting.queue_user)
                   FROM waiting WHERE waiting.queue_user IS NOT NULL
               ), line (queue_user, first) AS (
                   SELECT queue_user, (SELECT min(task.primary_id) FROM task INDEXED BY task_queue_user
                                       WHERE task.state = 'QUEUED' AND task.queue_user = waiting.queue_user)
                   FROM waiting WHERE queue_user IS NOT NULL
               )
               SELECT line.queue_user AS "queue_user!: String", line.first AS "first!: i64"
               FROM line LEFT JOIN queue_turn ON queue_turn.queue_user = line.queue_user
               ORDER BY coalesce(queue_turn.turn, 0), line.first LIMIT 1"#
        )
        .fetch_optional(writing.connection())
        .await?;
        let Some(next) = next else { return Ok(None) };
        let pid = pid.to_string();
        let task_id = sqlx::query_scalar!(
            "UPDATE task SET state = 'STARTED', attempts = attempts + 1, pid = ?1, update_time = ?2,
                    start_time = coalesce(start_time, ?2)
             WHERE primary_id = ?3 AND state = 'QUEUED' RETURNING task_id",
            pid,
            now.0,
            next.first
        )
        .fetch_one(writing.connection())
        .await?;
        sqlx::query!(
            "INSERT INTO queue_turn (queue_user, turn) VALUES (?1, (SELECT coalesce(max(turn), 0) + 1 FROM queue_turn))
             ON CONFLICT (queue_user) DO UPDATE SET turn = excluded.turn",
            next.queue_user
        )
        .execute(writing.connection())
        .await?;
        let row = sqlx::query_as!(TaskRow, "SELECT * FROM task_row WHERE task_id = ?", task_id)
            .fetch_one(writing.connection())
            .await?;
        writing.commit().await?;
        Ok(Some(row))
    }

    /// Every user who waits.
    pub async fn queue_lines(&self) -> Result<Vec<QueueLine>, StoreError> {
        Ok(sqlx::query_as!(
            QueueLine,
            r#"SELECT line.queue_user AS "queue_user!: String", line.waiting AS "waiting!: i64",
                      line.first AS "first!: i64", coalesce(queue_turn.turn, 0) AS "turn!: i64"
               FROM (SELECT queue_user, count(*) AS waiting, min(primary_id) AS first
                     FROM task INDEXED BY task_queue_user WHERE state = 'QUEUED' GROUP BY queue_user) AS line
               LEFT JOIN queue_turn ON queue_turn.queue_user = line.queue_user"#
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Where the waiting tasks of these row numbers, both included, stand among their user's.
    pub async fn queue_ranks(&self, from: i64, to: i64) -> Result<Vec<QueueRank>, StoreError> {
        Ok(sqlx::query_as!(
            QueueRank,
            r#"SELECT task.primary_id AS "primary_id!: i64", task.queue_user AS "queue_user!: String",
                      (SELECT count(*) FROM task AS before
                       WHERE before.state = 'QUEUED' AND before.queue_user = task.queue_user
                         AND before.primary_id < task.primary_id) AS "rank!: i64"
               FROM task WHERE task.state = 'QUEUED' AND task.primary_id BETWEEN ? AND ?"#,
            from,
            to
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Forgets whose turn it was for users who have nothing to wait for, so that the table does not grow with them.
    pub async fn forget_turns(&self) -> Result<u64, StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        let done = sqlx::query!(
            "DELETE FROM queue_turn WHERE NOT EXISTS
                 (SELECT 1 FROM task WHERE task.queue_user = queue_turn.queue_user AND task.is_ended = 0)"
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await?;
        Ok(done.rows_affected())
    }
}

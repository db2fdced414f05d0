//! Stages: when each ran and how it ended.

use super::{Durability, Store, StoreError, Writing};
use crate::clock::Moment;
use crate::task::{StageName, TaskId, TaskState};

/// A stage of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRow {
    /// Row number.
    pub primary_id: i64,
    /// Task number.
    pub task_id: i64,
    /// Stage by its wire name.
    pub action: String,
    /// `running`, `success` or `fail`.
    pub status: String,
    /// Begin, microseconds.
    pub start_time: i64,
    /// End, microseconds.
    pub end_time: Option<i64>,
    /// Duration in milliseconds.
    pub duration_ms: Option<i64>,
    /// When the row was written.
    pub create_time: i64,
    /// When the row last changed.
    pub update_time: i64,
}

/// A stage that went well, and where it moves the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedStage {
    /// The stage.
    pub stage: StageName,
    /// The task's state before.
    pub from: TaskState,
    /// Its state now.
    pub to: TaskState,
    /// When it ended.
    pub time: Moment,
}

impl Store {
    /// Opens a stage and moves the task with it where the stage has a state for that; in the same commit the one before
    /// it is closed, which costs less than one of its own.
    pub async fn begin_stage(
        &self,
        task_id: TaskId,
        before: Option<PassedStage>,
        stage: StageName,
        advance: Option<(TaskState, TaskState)>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        if let Some(before) = before {
            close(&mut writing, task_id, before).await?;
        }
        let action = stage.as_str();
        sqlx::query!(
            "INSERT OR REPLACE INTO stage (task_id, action, status, start_time, create_time, update_time)
             VALUES (?1, ?2, 'running', ?3, ?3, ?3)",
            task_id.0,
            action,
            now.0
        )
        .execute(writing.connection())
        .await?;
        if let Some((from, to)) = advance {
            super::task::advance(&mut writing, task_id, from, to, now).await?;
        }
        writing.commit().await
    }

    /// Closes a stage that went well and moves the task on.
    pub async fn pass_stage(&self, task_id: TaskId, passed: PassedStage) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        close(&mut writing, task_id, passed).await?;
        writing.commit().await
    }

    /// Stages of a task in order, the running one included.
    pub async fn stages(&self, task_id: TaskId) -> Result<Vec<StageRow>, StoreError> {
        Ok(sqlx::query_as!(
            StageRow,
            "SELECT primary_id, task_id, action, status, start_time, end_time, duration_ms, create_time, update_time
             FROM stage WHERE task_id = ? ORDER BY primary_id",
            task_id.0
        )
        .fetch_all(&self.readers)
        .await?)
    }
}

async fn close(writing: &mut Writing<'_>, task_id: TaskId, passed: PassedStage) -> Result<(), StoreError> {
    let PassedStage { stage, from, to, time } = passed;
    let action = stage.as_str();
    sqlx::query!(
        "UPDATE stage SET status = 'success', end_time = ?3, duration_ms = (?3 - start_time) / 1000, update_time = ?3
             WHERE task_id = ?1 AND action = ?2",
        task_id.0,
        action,
        time.0
    )
    .execute(writing.connection())
    .await?;
    super::task::advance(writing, task_id, from, to, time).await.map(drop)
}

//! Lists of tasks and their totals: what grows with the years must not grow slow.
//!
//! A page is found in an index that holds no documents, and then read by row number; totals are kept by triggers.
//! `plan_tests` holds every query against SQLite's own plan for it.

use super::{Store, StoreError, TaskRow};
use crate::task::TaskState;

/// Filters of a list of tasks: substrings in any case, empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TaskFilter {
    /// Part of the target image's name.
    pub image_name: String,
    /// Part of the state's name.
    pub state: String,
}

impl TaskFilter {
    fn is_empty(&self) -> bool {
        self.image_name.is_empty() && self.state.is_empty()
    }

    /// The one state that is asked for by its whole name and nothing else.
    fn only_state(&self) -> Option<TaskState> {
        if self.image_name.is_empty() { TaskState::from_name(&self.state.to_ascii_uppercase()) } else { None }
    }
}

impl Store {
    /// A page of tasks, newest first, and how many there are in all. Without a filter, and for the name of one state, the
    /// total is a kept one; a substring is looked for in an index that holds no documents.
    pub async fn tasks(
        &self,
        filter: &TaskFilter,
        page: i64,
        page_size: i64,
    ) -> Result<(Vec<TaskRow>, i64), StoreError> {
        let offset = (page - 1).saturating_mul(page_size);
        if filter.is_empty() {
            let rows = sqlx::query_as!(
                TaskRow,
                "SELECT * FROM task_row WHERE primary_id IN (
                     SELECT primary_id FROM task INDEXED BY task_search ORDER BY primary_id DESC LIMIT ? OFFSET ?)
                 ORDER BY primary_id DESC",
                page_size,
                offset
            )
            .fetch_all(&self.readers)
            .await?;
            return Ok((rows, self.task_total().await?));
        }
        if let Some(state) = filter.only_state() {
            return self.tasks_in_state(state, page_size, offset).await;
        }
        let rows = sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row WHERE primary_id IN (
                 SELECT primary_id FROM task INDEXED BY task_search
                 WHERE instr(lower(target_image_name), lower(?1)) > 0 AND instr(state, upper(?2)) > 0
                 ORDER BY primary_id DESC LIMIT ?3 OFFSET ?4)
             ORDER BY primary_id DESC",
            filter.image_name,
            filter.state,
            page_size,
            offset
        )
        .fetch_all(&self.readers)
        .await?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "total!: i64" FROM task INDEXED BY task_search
               WHERE instr(lower(target_image_name), lower(?1)) > 0 AND instr(state, upper(?2)) > 0"#,
            filter.image_name,
            filter.state
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((rows, total))
    }

    async fn tasks_in_state(
        &self,
        state: TaskState,
        page_size: i64,
        offset: i64,
    ) -> Result<(Vec<TaskRow>, i64), StoreError> {
        let state = state.as_str();
        let rows = sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row WHERE primary_id IN (
                 SELECT primary_id FROM task WHERE state = ? ORDER BY primary_id DESC LIMIT ? OFFSET ?)
             ORDER BY primary_id DESC",
            state,
            page_size,
            offset
        )
        .fetch_all(&self.readers)
        .await?;
        let total = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(total), 0) AS "total!: i64" FROM task_total WHERE state = ?"#,
            state
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((rows, total))
    }

    /// Tasks whose target contains this text, oldest first.
    pub async fn tasks_by_image_name(&self, part: &str, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row WHERE primary_id IN (
                 SELECT primary_id FROM task INDEXED BY task_search
                 WHERE instr(lower(target_image_name), lower(?)) > 0 ORDER BY primary_id LIMIT ?)
             ORDER BY primary_id",
            part,
            limit
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// All tasks, oldest first.
    pub async fn all_tasks(&self, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(TaskRow, "SELECT * FROM task_row ORDER BY primary_id LIMIT ?", limit)
            .fetch_all(&self.readers)
            .await?)
    }

    /// Tasks that wait, in the order they will be taken.
    pub async fn queued_tasks(&self) -> Result<Vec<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(TaskRow, "SELECT * FROM task_row WHERE state = 'QUEUED' ORDER BY primary_id")
            .fetch_all(&self.readers)
            .await?)
    }

    /// Tasks that a worker has.
    pub async fn running_tasks(&self) -> Result<Vec<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row
             WHERE primary_id IN (SELECT primary_id FROM task WHERE is_ended = 0 AND state <> 'QUEUED') ORDER BY primary_id"
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// How many tasks there are, kept by trigger.
    pub async fn task_total(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!(r#"SELECT coalesce(sum(total), 0) AS "total!: i64" FROM task_total"#)
            .fetch_one(&self.readers)
            .await?)
    }

    /// How many tasks each state has.
    pub async fn task_totals_by_state(&self) -> Result<Vec<(TaskState, i64)>, StoreError> {
        let rows = sqlx::query!("SELECT state, total FROM task_total").fetch_all(&self.readers).await?;
        Ok(rows.into_iter().filter_map(|row| Some((TaskState::from_name(&row.state)?, row.total))).collect())
    }
}

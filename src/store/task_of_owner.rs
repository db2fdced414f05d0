//! Tasks of one owner, for callers who may see no others.

use super::{Store, StoreError, TaskFilter, TaskRow};
use crate::task::TaskState;

impl Store {
    /// A page of an owner's tasks, newest first, and how many there are in all.
    pub async fn tasks_of_owner(
        &self,
        owner: &str,
        filter: &TaskFilter,
        page: i64,
        page_size: i64,
    ) -> Result<(Vec<TaskRow>, i64), StoreError> {
        let offset = (page - 1).saturating_mul(page_size);
        let rows = sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row
             WHERE owner = ?1 AND instr(lower(target_image_name), lower(?2)) > 0 AND instr(state, upper(?3)) > 0
             ORDER BY primary_id DESC LIMIT ?4 OFFSET ?5",
            owner,
            filter.image_name,
            filter.state,
            page_size,
            offset
        )
        .fetch_all(&self.readers)
        .await?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "total!: i64" FROM task
               WHERE owner = ?1 AND instr(lower(target_image_name), lower(?2)) > 0 AND instr(state, upper(?3)) > 0"#,
            owner,
            filter.image_name,
            filter.state
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((rows, total))
    }

    /// An owner's tasks, oldest first.
    pub async fn all_tasks_of_owner(&self, owner: &str, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(TaskRow, "SELECT * FROM task_row WHERE owner = ? ORDER BY primary_id LIMIT ?", owner, limit)
            .fetch_all(&self.readers)
            .await?)
    }

    /// An owner's tasks whose target contains this text, oldest first.
    pub async fn tasks_of_owner_by_image_name(
        &self,
        owner: &str,
        part: &str,
        limit: i64,
    ) -> Result<Vec<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row
             WHERE owner = ?1 AND instr(lower(target_image_name), lower(?2)) > 0 ORDER BY primary_id LIMIT ?3",
            owner,
            part,
            limit
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// How many tasks of an owner each state has.
    pub async fn task_totals_of_owner(&self, owner: &str) -> Result<Vec<(TaskState, i64)>, StoreError> {
        let rows =
            sqlx::query!(r#"SELECT state, count(*) AS "total!: i64" FROM task WHERE owner = ? GROUP BY state"#, owner)
                .fetch_all(&self.readers)
                .await?;
        Ok(rows.into_iter().filter_map(|row| Some((TaskState::from_name(&row.state)?, row.total))).collect())
    }
}

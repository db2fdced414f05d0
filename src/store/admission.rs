//! What a new task is held against.

use super::{Store, StoreError};

/// What there is already, all seen at one moment: a task that ends has either its row or its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// How many tasks wait or run.
    pub unfinished: i64,
    /// How many of the same user.
    pub unfinished_of_user: i64,
    /// The task of the image of record that has the target's name.
    pub image_task_id: Option<i64>,
    /// The unfinished task that has the target.
    pub target_task_id: Option<i64>,
    /// Who submitted that one; empty in open mode.
    pub target_owner: Option<String>,
}

impl Store {
    /// What a task of that user for that target is held against.
    pub async fn admission(&self, queue_user: &str, target_key: &str) -> Result<Admission, StoreError> {
        Ok(sqlx::query_as!(
            Admission,
            r#"SELECT (SELECT count(*) FROM task WHERE is_ended = 0) AS "unfinished!: i64",
                      (SELECT count(*) FROM task WHERE is_ended = 0 AND queue_user = ?1) AS "unfinished_of_user!: i64",
                      (SELECT task_id FROM image WHERE name_key = ?2) AS "image_task_id: i64",
                      (SELECT task_id FROM task WHERE is_ended = 0 AND target_key = ?2) AS "target_task_id: i64",
                      (SELECT owner FROM task WHERE is_ended = 0 AND target_key = ?2) AS "target_owner: String""#,
            queue_user,
            target_key
        )
        .fetch_one(&self.readers)
        .await?)
    }
}

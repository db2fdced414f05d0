//! What images of record hold: base, mirrors, package lists step by step, and how old the packages are.

use super::{Durability, Store, StoreError};
use crate::clock::Moment;
use crate::task::TaskId;

/// What a task's image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRow {
    /// The task that made the image.
    pub task_id: i64,
    /// The base's id on the daemon.
    pub base_image_id: String,
    /// Digests of mirror files, JSON.
    pub mirror_digests: String,
    /// Package lists step by step, JSON.
    pub chains: String,
    /// Fingerprint up to the last list of OS packages.
    pub os_trunk: String,
    /// Fingerprint up to the last list of pip packages.
    pub pip_trunk: String,
    /// Fingerprint of everything that installs packages.
    pub packages: String,
    /// When the oldest package step ran, microseconds; 0 when that is unknown.
    pub packages_time: i64,
    /// Hash of what determines the image.
    pub build_key: String,
    /// When it was recorded, microseconds.
    pub create_time: i64,
}

impl Store {
    /// Records what a task's image holds. Only an image of record that exists makes it count.
    pub async fn record_content(&self, content: &ContentRow) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        sqlx::query!(
            "INSERT OR REPLACE INTO image_content (task_id, base_image_id, mirror_digests, chains, os_trunk, pip_trunk,
                 packages, packages_time, build_key, create_time)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            content.task_id,
            content.base_image_id,
            content.mirror_digests,
            content.chains,
            content.os_trunk,
            content.pip_trunk,
            content.packages,
            content.packages_time,
            content.build_key,
            content.create_time
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await
    }

    /// What the image of a task holds.
    pub async fn content(&self, task_id: TaskId) -> Result<Option<ContentRow>, StoreError> {
        Ok(sqlx::query_as!(ContentRow, "SELECT * FROM image_content WHERE task_id = ?", task_id.0)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// What one owner's images of a base hold, newest first; images that were deleted or are older than `oldest` are not
    /// among them.
    pub async fn contents_over(
        &self,
        base_image_id: &str,
        owner: &str,
        oldest: Moment,
        limit: i64,
    ) -> Result<Vec<ContentRow>, StoreError> {
        Ok(sqlx::query_as!(
            ContentRow,
            "SELECT image_content.* FROM image_content
             JOIN task ON task.task_id = image_content.task_id
             JOIN image ON image.task_id = image_content.task_id
             WHERE image_content.base_image_id = ? AND task.owner = ? AND task.state = 'PUSH_SUCCESS'
                 AND image_content.packages_time >= ?
             ORDER BY image_content.task_id DESC LIMIT ?",
            base_image_id,
            owner,
            oldest.0,
            limit
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// When the oldest of the images with these very package steps had them run; `None` when there is none.
    pub async fn packages_time(&self, packages: &str) -> Result<Option<Moment>, StoreError> {
        let oldest = sqlx::query_scalar!(
            r#"SELECT packages_time AS "time!: i64" FROM image_content WHERE packages = ? ORDER BY packages_time LIMIT 1"#,
            packages
        )
        .fetch_optional(&self.readers)
        .await?;
        Ok(oldest.map(Moment))
    }
}

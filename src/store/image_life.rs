//! When images came to the daemon and when they went.

use super::{Durability, Store, StoreError, Writing};
use crate::clock::Moment;

/// A pull or a build of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLifeRow {
    /// Row number.
    pub primary_id: i64,
    /// Full name.
    pub image_name: String,
    /// `pull` or `build`.
    pub image_type: String,
    /// When it came, microseconds.
    pub generator_time: i64,
    /// When it went, microseconds.
    pub delete_time: Option<i64>,
    /// When the row was written.
    pub create_time: i64,
    /// When it last changed.
    pub update_time: i64,
}

impl Store {
    /// Notes a pull.
    pub async fn note_pulled(&self, image_name: &str, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        record(&mut writing, image_name, "pull", now).await?;
        writing.commit().await
    }

    /// Notes that an image left the daemon.
    pub async fn note_removed(&self, image_name: &str, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        note_deleted(&mut writing, image_name, now).await?;
        writing.commit().await
    }

    /// Pulls and builds, newest first.
    pub async fn image_lives(&self, limit: i64) -> Result<Vec<ImageLifeRow>, StoreError> {
        Ok(sqlx::query_as!(ImageLifeRow, "SELECT * FROM image_life ORDER BY primary_id DESC LIMIT ?", limit)
            .fetch_all(&self.readers)
            .await?)
    }
}

pub(super) async fn record(
    writing: &mut Writing<'_>,
    image_name: &str,
    image_type: &str,
    now: Moment,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO image_life (image_name, image_type, generator_time, create_time, update_time)
         VALUES (?1, ?2, ?3, ?3, ?3)",
        image_name,
        image_type,
        now.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

pub(super) async fn note_deleted(writing: &mut Writing<'_>, image_name: &str, now: Moment) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE image_life SET delete_time = ?2, update_time = ?2 WHERE image_name = ?1 AND delete_time IS NULL",
        image_name,
        now.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

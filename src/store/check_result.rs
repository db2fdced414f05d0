//! Inspections of images, kept by image id.

use super::{Durability, Store, StoreError};
use crate::clock::Moment;

/// A kept inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResultRow {
    /// Row number.
    pub primary_id: i64,
    /// The daemon's image id.
    pub image_id: String,
    /// Name under which it was inspected.
    pub image_name: String,
    /// The image descriptor as JSON.
    pub result: String,
    /// When the row was written, microseconds.
    pub create_time: i64,
    /// When it last changed, microseconds.
    pub update_time: i64,
}

impl Store {
    /// Keeps an inspection.
    pub async fn keep_check_result(
        &self,
        image_id: &str,
        image_name: &str,
        result: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        sqlx::query!(
            "INSERT INTO image_check_result (image_id, image_name, result, create_time, update_time)
             VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT (image_id) DO UPDATE SET image_name = ?2, result = ?3, update_time = ?4",
            image_id,
            image_name,
            result,
            now.0
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await
    }

    /// The inspection of that image id.
    pub async fn check_result(&self, image_id: &str) -> Result<Option<CheckResultRow>, StoreError> {
        Ok(sqlx::query_as!(CheckResultRow, "SELECT * FROM image_check_result WHERE image_id = ?", image_id)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// All inspections, oldest first.
    pub async fn check_results(&self) -> Result<Vec<CheckResultRow>, StoreError> {
        Ok(sqlx::query_as!(CheckResultRow, "SELECT * FROM image_check_result ORDER BY primary_id")
            .fetch_all(&self.readers)
            .await?)
    }

    /// Forgets all inspections and says how many there were.
    pub async fn delete_check_results(&self) -> Result<u64, StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        let done = sqlx::query!("DELETE FROM image_check_result").execute(writing.connection()).await?;
        writing.commit().await?;
        Ok(done.rows_affected())
    }
}

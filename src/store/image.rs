//! Images of record: what a task pushed, and the bases that the console offers.

use super::{Durability, Store, StoreError, Writing};
use crate::clock::Moment;

/// An image of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// Row number.
    pub primary_id: i64,
    /// Task that made it; 0 for a base.
    pub task_id: i64,
    /// Name without tag.
    pub name: String,
    /// Full name with the registry's DNS name mapped to its address.
    pub name_key: String,
    /// Tag.
    pub tag: String,
    /// The daemon's image id.
    pub image_id: String,
    /// Manifest digest; empty when unknown.
    pub digest: String,
    /// `Base` or `Customized`.
    pub r#type: String,
    /// Description.
    pub description: String,
    /// Size in bytes on the daemon.
    pub size_bytes: i64,
    /// Services it serves: `WebSSH, JupyterLab`.
    pub interaction: String,
    /// When the row was written, microseconds.
    pub create_time: i64,
    /// When it last changed, microseconds.
    pub update_time: i64,
    /// Who submitted the task that made it, kept beyond the task's record; empty for a base and in open mode.
    pub owner: String,
}

/// Kinds of images of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageType {
    /// Offered as a base.
    Base,
    /// Made by a task.
    Customized,
}

impl ImageType {
    /// The name on the wire and in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "Base",
            Self::Customized => "Customized",
        }
    }
}

/// An image to record.
#[derive(Debug, Clone)]
pub struct NewImage {
    /// Task that made it; 0 for a base.
    pub task_id: i64,
    /// Name as the client wrote it, tag included.
    pub full_name: String,
    /// Name without tag.
    pub name: String,
    /// Full name with the registry's DNS name mapped to its address.
    pub name_key: String,
    /// Tag.
    pub tag: String,
    /// The daemon's image id.
    pub image_id: String,
    /// Manifest digest; empty when unknown.
    pub digest: String,
    /// Kind.
    pub image_type: ImageType,
    /// Description.
    pub description: String,
    /// Size in bytes on the daemon.
    pub size_bytes: i64,
    /// Services it serves.
    pub interaction: String,
}

impl Store {
    /// Records a base image.
    pub async fn record_image(&self, image: &NewImage, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        record(&mut writing, image, now).await?;
        writing.commit().await
    }

    /// The image of that name.
    pub async fn image_by_name(&self, name_key: &str) -> Result<Option<ImageRow>, StoreError> {
        Ok(sqlx::query_as!(ImageRow, "SELECT * FROM image WHERE name_key = ?", name_key)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The image that a task made.
    pub async fn image_by_task(&self, task_id: i64) -> Result<Option<ImageRow>, StoreError> {
        Ok(sqlx::query_as!(ImageRow, "SELECT * FROM image WHERE task_id = ?", task_id)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The newest image of record that a task built under this key, with packages from `oldest` or later.
    pub async fn image_by_build_key(&self, build_key: &str, oldest: Moment) -> Result<Option<ImageRow>, StoreError> {
        Ok(sqlx::query_as!(
            ImageRow,
            "SELECT image.* FROM task JOIN image ON image.task_id = task.task_id
             LEFT JOIN image_content ON image_content.task_id = task.task_id
             WHERE task.build_key = ? AND task.state = 'PUSH_SUCCESS' AND image.digest <> ''
                 AND COALESCE(image_content.packages_time, 0) >= ?
             ORDER BY task.primary_id DESC LIMIT 1",
            build_key,
            oldest.0
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Whether a task of ours made the image of that id.
    pub async fn is_our_image(&self, image_id: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM image WHERE image_id = ? AND type = 'Customized') AS "found!: bool""#,
            image_id
        )
        .fetch_one(&self.readers)
        .await?)
    }

    /// A page of images, newest first, and how many match in all. Filters are substrings in any case, empty for none.
    /// With an owner only bases and what the owner's tasks made, those included whose record is deleted.
    pub async fn images(
        &self,
        keyword: &str,
        image_type: &str,
        owner: Option<&str>,
        page: i64,
        page_size: i64,
    ) -> Result<(Vec<ImageRow>, i64), StoreError> {
        let offset = (page - 1).saturating_mul(page_size);
        let rows = sqlx::query_as!(
            ImageRow,
            "SELECT * FROM image
             WHERE (instr(lower(name || ':' || tag), lower(?1)) > 0 OR instr(lower(description), lower(?1)) > 0)
               AND (?2 = '' OR lower(type) = lower(?2))
               AND (?3 IS NULL OR type = 'Base' OR owner = ?3)
             ORDER BY primary_id DESC LIMIT ?4 OFFSET ?5",
            keyword,
            image_type,
            owner,
            page_size,
            offset
        )
        .fetch_all(&self.readers)
        .await?;
        if keyword.is_empty() && image_type.is_empty() && owner.is_none() {
            let total = sqlx::query_scalar!("SELECT total FROM list_total WHERE list = 'image'");
            return Ok((rows, total.fetch_one(&self.readers).await?));
        }
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "total!: i64" FROM image
               WHERE (instr(lower(name || ':' || tag), lower(?1)) > 0 OR instr(lower(description), lower(?1)) > 0)
                 AND (?2 = '' OR lower(type) = lower(?2))
                 AND (?3 IS NULL OR type = 'Base' OR owner = ?3)"#,
            keyword,
            image_type,
            owner
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((rows, total))
    }

    /// Forgets an image and notes when it was deleted; `false` when it is unknown.
    pub async fn delete_image(&self, name_key: &str, full_name: &str, now: Moment) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        let done = sqlx::query!("DELETE FROM image WHERE name_key = ?", name_key).execute(writing.connection()).await?;
        super::image_life::note_deleted(&mut writing, full_name, now).await?;
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) async fn record(writing: &mut Writing<'_>, image: &NewImage, now: Moment) -> Result<(), StoreError> {
    let image_type = image.image_type.as_str();
    sqlx::query!(
        "INSERT INTO image (task_id, name, name_key, tag, image_id, digest, type, description, size_bytes, interaction,
             create_time, update_time, owner)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11,
             coalesce((SELECT task.owner FROM task WHERE task.task_id = ?1), ''))
         ON CONFLICT (name_key) DO UPDATE SET task_id = ?1, image_id = ?5, digest = ?6, type = ?7, description = ?8,
             size_bytes = ?9, interaction = ?10, update_time = ?11, owner = excluded.owner",
        image.task_id,
        image.name,
        image.name_key,
        image.tag,
        image.image_id,
        image.digest,
        image_type,
        image.description,
        image.size_bytes,
        image.interaction,
        now.0
    )
    .execute(writing.connection())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn images_of_an_older_database_get_their_owner_from_their_tasks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sqlite3");
        let before = Store::open(&path).await.unwrap();
        let mut writing = before.write(Durability::Durable).await.unwrap();
        for statement in [
            "INSERT INTO task (task_id, name, state, is_ended, base_image_name, target_image_name, target_key,
                 description, request_document, secrets_sealed, work_dir_name, callback_url, owner, create_time,
                 update_time)
             VALUES (7, '', 'PUSH_SUCCESS', 1, 'b', 't', 't', '', '{}', '', 'w', '', 'ann', 1, 1)",
            "ALTER TABLE image DROP COLUMN owner",
            "INSERT INTO image (task_id, name, name_key, tag, image_id, type, description, size_bytes, interaction,
                 create_time, update_time)
             VALUES (7, 't', 't', '1', 'x', 'Customized', '', 1, '', 1, 1),
                    (8, 'gone', 'gone', '1', 'y', 'Customized', '', 1, '', 1, 1),
                    (0, 'b', 'b', '1', 'z', 'Base', '', 1, '', 1, 1)",
            "DELETE FROM _sqlx_migrations WHERE version = 9",
        ] {
            sqlx::query(statement).execute(writing.connection()).await.unwrap();
        }
        writing.commit().await.unwrap();
        before.close().await;
        drop(before);
        let store = Store::open(&path).await.unwrap();
        for (name, owner) in [("t", "ann"), ("gone", ""), ("b", "")] {
            assert_eq!(store.image_by_name(name).await.unwrap().unwrap().owner, owner, "{name}");
        }
    }
}

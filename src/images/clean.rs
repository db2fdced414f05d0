//! Cleaning old images of ours off the daemon: by label and age, never what is in use.

use std::collections::HashSet;

use super::{ImageError, Images};
use crate::image::{ImageReference, is_pin};
use crate::pipeline::stands_for;

const SECONDS_PER_DAY: i64 = 86_400;

/// An image that was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// Its name.
    pub name: String,
    /// The daemon's image id.
    pub image_id: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Creation time, seconds since 1970.
    pub created_seconds: i64,
}

impl Images {
    /// Removes images of ours that are older than `reserve_days` from the daemon; with `dry_run` only says which. What a
    /// container or an unfinished task uses stays, and so does every base. Harbor keeps its copies.
    pub async fn clean(&self, reserve_days: u32, dry_run: bool) -> Result<Vec<Cleaned>, ImageError> {
        let docker = self.pipeline.site.docker_server().await?;
        let harbor = self.pipeline.site.harbor().await?;
        let now_seconds = self.pipeline.now().0 / 1_000_000;
        let oldest = now_seconds - i64::from(reserve_days) * SECONDS_PER_DAY;
        let in_use: HashSet<String> = docker.engine.images_in_use().await?.into_iter().collect();
        let store = &self.pipeline.store;
        let mut cleaned = Vec::new();
        for image in docker.engine.list_our_images().await? {
            if image.created_seconds > oldest || in_use.contains(&image.image_id) {
                continue;
            }
            for tag in &image.tags {
                let Ok(reference) = tag.parse::<ImageReference>() else { continue };
                // Those have an age of their own (`retention`).
                if is_pin(&reference) {
                    continue;
                }
                let key = harbor.name_key(&reference);
                let row = store.image_by_name(&key).await?;
                if row.is_some_and(|row| row.r#type == "Base") {
                    continue;
                }
                // A removal is by name, and by now a task may have built another image under it.
                if !stands_for(docker.engine.as_ref(), tag, &image.image_id).await? {
                    continue;
                }
                // Last of all: nothing that takes long lies between this and the removal.
                if self.pipeline.task_that_needs(&harbor, &key).await?.is_some() {
                    continue;
                }
                if !dry_run {
                    if let Err(error) = docker.engine.remove_image(tag).await {
                        tracing::warn!("image {tag} stays on the daemon: {error}");
                        continue;
                    }
                    store.note_removed(tag, self.pipeline.now()).await?;
                }
                cleaned.push(Cleaned {
                    name: tag.clone(),
                    image_id: image.image_id.clone(),
                    size_bytes: image.size_bytes,
                    created_seconds: image.created_seconds,
                });
            }
        }
        Ok(cleaned)
    }
}

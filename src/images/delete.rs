//! Deleting images, step by step, each step told.

use super::{ImageError, Images};
use crate::image::ImageReference;
use crate::registry::Deletion as Deleted;
use crate::store::ImageRow;
use crate::task::TaskId;

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deletion {
    /// Its steps in order.
    pub steps: Vec<DeletionStep>,
}

/// One step of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletionStep {
    /// Removed from the daemon.
    RemovedFromDaemon,
    /// The daemon had none.
    NotOnDaemon,
    /// The daemon keeps it, because a container uses it.
    KeptByDaemon(String),
    /// Removed from the list.
    RemovedFromList,
    /// Removed from the registry.
    RemovedFromRegistry,
    /// The registry had none.
    NotInRegistry,
}

impl Images {
    /// Whose task made an image of record, whether or not that task is still recorded; `None` for a base.
    pub async fn owner(&self, reference: &ImageReference) -> Result<Option<String>, ImageError> {
        let key = self.pipeline.site.harbor().await?.name_key(reference);
        let row = self.pipeline.store.image_by_name(&key).await?;
        Ok(row.filter(|row| row.r#type == "Customized").map(|row| row.owner))
    }

    /// Removes an image from the daemon and the list, and from the registry when asked and a task of ours pushed it.
    pub async fn delete(&self, reference: &ImageReference, remote: bool) -> Result<Deletion, ImageError> {
        self.refuse_in_use(reference).await?;
        let key = self.pipeline.site.harbor().await?.name_key(reference);
        let row = self.pipeline.store.image_by_name(&key).await?;
        let mut deletion = Deletion::default();
        if remote {
            let row = row.as_ref().filter(|row| row.r#type == "Customized" && !row.digest.is_empty());
            let row = row.ok_or_else(|| ImageError::NotOurs(reference.clone()))?;
            deletion.steps.push(self.delete_remote(reference, row).await?);
        }
        deletion.steps.push(self.remove_from_daemon(reference).await?);
        if row.is_none() && deletion.steps == [DeletionStep::NotOnDaemon] {
            return Err(ImageError::Unknown(reference.clone()));
        }
        if self.pipeline.store.delete_image(&key, &reference.to_string(), self.pipeline.now()).await? {
            deletion.steps.push(DeletionStep::RemovedFromList);
        }
        Ok(deletion)
    }

    /// Removes the image that a task built from the daemon and the list. A task without one is no failure.
    pub async fn delete_of_task(&self, task_id: TaskId) -> Result<Deletion, ImageError> {
        let task = self.pipeline.store.task(task_id).await?.ok_or(ImageError::UnknownTask(task_id))?;
        let image = self.pipeline.store.image_by_task(task_id.0).await?;
        let Some(image) = image else { return Ok(Deletion { steps: vec![DeletionStep::NotOnDaemon] }) };
        let reference: ImageReference = format!("{}:{}", image.name, image.tag).parse()?;
        debug_assert_eq!(task.task_id, image.task_id, "the row was looked up by this number");
        self.delete(&reference, false).await
    }

    async fn remove_from_daemon(&self, reference: &ImageReference) -> Result<DeletionStep, ImageError> {
        let docker = self.pipeline.site.docker_server().await?;
        match docker.engine.remove_image(&reference.to_string()).await {
            Ok(true) => Ok(DeletionStep::RemovedFromDaemon),
            Ok(false) => Ok(DeletionStep::NotOnDaemon),
            Err(error) if error.message.contains("conflict") => Ok(DeletionStep::KeptByDaemon(error.message)),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete_remote(&self, reference: &ImageReference, row: &ImageRow) -> Result<DeletionStep, ImageError> {
        let harbor = self.pipeline.site.harbor().await?;
        let docker = self.pipeline.site.docker_server().await?;
        let client = self.pipeline.registries.client(&harbor, &docker, reference).await;
        let client = client.ok_or_else(|| ImageError::NotOurs(reference.clone()))?;
        match client.delete_tag_safely(reference, &row.digest.parse()?).await? {
            Deleted::Deleted => Ok(DeletionStep::RemovedFromRegistry),
            Deleted::Absent => Ok(DeletionStep::NotInRegistry),
            Deleted::Moved { .. } => Err(ImageError::MovedInRegistry(reference.clone())),
            Deleted::Shared { tags } => Err(ImageError::SharedInRegistry(reference.clone(), tags.join(", "))),
            Deleted::TooManyTags { limit } => {
                Err(ImageError::SharedInRegistry(reference.clone(), format!("> {limit}")))
            }
        }
    }
}

//! Images outside a task's run: pulled, inspected, offered as bases, deleted, cleaned away.

mod base;
mod clean;
mod delete;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use clean::Cleaned;
pub use delete::{Deletion, DeletionStep};

use crate::engine::EngineError;
use crate::image::{ImageReference, ReferenceError};
use crate::pipeline::{InspectionError, Pipeline};
use crate::registry::RegistryError;
use crate::site::{Harbor, SiteError};
use crate::store::{StoreError, UnfinishedNames};
use crate::task::TaskId;

/// Why something could not be done with an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The name is no image reference.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// The site is not configured or its daemon cannot be reached.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The daemon or the registry refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The inspection failed.
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    /// Neither in the list nor on the daemon.
    #[error("there is no image {0}")]
    Unknown(ImageReference),
    /// No such task.
    #[error("there is no task {0}")]
    UnknownTask(TaskId),
    /// Unfinished tasks need the image.
    #[error("the unfinished task {task_id} needs {image}")]
    InUse {
        /// The image.
        image: ImageReference,
        /// The task.
        task_id: TaskId,
        /// Whose it is.
        owner: String,
    },
    /// Not ours to delete from the registry.
    #[error("{0} was not pushed by a task of ours, so it stays in the registry")]
    NotOurs(ImageReference),
    /// The tag stands for something else in the registry by now.
    #[error("{0} stands for another image in the registry now, so it stays")]
    MovedInRegistry(ImageReference),
    /// Other tags would go with it.
    #[error("{0} has the same manifest as the tags {1} in the registry, so it stays")]
    SharedInRegistry(ImageReference, String),
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Works on images.
pub struct Images {
    pipeline: Arc<Pipeline>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Images {
    /// Works with this pipeline's daemon, database and clock; what goes on in the background is joined by `tracker` and
    /// ends with `stop`.
    pub fn new(pipeline: Arc<Pipeline>, tracker: TaskTracker, stop: CancellationToken) -> Self {
        Self { pipeline, tracker, stop }
    }

    /// Refuses when an unfinished task is built from this image or builds it.
    async fn refuse_in_use(&self, reference: &ImageReference) -> Result<(), ImageError> {
        let harbor = self.pipeline.site.harbor().await?;
        match self.pipeline.task_that_needs(&harbor, &harbor.name_key(reference)).await? {
            Some(UnfinishedNames { task_id, owner, .. }) => {
                Err(ImageError::InUse { image: reference.clone(), task_id: TaskId(task_id), owner })
            }
            None => Ok(()),
        }
    }

    /// Refuses when an unfinished task builds this image: the name is its alone until it has pushed.
    async fn refuse_target(&self, harbor: &Harbor, reference: &ImageReference) -> Result<(), ImageError> {
        match self.pipeline.store.unfinished_task_for_target(&harbor.name_key(reference)).await? {
            Some(task) => Err(ImageError::InUse { image: reference.clone(), task_id: task.id(), owner: task.owner }),
            None => Ok(()),
        }
    }
}

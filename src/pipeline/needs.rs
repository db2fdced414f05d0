//! Which images unfinished tasks need, and what a name stands for: asked directly before an image is taken away, since
//! tasks are accepted and images built at any moment.

use super::Pipeline;
use crate::engine::{Engine, EngineError};
use crate::image::ImageReference;
use crate::site::Harbor;
use crate::store::{StoreError, UnfinishedNames};

impl Pipeline {
    /// The unfinished task that builds the image of this key or is built from it.
    pub async fn task_that_needs(&self, harbor: &Harbor, key: &str) -> Result<Option<UnfinishedNames>, StoreError> {
        let unfinished = self.store.unfinished_names().await?;
        let needs = |task: &UnfinishedNames| {
            let base: Option<ImageReference> = task.base_image_name.parse().ok();
            task.target_key == key || base.is_some_and(|base| harbor.name_key(&base) == key)
        };
        Ok(unfinished.into_iter().find(needs))
    }
}

/// Whether a name stands for this image on the daemon at this moment.
pub async fn stands_for(engine: &dyn Engine, name: &str, image_id: &str) -> Result<bool, EngineError> {
    let named = engine.inspect_image(name).await?.and_then(|config| config.image_id);
    Ok(named.is_some_and(|id| id.as_str() == image_id))
}

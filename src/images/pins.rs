//! Cleaning what builds start from off the daemon: names of ours for bases and installers, and images that a rebuild
//! replaced.
//!
//! Only names are removed that nobody else can have (`image::is_pin`), so an image that people have under a name of their
//! own stays. The daemon itself says when a name was last renewed; every task that uses one renews it, tasks of other
//! services on the same daemon too.

use std::collections::HashSet;

use super::ImageError;
use crate::engine::Engine;
use crate::pipeline::Pipeline;
use crate::task::TaskId;

const SECONDS_PER_HOUR: i64 = 3_600;
const TASK_LABEL: &str = "task_id";

/// A name or a nameless image that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanedPin {
    /// The name, or the id of an image without one.
    pub name: String,
    /// Size in bytes; layers that others share were not freed.
    pub size_bytes: u64,
}

/// Removes names of ours that no unfinished task holds and that nobody renewed for so long, and images without a name that
/// tasks of ours built and a rebuild replaced. What the daemon refuses to remove stays.
pub async fn clean_pins(pipeline: &Pipeline, unused_hours: u32) -> Result<Vec<CleanedPin>, ImageError> {
    let docker = pipeline.site.docker_server().await?;
    let engine = docker.engine.as_ref();
    let oldest = pipeline.now().0 / 1_000_000 - i64::from(unused_hours) * SECONDS_PER_HOUR;
    let mut cleaned = Vec::new();
    for pin in engine.list_pins().await? {
        let name = pin.name.to_string();
        if pin.last_named_seconds <= oldest && !pipeline.pins.is_held(&name) {
            cleaned.extend(remove(engine, name, pin.size_bytes).await);
        }
    }
    cleaned.extend(clean_replaced(pipeline, engine, oldest).await?);
    Ok(cleaned)
}

/// Images whose name a later build took. An image that somebody made from one of ours has its labels too, but not the id
/// that our task recorded.
async fn clean_replaced(pipeline: &Pipeline, engine: &dyn Engine, oldest: i64) -> Result<Vec<CleanedPin>, ImageError> {
    let in_use: HashSet<String> = engine.images_in_use().await?.into_iter().collect();
    let mut cleaned = Vec::new();
    for image in engine.list_our_images().await? {
        let task_id = image.labels.get(TASK_LABEL).and_then(|text| text.parse::<i64>().ok());
        let Some(task_id) = task_id.filter(|_| image.tags.is_empty() && image.created_seconds <= oldest) else {
            continue;
        };
        let task = pipeline.store.task(TaskId(task_id)).await?;
        let recorded = task.and_then(|task| task.image_id).map(|hex| format!("sha256:{hex}"));
        if recorded.as_ref() == Some(&image.image_id) && !in_use.contains(&image.image_id) {
            cleaned.extend(remove(engine, image.image_id, image.size_bytes).await);
        }
    }
    Ok(cleaned)
}

async fn remove(engine: &dyn Engine, name: String, size_bytes: u64) -> Option<CleanedPin> {
    match engine.remove_image(&name).await {
        Ok(true) => {
            tracing::info!("removed {name} from the Docker server: no task used it for long");
            Some(CleanedPin { name, size_bytes })
        }
        Ok(false) => None,
        Err(error) => {
            tracing::debug!("{name} stays on the Docker server: {error}");
            None
        }
    }
}

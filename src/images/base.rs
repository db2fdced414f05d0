//! Pulling and inspecting images, and the bases that clients are offered.

use std::sync::Arc;

use super::{ImageError, Images};
use crate::completion::to_completion;
use crate::engine::Progress;
use crate::image::{ImageConfig, ImageDescriptor, ImageReference};
use crate::store::{ImageType, NewImage};

impl Images {
    /// Pulls an image, or finds it on the daemon, and returns its id. Refused for what an unfinished task builds: its
    /// name would stand for the registry's image when it is pushed.
    pub async fn pull(&self, reference: &ImageReference) -> Result<ImageConfig, ImageError> {
        self.pipeline.site.require_configured()?;
        let harbor = self.pipeline.site.harbor().await?;
        self.refuse_target(&harbor, reference).await?;
        let docker = self.pipeline.site.docker_server().await?;
        let account = harbor.account_for(reference);
        let config = match docker.engine.pull(reference, account.as_ref(), &|_: Progress| {}).await {
            Ok(config) => config,
            // An image that was loaded or built there is as good as a pulled one.
            Err(error) => docker.engine.inspect_image(&reference.to_string()).await?.ok_or(error)?,
        };
        self.pipeline.store.note_pulled(&reference.to_string(), self.pipeline.now()).await?;
        self.offer_once(reference, &config).await?;
        Ok(config)
    }

    /// Inspects an image; one that is not on the daemon is pulled first.
    pub async fn check(&self, reference: &ImageReference) -> Result<ImageDescriptor, ImageError> {
        self.pipeline.site.require_configured()?;
        let docker = self.pipeline.site.docker_server().await?;
        let config = match docker.engine.inspect_image(&reference.to_string()).await? {
            Some(config) => config,
            None => self.pull(reference).await?,
        };
        let (descriptor, is_kept) =
            self.pipeline.inspections.describe(docker.engine.as_ref(), reference, &config).await?;
        if !is_kept {
            self.offer_once(reference, &config).await?;
        }
        Ok(descriptor)
    }

    /// Offers an image as a base, also when whoever asks does not wait for the answer. One that is not on the daemon yet
    /// (`false`) is offered all the same, and a pull in the background completes the row.
    pub async fn offer_base(self: &Arc<Self>, reference: ImageReference) -> Result<bool, ImageError> {
        let images = self.clone();
        let work = async move {
            let is_present = images.add_base(&reference).await?;
            if !is_present {
                images.complete_base_later(reference);
            }
            Ok(is_present)
        };
        to_completion(&self.tracker, work).await
    }

    async fn add_base(&self, reference: &ImageReference) -> Result<bool, ImageError> {
        let docker = self.pipeline.site.docker_server().await?;
        let present = docker.engine.inspect_image(&reference.to_string()).await?;
        let is_present = present.is_some();
        self.record_base(reference, &present.unwrap_or_default()).await?;
        Ok(is_present)
    }

    /// Offers the bases of the settings and pulls those that are not on the daemon, in the background.
    pub async fn offer_configured_bases(self: &Arc<Self>, names: &[String]) {
        for name in names {
            let Ok(reference) = name.parse::<ImageReference>() else {
                tracing::warn!("build.base_images: '{name}' is no image name");
                continue;
            };
            if let Err(error) = self.offer_base(reference).await {
                tracing::warn!("base image {name} is not offered: {error}");
            }
        }
    }

    /// Pulls a base in the background and completes its row.
    fn complete_base_later(self: &Arc<Self>, reference: ImageReference) {
        let images = self.clone();
        self.tracker.spawn(async move {
            let outcome = tokio::select! {
                outcome = images.complete_base(&reference) => outcome,
                () = images.stop.cancelled() => return,
            };
            if let Err(error) = outcome {
                tracing::warn!("base image {reference} is not ready: {error}");
            }
        });
    }

    /// Pulls a base and completes its row.
    async fn complete_base(&self, reference: &ImageReference) -> Result<(), ImageError> {
        let config = self.pull(reference).await?;
        self.record_base(reference, &config).await
    }

    /// Makes a base row, once, of an image that no task of ours built.
    async fn offer_once(&self, reference: &ImageReference, config: &ImageConfig) -> Result<(), ImageError> {
        let image_id = config.image_id.as_ref().map_or("", |id| id.hex());
        let key = self.pipeline.site.harbor().await?.name_key(reference);
        let store = &self.pipeline.store;
        let is_known = store.image_by_name(&key).await?.is_some();
        if is_known || store.is_our_image(image_id).await? || config.labels.contains_key("task_id") {
            return Ok(());
        }
        self.record_base(reference, config).await
    }

    async fn record_base(&self, reference: &ImageReference, config: &ImageConfig) -> Result<(), ImageError> {
        let harbor = self.pipeline.site.harbor().await?;
        let image = NewImage {
            task_id: 0,
            full_name: reference.to_string(),
            name: reference.name(),
            name_key: harbor.name_key(reference),
            tag: reference.tag_or_latest().to_owned(),
            image_id: config.image_id.as_ref().map_or(String::new(), |id| id.hex().to_owned()),
            digest: String::new(),
            image_type: ImageType::Base,
            description: String::new(),
            size_bytes: i64::try_from(config.size_bytes).unwrap_or(i64::MAX),
            interaction: String::new(),
        };
        Ok(self.pipeline.store.record_image(&image, self.pipeline.now()).await?)
    }
}

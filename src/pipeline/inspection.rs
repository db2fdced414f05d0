//! Inspections, kept by image id: an image never changes under its id.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::run::Transient;
use crate::cause::Cause;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::image::{Digest, ImageConfig, ImageDescriptor, ImageReference};
use crate::inspect::{InspectError, ProbeLimits, inspect};
use crate::store::{Store, StoreError};

/// Version of what an inspection finds out; results of another one are made anew.
const RESULT_VERSION: u32 = 1;
/// Descriptors held in memory, of a few kilobytes each: a site has a handful of bases that most requests name.
const MOST_AT_HAND: usize = 64;

/// Inspects images and keeps what was found.
pub struct Inspections {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    limits: ProbeLimits,
    at_hand: Mutex<AtHand>,
}

/// Kept inspections that were asked for lately.
#[derive(Default)]
struct AtHand {
    descriptors: HashMap<Digest, ImageDescriptor>,
    /// Counts how often all were forgotten.
    forgotten: u64,
}

/// Why an image could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// The inspection itself.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Transient for InspectionError {
    fn cause(&self) -> Cause {
        match self {
            Self::Inspect(error) => error.cause(),
            Self::Store(_) => Cause::Internal,
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    #[serde(flatten)]
    descriptor: ImageDescriptor,
    result_version: u32,
}

impl Inspections {
    /// Inspections with a time limit for each; their containers carry these labels.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, timeout: Duration, labels: BTreeMap<String, String>) -> Self {
        Self {
            store,
            clock,
            limits: ProbeLimits { timeout, labels, ..ProbeLimits::default() },
            at_hand: Mutex::default(),
        }
    }

    /// The kept inspection of that image under the name asked for.
    pub async fn kept(
        &self,
        name: &ImageReference,
        config: &ImageConfig,
    ) -> Result<Option<ImageDescriptor>, StoreError> {
        let Some(image_id) = &config.image_id else { return Ok(None) };
        let under_name = |descriptor: ImageDescriptor| ImageDescriptor { image_name: name.to_string(), ..descriptor };
        let forgotten = {
            let at_hand = self.at_hand();
            if let Some(descriptor) = at_hand.descriptors.get(image_id) {
                return Ok(Some(under_name(descriptor.clone())));
            }
            at_hand.forgotten
        };
        let Some(row) = self.store.check_result(image_id.as_str()).await? else { return Ok(None) };
        let kept: Option<Kept> = serde_json::from_str(&row.result).ok();
        let Some(kept) = kept.filter(|kept| kept.result_version == RESULT_VERSION) else { return Ok(None) };
        let mut at_hand = self.at_hand();
        if at_hand.forgotten == forgotten {
            if at_hand.descriptors.len() == MOST_AT_HAND {
                at_hand.descriptors.clear();
            }
            at_hand.descriptors.insert(image_id.clone(), kept.descriptor.clone());
        }
        Ok(Some(under_name(kept.descriptor)))
    }

    /// Forgets all inspections and says how many there were.
    pub async fn forget_all(&self) -> Result<u64, StoreError> {
        // Afterwards, and also when the caller goes away meanwhile: whoever read a row before has put it in hand by then,
        // or sees that it is too late.
        let _forgetting = Forgetting(self);
        self.store.delete_check_results().await
    }

    /// Keeps nothing in memory that rows may no longer say.
    pub fn let_go(&self) {
        let mut at_hand = self.at_hand();
        at_hand.descriptors.clear();
        at_hand.forgotten += 1;
    }

    fn at_hand(&self) -> std::sync::MutexGuard<'_, AtHand> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The image's descriptor, inspected now unless kept; the flag says which.
    pub async fn describe(
        &self,
        engine: &dyn Engine,
        name: &ImageReference,
        config: &ImageConfig,
    ) -> Result<(ImageDescriptor, bool), InspectionError> {
        if let Some(descriptor) = self.kept(name, config).await? {
            return Ok((descriptor, true));
        }
        let descriptor = inspect(engine, name, config, &self.limits).await?;
        let kept = Kept { descriptor, result_version: RESULT_VERSION };
        let result = serde_json::to_string(&kept).unwrap_or_default();
        self.store
            .keep_check_result(&kept.descriptor.image_id, &kept.descriptor.image_name, &result, self.clock.now())
            .await?;
        Ok((kept.descriptor, false))
    }
}

struct Forgetting<'a>(&'a Inspections);

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Moment, SystemClock};

    #[tokio::test]
    async fn what_is_at_hand_is_forgotten_with_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&directory.path().join("x.sqlite3")).await.unwrap());
        let inspections = Inspections::new(store.clone(), Arc::new(SystemClock), Duration::ZERO, BTreeMap::new());
        let image_id = Digest::of(b"base");
        let config = ImageConfig { image_id: Some(image_id.clone()), ..ImageConfig::default() };
        let kept = async |name: &str| {
            let kept = inspections.kept(&name.parse().unwrap(), &config).await.unwrap();
            kept.map(|descriptor| descriptor.image_name)
        };
        for _ in 0..2 {
            assert_eq!(kept("h/a:1").await, None);
            let descriptor = ImageDescriptor { image_id: image_id.to_string(), ..ImageDescriptor::default() };
            let result = serde_json::to_string(&Kept { descriptor, result_version: RESULT_VERSION }).unwrap();
            store.keep_check_result(image_id.as_str(), "h/a:1", &result, Moment(1)).await.unwrap();
            assert_eq!(kept("h/a:1").await.unwrap(), "h/a:1");
            assert_eq!(kept("h/b:2").await.unwrap(), "h/b:2", "an image under another of its names");
            assert_eq!(inspections.forget_all().await.unwrap(), 1);
        }
        store.close().await;
    }
}

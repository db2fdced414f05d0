//! The image goes to the registry, and the registry confirms it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::Pipeline;
use super::build::{self, Made};
use super::failure::StageFailure;
use super::prepare::Prepared;
use super::recovery::{EarlierPush, earlier_push};
use super::run::Run;
use crate::engine::{DigestSource, Progress, ProgressSink};
use crate::image::{Digest, ImageReference};
use crate::metrics::{Metrics, Origin};
use crate::store::ContentRow;
use crate::task::StageName;

/// An image that the registry has under the target's name.
pub struct PushedImage {
    /// Its id.
    pub image_id: Digest,
    /// Its size on a daemon, in bytes.
    pub size_bytes: u64,
    /// The manifest digest that the registry confirmed.
    pub digest: Digest,
    /// What it holds, where that is known.
    pub content: Option<ContentRow>,
}

/// Brings the image under the target's name: pushed, or put together in the registry from one that it has.
pub async fn push(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    made: &Made,
) -> Result<PushedImage, StageFailure> {
    let target = &run.request.target;
    let size_bytes = made.built.size_bytes;
    if let Some(EarlierPush { digest, image_id }) = earlier_push(pipeline, run).boxed().await? {
        let image_id = image_id.unwrap_or_else(|| made.built.image_id.clone());
        run.feed.log(StageName::Push, format!("{target} was pushed before the interruption, digest {digest}"));
        run.metrics.image_made(Origin::Resumed);
        return Ok(PushedImage { image_id, size_bytes, digest, content: made.content.clone() });
    }
    let Some(kept) = &made.kept else {
        let digest = push_built(pipeline, run).boxed().await?;
        run.metrics.image_made(Origin::Built);
        let (image_id, content) = (made.built.image_id.clone(), made.content.clone());
        return Ok(PushedImage { image_id, size_bytes, digest, content });
    };
    if let Some(assembled) = pipeline.assemble(run, kept, &prepared.recipe).boxed().await {
        run.metrics.pushed(assembled.moved_bytes);
        run.metrics.image_made(if made.has_waited { Origin::Attached } else { Origin::Assembled });
        let (image_id, digest) = (assembled.image_id, assembled.digest);
        return Ok(PushedImage { image_id, size_bytes, digest, content: made.content.clone() });
    }
    run.feed.log(StageName::Push, "so it is built after all");
    let key = pipeline.build_key(&run.request, &prepared.recipe)?;
    let (built, content) = build::anew(pipeline, run, prepared, &key).boxed().await?;
    build::check_size(&built, pipeline.settings.build.max_image_size_gb)?;
    let digest = push_built(pipeline, run).boxed().await?;
    run.metrics.image_made(Origin::Built);
    Ok(PushedImage { image_id: built.image_id, size_bytes: built.size_bytes, digest, content: Some(content) })
}

async fn push_built(pipeline: &Pipeline, run: &Run) -> Result<Digest, StageFailure> {
    let target = &run.request.target;
    let account = run.harbor.account_for(target);
    match &account {
        Some(account) => run.feed.log(StageName::Push, format!("pushing {target} as {}", account.username)),
        None => run.feed.log(StageName::Push, format!("pushing {target} without an account: it is not in our Harbor")),
    }
    let engine = run.docker.engine.as_ref();
    let feed = run.feed.sink(StageName::Push);
    let sink = PushMeter { sink: &feed, metrics: &run.metrics, items: Mutex::default() };
    let digests = DirectDigests { pipeline, run };
    let digest = run.retrying(StageName::Push, || engine.push(target, account.as_ref(), &digests, &sink)).await?;
    run.feed.log(StageName::Push, format!("pushed {target}, digest {digest}"));
    Ok(digest)
}

/// Our Harbor asked over a connection that is open already.
struct DirectDigests<'a> {
    pipeline: &'a Pipeline,
    run: &'a Run,
}

#[async_trait]
impl DigestSource for DirectDigests<'_> {
    async fn digest_of(&self, reference: &ImageReference) -> Option<Digest> {
        let Run { harbor, docker, .. } = self.run;
        self.pipeline.registries.digest_of(harbor, docker, reference).await
    }
}

/// Counts what goes to the registry while it goes: the daemon tells for each layer how far it came.
struct PushMeter<'a> {
    sink: &'a dyn ProgressSink,
    metrics: &'a Metrics,
    items: Mutex<HashMap<String, u64>>,
}

impl ProgressSink for PushMeter<'_> {
    fn record(&self, event: Progress) {
        if let Progress::Bytes { item, current, .. } = &event {
            let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = items.entry(item.clone()).or_default();
            // Less than before means that the layer is sent again.
            self.metrics.pushed(current.checked_sub(*seen).unwrap_or(*current));
            *seen = *current;
        }
        self.sink.record(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Figures;

    #[test]
    fn bytes_of_a_layer_are_counted_once_and_again_when_it_is_sent_again() {
        let metrics = Metrics::new().unwrap();
        let meter = PushMeter { sink: &|_: Progress| {}, metrics: &metrics, items: Mutex::default() };
        for (item, current) in [("a", 10), ("b", 5), ("a", 30), ("a", 30), ("a", 7)] {
            meter.record(Progress::Bytes { item: item.to_owned(), current, total: 30 });
        }
        let text = metrics.render(&Figures::default()).unwrap();
        assert!(text.contains("fastbuild_pushed_bytes_total 42"), "{text}");
    }
}

//! The image goes to the registry, and the registry confirms it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::Pipeline;
use super::build::{self, Made};
use super::failure::StageFailure;
use super::needs::stands_for;
use super::prepare::Prepared;
use super::recovery::{EarlierPush, earlier_push};
use super::run::Run;
use crate::cause::Cause;
use crate::engine::{DigestSource, EngineError, Progress, ProgressSink};
use crate::explanation::Said;
use crate::image::{Digest, ImageReference};
use crate::metrics::{Metrics, Origin};
use crate::store::ContentRow;
use crate::task::StageName;

/// How often an image is pushed whose name others take meanwhile.
const PUSHES: u32 = 3;

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
        let digest = push_built(pipeline, run, &made.built.image_id).boxed().await?;
        run.metrics.image_made(Origin::Built);
        let (image_id, content) = (made.built.image_id.clone(), made.content.clone());
        return Ok(PushedImage { image_id, size_bytes, digest, content });
    };
    if let Some(assembled) = pipeline.assemble(run, kept, &prepared.recipe).boxed().await? {
        run.metrics.pushed(assembled.moved_bytes);
        run.metrics.image_made(if made.has_waited { Origin::Attached } else { Origin::Assembled });
        let (image_id, digest) = (assembled.image_id, assembled.digest);
        return Ok(PushedImage { image_id, size_bytes, digest, content: made.content.clone() });
    }
    run.feed.log(StageName::Push, "so it is built after all");
    let key = pipeline.build_key(run, &prepared.recipe)?;
    run.watch.set_building(true);
    let (built, content) = build::anew(pipeline, run, prepared, &key).boxed().await?;
    run.watch.set_building(false);
    build::check_size(&built, pipeline.settings.build.max_image_size_gb)?;
    let digest = push_built(pipeline, run, &built.image_id).boxed().await?;
    run.metrics.image_made(Origin::Built);
    Ok(PushedImage { image_id: built.image_id, size_bytes: built.size_bytes, digest, content: Some(content) })
}

/// Pushes the built image by its name. The daemon sends whatever the name stands for at that moment, and others may pull
/// something over it or take it away, so that a push counts only when the name stands for the built image after it.
async fn push_built(pipeline: &Pipeline, run: &Run, image_id: &Digest) -> Result<Digest, StageFailure> {
    let target = &run.request.target;
    let account = run.harbor.account_for(target);
    match &account {
        Some(account) => run.feed.log(StageName::Push, format!("pushing {target} as {}", account.username)),
        None => run.feed.log(StageName::Push, format!("pushing {target} without an account: it is not in our Harbor")),
    }
    let engine = run.docker.engine.as_ref();
    let feed = run.feed.sink(StageName::Push);
    let sink = PushMeter { sink: &feed, metrics: &run.metrics, items: Mutex::default() };
    let confirmation = Confirmation { pipeline, run, image_id, is_named: Mutex::default() };
    // The build has looked under the name just now; only later attempts must look again.
    let may_have_moved = AtomicBool::new(false);
    for _ in 0..PUSHES {
        let pushing = run.retrying(StageName::Push, || async {
            if may_have_moved.swap(true, Ordering::Relaxed) {
                give_name(run, image_id).await?;
            }
            confirmation.keep(None);
            Ok::<_, StageFailure>(engine.push(target, account.as_ref(), &confirmation, &sink).await?)
        });
        let pushed = pushing.await;
        let is_named = match &pushed {
            Ok(_) => confirmation.is_named().await?,
            // Where nobody answers that, the push failed for its own reason.
            Err(_) => stands_for(engine, &target.to_string(), image_id.as_str()).await.unwrap_or(true),
        };
        if is_named {
            let digest = pushed?;
            run.feed.log(StageName::Push, format!("pushed {target}, digest {digest}"));
            return Ok(digest);
        }
        run.feed.log(
            StageName::Push,
            format!("{target} no longer stands for the built image on the Docker server: named and pushed again"),
        );
    }
    Err(StageFailure::new(Cause::Internal, Said::NameTaken { image: target.to_string() }))
}

/// Makes the target's name stand for the built image.
async fn give_name(run: &Run, image_id: &Digest) -> Result<(), StageFailure> {
    let (engine, target) = (run.docker.engine.as_ref(), &run.request.target);
    if stands_for(engine, &target.to_string(), image_id.as_str()).await? {
        return Ok(());
    }
    match engine.tag(image_id.as_str(), target).await {
        Err(error) if !error.cause.is_transient() => {
            run.feed.log(StageName::Push, format!("the built image {image_id} cannot be named {target}: {error}"));
            Err(StageFailure::new(Cause::Internal, Said::NameTaken { image: target.to_string() }))
        }
        named => Ok(named?),
    }
}

/// Our Harbor asked over a connection that is open already, and the daemon at the same time: what it sent was the built
/// image when the name still stands for that.
struct Confirmation<'a> {
    pipeline: &'a Pipeline,
    run: &'a Run,
    image_id: &'a Digest,
    is_named: Mutex<Option<bool>>,
}

impl Confirmation<'_> {
    fn keep(&self, is_named: Option<bool>) {
        *self.is_named.lock().unwrap_or_else(PoisonError::into_inner) = is_named;
    }

    async fn look(&self) -> Result<bool, EngineError> {
        let name = self.run.request.target.to_string();
        stands_for(self.run.docker.engine.as_ref(), &name, self.image_id.as_str()).await
    }

    /// Whether the target's name stood for the built image when the push was over.
    async fn is_named(&self) -> Result<bool, EngineError> {
        let kept = *self.is_named.lock().unwrap_or_else(PoisonError::into_inner);
        match kept {
            Some(is_named) => Ok(is_named),
            None => self.run.retrying(StageName::Push, || self.look()).await,
        }
    }
}

#[async_trait]
impl DigestSource for Confirmation<'_> {
    async fn digest_of(&self, reference: &ImageReference) -> Option<Digest> {
        let Run { harbor, docker, .. } = self.run;
        let asking = self.pipeline.registries.digest_of(harbor, docker, reference);
        let (digest, is_named) = tokio::join!(asking, self.look());
        self.keep(is_named.ok());
        digest
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

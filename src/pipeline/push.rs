//! The image goes to the registry, and the registry confirms it.

use futures_util::FutureExt as _;

use super::Pipeline;
use super::build::{self, Made};
use super::failure::StageFailure;
use super::prepare::Prepared;
use super::recovery::{EarlierPush, earlier_push};
use super::run::Run;
use crate::image::Digest;
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
        return Ok(PushedImage { image_id, size_bytes, digest, content: made.content.clone() });
    }
    let Some(kept) = &made.kept else {
        let digest = push_built(run).boxed().await?;
        let (image_id, content) = (made.built.image_id.clone(), made.content.clone());
        return Ok(PushedImage { image_id, size_bytes, digest, content });
    };
    if let Some(assembled) = pipeline.assemble(run, kept, &prepared.recipe).boxed().await {
        let (image_id, digest) = (assembled.image_id, assembled.digest);
        return Ok(PushedImage { image_id, size_bytes, digest, content: made.content.clone() });
    }
    run.feed.log(StageName::Push, "so it is built after all");
    let key = pipeline.build_key(&run.request, &prepared.recipe)?;
    let (built, content) = build::anew(pipeline, run, prepared, &key).boxed().await?;
    build::check_size(&built, pipeline.settings.build.max_image_size_gb)?;
    let digest = push_built(run).boxed().await?;
    Ok(PushedImage { image_id: built.image_id, size_bytes: built.size_bytes, digest, content: Some(content) })
}

async fn push_built(run: &Run) -> Result<Digest, StageFailure> {
    let target = &run.request.target;
    let account = run.harbor.account_for(target);
    match &account {
        Some(account) => run.feed.log(StageName::Push, format!("pushing {target} as {}", account.username)),
        None => run.feed.log(StageName::Push, format!("pushing {target} without an account: it is not in our Harbor")),
    }
    let engine = run.docker.engine.as_ref();
    let sink = run.feed.sink(StageName::Push);
    let digest = run.retrying(StageName::Push, || engine.push(target, account.as_ref(), &sink)).await?;
    run.feed.log(StageName::Push, format!("pushed {target}, digest {digest}"));
    Ok(digest)
}

//! The image goes to the registry, and the registry confirms it.

use super::Pipeline;
use super::failure::StageFailure;
use super::run::Run;
use crate::image::Digest;
use crate::registry::Platform;
use crate::task::StageName;

/// Pushes the built image under the target's name and returns the digest that the registry confirmed.
pub async fn push(pipeline: &Pipeline, run: &Run) -> Result<Digest, StageFailure> {
    let target = &run.request.target;
    if let Some(digest) = pushed_before(pipeline, run).await {
        run.feed.log(StageName::Push, format!("{target} was pushed before the interruption, digest {digest}"));
        return Ok(digest);
    }
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

/// What this task pushed before our restart interrupted it: an image under the target that carries the task's number. It
/// is kept, so that nobody sees a task pushed with two digests.
async fn pushed_before(pipeline: &Pipeline, run: &Run) -> Option<Digest> {
    if run.task.interruptions == 0 {
        return None;
    }
    let target = &run.request.target;
    let client = pipeline.registries.client_for(&run.harbor, &run.docker, target).await?;
    let image = client.image(target, &Platform::default()).await.ok()??;
    (image.labels.get("task_id")? == &run.id().to_string()).then_some(image.digest)
}

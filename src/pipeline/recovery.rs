//! What a task that was interrupted did before: a push that the registry confirmed is not done twice.
//!
//! A build has a fresh salt for every password, so pushing again would give the name a second digest. The registry is
//! asked directly where it can be reached, else through the daemon, which then pulls what the name stands for.

use super::Pipeline;
use super::failure::StageFailure;
use super::run::Run;
use crate::engine::EngineError;
use crate::image::{Digest, ImageReference};
use crate::registry::Platform;
use crate::task::StageName;

const TASK_LABEL: &str = "task_id";

/// An image that an interrupted attempt of a task pushed.
pub struct EarlierPush {
    /// Manifest digest.
    pub digest: Digest,
    /// Image id.
    pub image_id: Option<Digest>,
}

/// The image under the target's name, when an earlier attempt of this task pushed it. Only a task that was interrupted
/// has earlier attempts.
pub async fn earlier_push(pipeline: &Pipeline, run: &Run) -> Result<Option<EarlierPush>, StageFailure> {
    let target = &run.request.target;
    if run.task.interruptions == 0 {
        return Ok(None);
    }
    if let Some(client) = pipeline.registries.client_for(&run.harbor, &run.docker, target).await {
        match client.image(target, &Platform::default()).await {
            Ok(image) => {
                let ours = image.filter(|image| image.labels.get(TASK_LABEL) == Some(&run.id().to_string()));
                return Ok(ours.map(|image| EarlierPush { digest: image.digest, image_id: Some(image.image_id) }));
            }
            Err(error) => pipeline.registries.note_unavailable(client.host(), &error),
        }
    }
    run.feed.log(StageName::Push, format!("asking for {target} through the daemon"));
    Ok(run.retrying(StageName::Push, || ask_daemon(run)).await?)
}

async fn ask_daemon(run: &Run) -> Result<Option<EarlierPush>, EngineError> {
    let target = &run.request.target;
    let account = run.harbor.account_for(target);
    let engine = run.docker.engine.as_ref();
    let Some(digest) = engine.resolve_digest(target, account.as_ref()).await? else { return Ok(None) };
    let Ok(pinned) = format!("{}@{digest}", target.name()).parse::<ImageReference>() else { return Ok(None) };
    // Its bytes are a sign of life of the stage, which ends when nothing moves.
    let config = engine.pull(&pinned, account.as_ref(), &run.feed.sink(StageName::Push)).await?;
    let is_ours = config.labels.get(TASK_LABEL) == Some(&run.id().to_string());
    Ok(is_ours.then_some(EarlierPush { digest, image_id: config.image_id }))
}

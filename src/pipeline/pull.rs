//! The base image comes to the daemon.

use std::time::Duration;

use super::Pipeline;
use super::failure::StageFailure;
use super::run::Run;
use crate::image::{Digest, ImageConfig, ImageReference};
use crate::task::StageName;

const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// Makes sure that the daemon has the base image and returns its configuration.
pub async fn pull(pipeline: &Pipeline, run: &Run) -> Result<ImageConfig, StageFailure> {
    let base = &run.request.base;
    let engine = run.docker.engine.as_ref();
    let name = base.to_string();
    if let Some(present) = run.retrying(StageName::Pull, || engine.inspect_image(&name)).await? {
        match freshness(pipeline, run, base, &present).await {
            Freshness::Current => {
                run.feed.log(StageName::Pull, format!("{base} is on the daemon and up to date"));
                return Ok(present);
            }
            Freshness::Unknown => {
                run.feed.log(StageName::Pull, format!("{base} is on the daemon and used as it is"));
                return Ok(present);
            }
            Freshness::Stale => run.feed.log(StageName::Pull, format!("the registry has a newer {base}")),
        }
    }
    run.feed.log(StageName::Pull, format!("pulling {base}"));
    let account = run.harbor.account_for(base);
    let sink = run.feed.sink(StageName::Pull);
    let config = run.retrying(StageName::Pull, || engine.pull(base, account.as_ref(), &sink)).await?;
    run.store.note_pulled(&run.task.base_image_name, run.clock.now()).await?;
    run.feed.log(StageName::Pull, format!("pulled {base}"));
    Ok(config)
}

enum Freshness {
    Current,
    Stale,
    Unknown,
}

/// Whether the daemon's copy is what our Harbor has under that name now, asked with one request. Other registries are
/// not asked: an image that is there is used, as Docker does.
async fn freshness(pipeline: &Pipeline, run: &Run, base: &ImageReference, present: &ImageConfig) -> Freshness {
    if base.digest().is_some() {
        return Freshness::Current;
    }
    if run.harbor.account_for(base).is_none() {
        return Freshness::Unknown;
    }
    match tokio::time::timeout(RESOLVE_LIMIT, current_digest(pipeline, run, base)).await {
        Ok(Some(digest)) if has_digest(present, &digest) => Freshness::Current,
        Ok(Some(_)) => Freshness::Stale,
        Ok(None) | Err(_) => Freshness::Unknown,
    }
}

/// The digest that our Harbor has under a name: asked directly where we can, which is one request, else through the
/// daemon, which can always.
async fn current_digest(pipeline: &Pipeline, run: &Run, base: &ImageReference) -> Option<Digest> {
    if let Some(client) = pipeline.registries.client_for(&run.harbor, &run.docker, base).await {
        match client.resolve(base).await {
            Ok(Some(head)) => return Some(head.digest),
            Ok(None) => {}
            Err(error) => pipeline.registries.note_unavailable(client.host(), &error),
        }
    }
    let account = run.harbor.account_for(base);
    run.docker.engine.resolve_digest(base, account.as_ref()).await.ok().flatten()
}

fn has_digest(present: &ImageConfig, digest: &Digest) -> bool {
    present.repository_digests.iter().any(|known| known.rsplit_once('@').is_some_and(|(_, hex)| hex == digest.as_str()))
}

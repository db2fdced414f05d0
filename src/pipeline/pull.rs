//! The base image comes to the daemon.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, maybe_done, select};

use super::Pipeline;
use super::failure::StageFailure;
use super::run::Run;
use crate::image::{Digest, ImageConfig, ImageReference};
use crate::task::StageName;

/// How long the daemon may take to ask a registry for a digest.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// Makes sure that the daemon has the base image and returns its configuration.
pub async fn pull(pipeline: &Pipeline, run: &Run) -> Result<ImageConfig, StageFailure> {
    let base = &run.request.base;
    let engine = run.docker.engine.as_ref();
    let name = base.to_string();
    // The registry is asked while the daemon looks; where the daemon has nothing, its answer is not waited for.
    let mut current = pin!(maybe_done(current_digest(pipeline, run, base)));
    let inspecting = pin!(run.retrying(StageName::Pull, || engine.inspect_image(&name)));
    let present = match select(inspecting, current.as_mut()).await {
        Either::Left((present, _)) => present?,
        Either::Right(((), inspecting)) => inspecting.await?,
    };
    if let Some(present) = present {
        current.as_mut().await;
        match freshness(base, &present, current.take_output().flatten().as_ref()) {
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

/// Whether the daemon's copy is what the registry has under that name now.
fn freshness(base: &ImageReference, present: &ImageConfig, current: Option<&Digest>) -> Freshness {
    match current {
        _ if base.digest().is_some() => Freshness::Current,
        Some(digest) if has_digest(present, digest) => Freshness::Current,
        Some(_) => Freshness::Stale,
        None => Freshness::Unknown,
    }
}

/// The digest that the registry has under a name now: our Harbor is asked directly where we can, which is one request,
/// else through the daemon, which can always. Other registries are asked only by who wants it fresh: else an image that
/// is there is used, as Docker does.
async fn current_digest(pipeline: &Pipeline, run: &Run, base: &ImageReference) -> Option<Digest> {
    let account = run.harbor.account_for(base);
    let wants_it_fresh = run.request.force || run.request.refresh_after_seconds.is_some();
    if base.digest().is_some() || (account.is_none() && !wants_it_fresh) {
        return None;
    }
    if let Some(digest) = pipeline.registries.digest_of(&run.harbor, &run.docker, base).await {
        return Some(digest);
    }
    let asking = run.docker.engine.resolve_digest(base, account.as_ref());
    tokio::time::timeout(RESOLVE_LIMIT, asking).await.ok()?.ok().flatten()
}

fn has_digest(present: &ImageConfig, digest: &Digest) -> bool {
    present.repository_digests.iter().any(|known| known.rsplit_once('@').is_some_and(|(_, hex)| hex == digest.as_str()))
}

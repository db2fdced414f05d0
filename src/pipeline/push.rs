//! The image goes to the registry, and the registry confirms it.

use super::failure::StageFailure;
use super::run::Run;
use crate::image::Digest;
use crate::task::StageName;

/// Pushes the built image under the target's name and returns the digest that the registry confirmed.
pub async fn push(run: &Run) -> Result<Digest, StageFailure> {
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

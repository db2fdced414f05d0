//! The daemon builds the image.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Pipeline;
use super::failure::StageFailure;
use super::prepare::Prepared;
use super::reuse::{KeptImage, Turn};
use super::run::Run;
use crate::cause::Cause;
use crate::engine::{BuildOrder, Builder, BuiltImage};
use crate::explanation::Said;
use crate::recipe::{Recipe, RecipeError};
use crate::settings::BuildSection;
use crate::task::StageName;

/// What the build stage leaves to the push.
pub struct Made {
    /// The image, on the daemon or kept in the registry.
    pub built: BuiltImage,
    /// Where the registry has it already.
    pub kept: Option<KeptImage>,
    /// Others with the same request wait until this is dropped.
    pub turn: Option<Turn>,
    /// Whether this task waited for another one that made the same.
    pub has_waited: bool,
}

/// Builds what was prepared, unless an earlier task built the same.
pub async fn make(pipeline: &Pipeline, run: &Run, prepared: &Prepared) -> Result<Made, StageFailure> {
    let key = pipeline.build_key(&run.request, &prepared.recipe)?;
    let (turn, has_waited) = pipeline.turn(run, &key).await;
    if let Some(kept) = pipeline.kept_image(run, &key).await? {
        let built = BuiltImage {
            image_id: kept.image_id.clone(),
            size_bytes: kept.size_bytes,
            cached_steps: 0,
            steps: 0,
            context_bytes: 0,
        };
        return Ok(Made { built, kept: Some(kept), turn, has_waited });
    }
    let built = anew(pipeline, run, prepared, &key).await?;
    Ok(Made { built, kept: None, turn, has_waited })
}

/// Builds what was prepared in any case.
pub async fn anew(pipeline: &Pipeline, run: &Run, prepared: &Prepared, key: &str) -> Result<BuiltImage, StageFailure> {
    pipeline.store.set_build_key(run.id(), key).await?;
    let idle_timeout = Duration::from_secs(pipeline.settings.limits.idle_seconds);
    let building = build(run, &prepared.recipe, prepared.builder, &pipeline.settings.build, idle_timeout);
    // The stage itself may take longer, since it waits for another task's build of the same image first.
    let limit = Duration::from_secs(pipeline.settings.limits.build_seconds);
    if let Ok(built) = tokio::time::timeout(limit, building).await {
        return built;
    }
    let stage = StageName::Build.to_string();
    Err(StageFailure::new(Cause::Timeout, Said::StageTimeout { stage, seconds: limit.as_secs() }))
}

/// Builds a recipe under the target's name.
async fn build(
    run: &Run,
    recipe: &Recipe,
    builder: Builder,
    settings: &BuildSection,
    idle_timeout: Duration,
) -> Result<BuiltImage, StageFailure> {
    let context = recipe.build_context().map_err(RecipeError::from)?;
    let order = BuildOrder {
        builder,
        context,
        tags: vec![run.request.target.clone()],
        labels: BTreeMap::new(),
        arguments: settings.proxies.clone(),
        extra_hosts: settings.extra_hosts.clone(),
        target: None,
        network: Some(settings.network.clone()).filter(|network| !network.is_empty()),
        memory_bytes: None,
        no_cache: run.request.force,
        idle_timeout,
    };
    let engine = run.docker.engine.as_ref();
    let sink = run.feed.sink(StageName::Build);
    let built = run.retrying(StageName::Build, || engine.build(&order, &sink)).await?;
    run.metrics.built(built.cached_steps, built.steps, built.context_bytes);
    run.feed.log(
        StageName::Build,
        format!(
            "built {}: {:.2} GB, {} of {} steps from the cache, {} bytes of context sent",
            built.image_id,
            gigabytes(built.size_bytes),
            built.cached_steps,
            built.steps,
            built.context_bytes
        ),
    );
    Ok(built)
}

/// Checks the image against `build.max_image_size_gb`.
pub fn check_size(built: &BuiltImage, limit_gigabytes: f64) -> Result<(), StageFailure> {
    let size = gigabytes(built.size_bytes);
    if size <= limit_gigabytes {
        return Ok(());
    }
    let said = Said::ImageTooLarge { size: format!("{size:.2}"), limit: limit_gigabytes.to_string() };
    Err(StageFailure::new(Cause::ImageTooLarge, said))
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

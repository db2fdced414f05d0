//! The daemon builds the image: over an earlier one where that serves, else in full.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Pipeline;
use super::failure::StageFailure;
use super::layering::{BuildWatch, Layered, gives_way};
use super::pins::has_lost_pin;
use super::prepare::{Prepared, show};
use super::reuse::KeptImage;
use super::run::Run;
use crate::cause::Cause;
use crate::clock::Moment;
use crate::engine::{BuildOrder, BuiltImage, EngineError};
use crate::explanation::{Explanation, Said};
use crate::recipe::{Chains, Recipe, RecipeError};
use crate::store::ContentRow;
use crate::task::StageName;

/// How often somebody may remove what a build starts from, just before it does.
const LOST_PINS: u32 = 2;
const OLD_CACHE: &str = "the Docker server's cache may be older than 'refresh_after' allows";

/// What the build stage leaves to the push.
pub struct Made {
    /// The image, on the daemon or kept in the registry.
    pub built: BuiltImage,
    /// Where the registry has it already.
    pub kept: Option<KeptImage>,
    /// What it holds, where that is known.
    pub content: Option<ContentRow>,
    /// Whether this task waited for another one that made the same.
    pub has_waited: bool,
}

/// Builds what was prepared, unless an earlier task built the same.
pub async fn make(pipeline: &Pipeline, run: &Run, prepared: &Prepared) -> Result<Made, StageFailure> {
    let key = pipeline.build_key(run, &prepared.recipe)?;
    // Others with the same request wait until this task's end is stored: then they find its image.
    let (turn, has_waited) = pipeline.turn(run, &key).await;
    if let Some(turn) = turn {
        run.watch.keep(turn);
    }
    if let Some(kept) = pipeline.kept_image(run, &key).await? {
        let built = BuiltImage {
            image_id: kept.image_id.clone(),
            size_bytes: kept.size_bytes,
            cached_steps: 0,
            steps: 0,
            context_bytes: 0,
        };
        let content = pipeline.store.content(kept.task_id).await?;
        let content = content.map(|content| ContentRow { task_id: run.id().0, ..content });
        return Ok(Made { built, kept: Some(kept), content, has_waited });
    }
    let (built, content) = anew(pipeline, run, prepared, &key).await?;
    Ok(Made { built, kept: None, content: Some(content), has_waited })
}

/// Builds what was prepared in any case.
pub async fn anew(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    key: &str,
) -> Result<(BuiltImage, ContentRow), StageFailure> {
    run.watch.take_slot_again().await;
    pipeline.store.set_build_key(run.id(), key).await?;
    // The stage itself may take longer, since it waits for another task's build of the same image first.
    let limit = Duration::from_secs(pipeline.settings.limits.build_seconds);
    let building = over_or_in_full(pipeline, run, prepared, key);
    if let Ok(built) = tokio::time::timeout(limit, building).await {
        return built;
    }
    let stage = StageName::Build.to_string();
    Err(StageFailure::new(Cause::Timeout, Said::StageTimeout { stage, seconds: limit.as_secs() }))
}

async fn over_or_in_full(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    key: &str,
) -> Result<(BuiltImage, ContentRow), StageFailure> {
    if let Some(layered) = &prepared.layered {
        let reason = match over(pipeline, run, prepared, layered, key).await? {
            Ok(built) => return Ok(built),
            Err(reason) => reason,
        };
        run.feed.log(StageName::Build, format!("the packages are installed in one full step: {reason}"));
        show(run, &prepared.recipe).await?;
    }
    in_full(pipeline, run, prepared, key).await
}

/// Builds over an earlier image's steps, or says why that gives way to one full step.
async fn over(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    layered: &Layered,
    key: &str,
) -> Result<Result<(BuiltImage, ContentRow), String>, StageFailure> {
    // Younger steps below the last one do not say that it is as young: the cache finds it by what it does alone.
    let cache = CacheAge::of(pipeline, run, &layered.recipe).await?;
    if cache.is_known_too_old() {
        return Ok(Err(OLD_CACHE.to_owned()));
    }
    Ok(match started(pipeline, run, prepared, &layered.recipe, false).await {
        Ok(Attempt::Built { has_cached_packages: true, .. }) if cache.is_too_old() => Err(OLD_CACHE.to_owned()),
        Ok(Attempt::Built { image, has_cached_packages }) => {
            let last = if has_cached_packages { cache.packages_time() } else { layered.packages_time };
            let packages_time = layered.packages_time.min(last);
            Ok((image, content(run, prepared, &layered.recipe, key, packages_time)?))
        }
        Ok(Attempt::LostCache) => Err("the Docker server's cache no longer has the earlier steps".to_owned()),
        Err(failure) => Err(gives_way(&failure).ok_or(failure)?),
    })
}

async fn in_full(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    key: &str,
) -> Result<(BuiltImage, ContentRow), StageFailure> {
    let recipe = &prepared.recipe;
    let start = run.clock.now();
    let cache = CacheAge::of(pipeline, run, recipe).await?;
    let not_used = || run.feed.log(StageName::Build, format!("{OLD_CACHE}: not used"));
    if cache.is_known_too_old() {
        not_used();
    }
    let no_cache = run.request.force || cache.is_known_too_old();
    let mut attempt = started(pipeline, run, prepared, recipe, no_cache).await?;
    // Steps that nobody knows of are most likely not in the cache at all, while a Python built from its source is: only
    // when the cache had them after all is everything done again.
    if cache.is_too_old() && !no_cache && matches!(attempt, Attempt::Built { has_cached_packages: true, .. }) {
        not_used();
        attempt = started(pipeline, run, prepared, recipe, true).await?;
    }
    match attempt {
        Attempt::Built { image, has_cached_packages } => {
            let packages_time = if has_cached_packages { cache.packages_time() } else { start };
            Ok((image, content(run, prepared, recipe, key, packages_time)?))
        }
        Attempt::LostCache => {
            let words = Explanation::quoted("a full build expects nothing of the cache");
            Err(StageFailure::new(Cause::Internal, words))
        }
    }
}

/// How old the package steps of a recipe are that the daemon's cache may have; the cache itself does not say.
struct CacheAge {
    /// When the oldest ran that we know of.
    since: Option<Moment>,
    /// How old they may be.
    oldest: Moment,
}

impl CacheAge {
    async fn of(pipeline: &Pipeline, run: &Run, recipe: &Recipe) -> Result<Self, StageFailure> {
        let fingerprint = recipe.packages_fingerprint().map_err(RecipeError::from)?;
        let since = pipeline.store.packages_time(&fingerprint).await?;
        Ok(Self { since, oldest: run.oldest_packages() })
    }

    /// When they ran, at the earliest: what nobody knows of may be of any age.
    fn packages_time(&self) -> Moment {
        self.since.unwrap_or(Moment(0))
    }

    fn is_too_old(&self) -> bool {
        self.packages_time() < self.oldest
    }

    fn is_known_too_old(&self) -> bool {
        self.since.is_some() && self.is_too_old()
    }
}

enum Attempt {
    Built { image: BuiltImage, has_cached_packages: bool },
    LostCache,
}

/// Builds a recipe from what must be on the daemon, which is put there again when somebody removed it.
async fn started(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    recipe: &Recipe,
    no_cache: bool,
) -> Result<Attempt, StageFailure> {
    let mut tries_left = LOST_PINS;
    loop {
        pipeline.provide_installers(run, prepared).await?;
        match build(pipeline, run, prepared, recipe, no_cache).await {
            Err(failure) if tries_left > 0 && has_lost_pin(&failure) => {
                tries_left -= 1;
                run.feed.log(
                    StageName::Build,
                    format!(
                        "what the build starts from is gone from the Docker server and is put there again: {failure}"
                    ),
                );
                prepared.provide_base(run).await?;
            }
            outcome => return outcome,
        }
    }
}

/// Builds a recipe under the target's name.
async fn build(
    pipeline: &Pipeline,
    run: &Run,
    prepared: &Prepared,
    recipe: &Recipe,
    no_cache: bool,
) -> Result<Attempt, StageFailure> {
    let settings = &pipeline.settings.build;
    let order = BuildOrder {
        builder: prepared.builder,
        context: recipe.build_context().map_err(RecipeError::from)?,
        tags: vec![run.request.target.clone()],
        labels: BTreeMap::new(),
        arguments: settings.proxies.clone(),
        extra_hosts: settings.extra_hosts.clone(),
        target: None,
        network: Some(settings.network.clone()).filter(|network| !network.is_empty()),
        memory_bytes: None,
        no_cache,
        idle_timeout: Duration::from_secs(pipeline.settings.limits.idle_seconds),
    };
    let engine = run.docker.engine.as_ref();
    let sink = run.feed.sink(StageName::Build);
    let watch = BuildWatch::new(&sink, recipe.own_step.as_deref());
    let built: Result<BuiltImage, EngineError> = tokio::select! {
        biased;
        () = watch.lost.cancelled() => return Ok(Attempt::LostCache),
        built = run.retrying(StageName::Build, || engine.build(&order, &watch)) => built,
    };
    let image = built?;
    run.metrics.built(image.cached_steps, image.steps, image.context_bytes);
    run.feed.log(
        StageName::Build,
        format!(
            "built {}: {:.2} GB, {} of {} steps from the cache, {} bytes of context sent",
            image.image_id,
            gigabytes(image.size_bytes),
            image.cached_steps,
            image.steps,
            image.context_bytes
        ),
    );
    Ok(Attempt::Built { image, has_cached_packages: watch.has_cached_packages() })
}

/// What an image holds that this recipe built.
fn content(
    run: &Run,
    prepared: &Prepared,
    recipe: &Recipe,
    key: &str,
    packages_time: Moment,
) -> Result<ContentRow, StageFailure> {
    let trunk = |chains: &Chains| recipe.trunk(chains).map(Option::unwrap_or_default).map_err(RecipeError::from);
    let os = Chains { os: recipe.chains.os.clone(), pip: Vec::new() };
    let has_pip = !recipe.chains.pip.is_empty();
    Ok(ContentRow {
        task_id: run.id().0,
        base_image_id: prepared.base_id.hex().to_owned(),
        mirror_digests: prepared.mirror_digests.clone(),
        chains: serde_json::json!(recipe.chains).to_string(),
        os_trunk: trunk(&os)?,
        pip_trunk: if has_pip { trunk(&recipe.chains)? } else { String::new() },
        packages: recipe.packages_fingerprint().map_err(RecipeError::from)?,
        packages_time: packages_time.0,
        build_key: key.to_owned(),
        create_time: run.clock.now().0,
    })
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

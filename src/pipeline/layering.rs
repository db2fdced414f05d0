//! Add one package, pay for one package: a recipe over what an earlier image of the same base installed.
//!
//! An earlier image serves when it is the same owner's image of record, young enough, and its package steps are the very
//! first of ours: their fingerprints are equal, so the daemon's cache has them. Its last step then installs the whole list
//! over them and checks that nothing tells the result from a build from scratch. Where it does, where the cache is gone
//! after all, or where that step fails, the list is installed in one full step.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use super::Pipeline;
use super::failure::StageFailure;
use super::run::Run;
use crate::cause::Cause;
use crate::clock::Moment;
use crate::engine::{Progress, ProgressSink, StepStatus};
use crate::image::Digest;
use crate::recipe::{Chains, ONE_FULL_STEP, Recipe, RecipeError, installs_packages, is_of_uv_stage};
use crate::store::ContentRow;
use crate::task::StageName;

const CANDIDATES: i64 = 50;
const PLANS: usize = 5;
const MICROSECONDS: u64 = 1_000_000;

/// A recipe over an earlier image's steps.
pub struct Layered {
    /// The recipe.
    pub recipe: Recipe,
    /// When the oldest of the earlier steps ran.
    pub packages_time: Moment,
}

impl Run {
    /// How old packages may be at most, by the request.
    pub(super) fn oldest_packages(&self) -> Moment {
        match self.request.refresh_after_seconds {
            Some(seconds) => {
                let age = i64::try_from(seconds.saturating_mul(MICROSECONDS)).unwrap_or(i64::MAX);
                Moment(self.clock.now().0.saturating_sub(age))
            }
            None => Moment(0),
        }
    }
}

impl Pipeline {
    /// The best recipe over an earlier image, where there is one; the choice goes to the log.
    pub(super) async fn layered(
        &self,
        run: &Run,
        base_id: &Digest,
        plain: &Recipe,
        plan: impl Fn(Chains) -> Result<Recipe, RecipeError>,
    ) -> Result<Option<Layered>, StageFailure> {
        if plain.chains == Chains::default() || run.request.force || plain.extends == crate::recipe::Extends::default()
        {
            return Ok(None);
        }
        let rows = self.store.contents_over(base_id.hex(), &run.task.owner, run.oldest_packages(), CANDIDATES).await?;
        let mut options = Vec::new();
        for row in &rows {
            let Ok(earlier) = serde_json::from_str::<Chains>(&row.chains) else { continue };
            options.extend(plain.chains.over(&earlier, plain.extends).into_iter().map(|chains| (chains, row)));
        }
        options.sort_by_key(|(chains, _)| std::cmp::Reverse(covered(chains)));
        options.dedup_by(|(left, _), (right, _)| left == right);
        for (earlier, row) in options.into_iter().take(PLANS) {
            let known = if earlier.pip.is_empty() { &row.os_trunk } else { &row.pip_trunk };
            let recipe = plan(earlier.clone())?;
            if recipe.trunk(&earlier).map_err(RecipeError::from)?.as_ref() != Some(known) {
                continue;
            }
            run.feed.log(StageName::Prepare, told(plain, &earlier, row, recipe.own_step.is_some()));
            return Ok(Some(Layered { recipe, packages_time: Moment(row.packages_time) }));
        }
        run.feed.log(
            StageName::Prepare,
            "packages are installed in one full step: no earlier image of this base holds a part of the list",
        );
        Ok(None)
    }
}

/// How many packages come from earlier steps: pip's first, since their step is the last.
fn covered(chains: &Chains) -> (usize, usize) {
    let count = |lists: &[Vec<String>]| lists.last().map_or(0, Vec::len);
    (count(&chains.pip), count(&chains.os))
}

fn told(plain: &Recipe, earlier: &Chains, row: &ContentRow, has_own_step: bool) -> String {
    let (pip, os) = covered(earlier);
    let (all_pip, all_os) = covered(&plain.chains);
    let rest = if has_own_step { "and the whole list is installed over them" } else { "and nothing is missing" };
    format!(
        "the image of task {} on the same base holds {os} of {all_os} OS packages and {pip} of {all_pip} pip packages of \
         the list: its steps come from the Docker server's cache, {rest}",
        row.task_id
    )
}

/// Looks on while a build runs: whether package steps came from the cache, and whether steps run that should have.
pub(super) struct BuildWatch<'sink> {
    sink: &'sink dyn ProgressSink,
    own_step: Option<&'sink str>,
    has_reached_own: AtomicBool,
    has_cached_own: AtomicBool,
    has_cached_packages: AtomicBool,
    /// Fires when the cache does not have what it should.
    pub(super) lost: CancellationToken,
}

impl<'sink> BuildWatch<'sink> {
    /// Passes everything on to `sink`. With `own_step`, every command before the one with this text must be cached.
    pub(super) fn new(sink: &'sink dyn ProgressSink, own_step: Option<&'sink str>) -> Self {
        Self {
            sink,
            own_step,
            has_reached_own: AtomicBool::new(false),
            has_cached_own: AtomicBool::new(false),
            has_cached_packages: AtomicBool::new(false),
            lost: CancellationToken::new(),
        }
    }

    /// Whether a step that installs packages came from the cache, where that says how old they are: over earlier steps,
    /// which are always cached, the last one.
    pub(super) fn has_cached_packages(&self) -> bool {
        let cached = if self.own_step.is_some() { &self.has_cached_own } else { &self.has_cached_packages };
        cached.load(Ordering::Relaxed)
    }
}

impl ProgressSink for BuildWatch<'_> {
    fn record(&self, event: Progress) {
        if let Progress::Step(step) = &event
            && step.name.contains("] RUN ")
            && !is_of_uv_stage(&step.name)
        {
            match (step.status, self.own_step) {
                (StepStatus::Cached, Some(own)) if step.name.contains(own) => {
                    self.has_cached_own.store(true, Ordering::Relaxed);
                }
                (StepStatus::Cached, _) if installs_packages(&step.name) => {
                    self.has_cached_packages.store(true, Ordering::Relaxed);
                }
                (StepStatus::Running, Some(own)) if step.name.contains(own) => {
                    self.has_reached_own.store(true, Ordering::Relaxed);
                }
                (StepStatus::Running, Some(_)) if !self.has_reached_own.load(Ordering::Relaxed) => self.lost.cancel(),
                _ => {}
            }
        }
        self.sink.record(event);
    }
}

/// Why a build over earlier steps gives way to one full step; `None` when that would fail as well.
pub(super) fn gives_way(failure: &StageFailure) -> Option<String> {
    let difference = failure.last_lines.iter().find_map(|line| line.split_once(ONE_FULL_STEP));
    if let Some((_, reason)) = difference {
        return Some(reason.to_owned());
    }
    let is_of_a_step = matches!(
        failure.cause,
        Cause::BuildStepFailed | Cause::PackageNotFound | Cause::PackageConflict | Cause::MirrorUnreachable
    );
    (is_of_a_step && failure.failed_step.is_some()).then(|| failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::BuildStep;
    use crate::explanation::Explanation;

    fn step(name: &str, status: StepStatus) -> Progress {
        Progress::Step(BuildStep { id: name.to_owned(), name: name.to_owned(), status, duration_ms: None })
    }

    const EARLIER: &str =
        "[stage-0 2/4] RUN --mount=type=cache,target=/dev/fastbuild/cache/pip install.py pip/requirements.txt";
    const OWN: &str =
        "[stage-0 3/4] RUN --mount=type=cache,target=/dev/fastbuild/cache/pip install.py pip/requirements-2.txt";

    #[test]
    fn a_step_that_runs_before_ours_is_a_lost_cache() {
        let nobody = |_: Progress| {};
        let watch = BuildWatch::new(&nobody, Some("pip/requirements-2.txt"));
        for event in
            [step(EARLIER, StepStatus::Cached), step(OWN, StepStatus::Running), step(EARLIER, StepStatus::Running)]
        {
            watch.record(event);
        }
        assert!(!watch.lost.is_cancelled() && !watch.has_cached_packages(), "the last step ran");
        let watch = BuildWatch::new(&nobody, Some("pip/requirements-2.txt"));
        for event in [step(EARLIER, StepStatus::Cached), step(OWN, StepStatus::Cached)] {
            watch.record(event);
        }
        assert!(!watch.lost.is_cancelled() && watch.has_cached_packages());
        let watch = BuildWatch::new(&nobody, Some("pip/requirements-2.txt"));
        watch.record(step("[uv 2/2] RUN --mount=type=cache,target=/dev/fastbuild/cache/pip", StepStatus::Running));
        assert!(!watch.lost.is_cancelled(), "nothing of that stage comes into the image");
        watch.record(step(EARLIER, StepStatus::Running));
        assert!(watch.lost.is_cancelled() && !watch.has_cached_packages());
        let watch = BuildWatch::new(&nobody, None);
        watch.record(step(EARLIER, StepStatus::Running));
        assert!(!watch.lost.is_cancelled());
    }

    #[test]
    fn what_a_full_step_may_do_better() {
        let mut failure = StageFailure::new(Cause::BuildStepFailed, Explanation::quoted("exit code 86"));
        failure.failed_step = Some(OWN.to_owned());
        failure.last_lines = vec![format!("{ONE_FULL_STEP}six 1.16 would be left over")];
        assert_eq!(gives_way(&failure).as_deref(), Some("six 1.16 would be left over"));
        failure.last_lines.clear();
        assert_eq!(gives_way(&failure).as_deref(), Some("exit code 86"));
        failure.cause = Cause::DiskFull;
        assert_eq!(gives_way(&failure), None);
        assert_eq!(gives_way(&StageFailure::new(Cause::BuildStepFailed, Explanation::quoted("no step"))), None);
    }
}

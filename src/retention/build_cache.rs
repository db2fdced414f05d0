//! The daemon's build cache, held to a budget.
//!
//! BuildKit itself never gives up what a running build uses, and drops what was used least lately first. The cache
//! carries no labels, so the budget is for all of it, whoever builds on that daemon.

use super::{Kind, Reason, Retention, RetentionError, Sweep};
use crate::engine::EngineError;

impl Retention {
    /// Prunes down to `build_cache_gb`, and by `missing_bytes` further when the daemon's disk is low.
    pub(super) async fn sweep_build_cache(&self, sweep: &mut Sweep, missing_bytes: u64) -> Result<(), RetentionError> {
        let docker = self.pipeline.site.docker_server().await?;
        let usage = docker.engine.disk_usage().await?;
        self.health.note_usage(Some(usage));
        let used_bytes = usage.build_cache_bytes;
        let Some(keep_bytes) = bytes_to_keep(used_bytes, self.settings().build_cache_gb, missing_bytes) else {
            return Ok(());
        };
        let freed = if sweep.is_dry_run {
            used_bytes - keep_bytes
        } else {
            let freed: Result<u64, EngineError> = docker.engine.prune_build_cache(keep_bytes).await;
            let freed = freed?;
            self.health.note_usage(docker.engine.disk_usage().await.ok());
            freed
        };
        let reason = Reason::OverBudget { used_bytes, budget_bytes: keep_bytes };
        sweep.remove(Kind::BuildCache, "buildkit", freed, reason);
        Ok(())
    }
}

/// What may stay of a cache; `None` when all of it may. A budget of 0 is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a budget is not negative and far below 2^64"
)]
fn bytes_to_keep(used_bytes: u64, budget_gigabytes: f64, missing_bytes: u64) -> Option<u64> {
    let budget_bytes = if budget_gigabytes > 0.0 { (budget_gigabytes * f64::from(1 << 30)) as u64 } else { u64::MAX };
    let keep_bytes = budget_bytes.min(used_bytes.saturating_sub(missing_bytes));
    (used_bytes > keep_bytes).then_some(keep_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_within_its_budget_is_left_alone() {
        let gigabyte = 1 << 30;
        for (used, budget, missing, keep) in [
            (10, 50.0, 0, None),
            (50, 50.0, 0, None),
            (60, 50.0, 0, Some(50)),
            (60, 0.0, 0, None),
            // A low disk takes what is missing, and no more.
            (10, 50.0, 3, Some(7)),
            (10, 50.0, 30, Some(0)),
            (60, 50.0, 3, Some(50)),
            (0, 50.0, 3, None),
        ] {
            let found = bytes_to_keep(used * gigabyte, budget, missing * gigabyte);
            assert_eq!(found, keep.map(|keep: u64| keep * gigabyte), "{used} {budget} {missing}");
        }
    }
}

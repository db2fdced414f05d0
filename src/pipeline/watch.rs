//! What a watchdog may know of a task under way: its stage, and when that must be over.
//!
//! A stage ends itself by its limits. A watchdog outside of it sees what cannot: work that holds its thread, so that no
//! limit inside it fires.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::task::StageName;

/// The stage of a task under way.
#[derive(Debug, Default)]
pub struct StageWatch(Mutex<Option<Watched>>);

#[derive(Debug, Clone, Copy)]
struct Watched {
    stage: StageName,
    deadline: Instant,
}

impl StageWatch {
    /// A stage begins and must be over at a moment.
    pub(super) fn enter(&self, stage: StageName, deadline: Instant) {
        *self.lock() = Some(Watched { stage, deadline });
    }

    /// It is over.
    pub(super) fn leave(&self) {
        *self.lock() = None;
    }

    /// The stage under way.
    pub fn stage(&self) -> Option<StageName> {
        self.lock().map(|watched| watched.stage)
    }

    /// Waits until a stage is not over this long after it must be.
    pub async fn overdue(&self, grace: Duration) -> StageName {
        loop {
            if let Some(Watched { stage, .. }) =
                self.lock().filter(|watched| watched.deadline + grace <= Instant::now())
            {
                return stage;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_stage_beyond_its_deadline_and_grace_is_overdue() {
        let watch = StageWatch::default();
        let grace = Duration::from_secs(10);
        let is_overdue = async |seconds| tokio::time::timeout(Duration::from_secs(seconds), watch.overdue(grace)).await;
        assert!(is_overdue(100).await.is_err());
        watch.enter(StageName::Build, Instant::now() + Duration::from_secs(20));
        assert_eq!(watch.stage(), Some(StageName::Build));
        assert!(is_overdue(28).await.is_err());
        assert_eq!(is_overdue(5).await.unwrap(), StageName::Build);
        watch.leave();
        assert!(is_overdue(100).await.is_err());
    }
}

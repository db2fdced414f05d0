//! What a watchdog may know of a task under way: its stage, when that must be over, and what others wait for: its turn at
//! an image, and its slot.
//!
//! A stage ends itself by its limits. A watchdog outside of it sees what cannot: work that holds its thread, so that no
//! limit inside it fires.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::reuse::Turn;
use crate::task::StageName;

/// The stage of a task under way, and the turn and the slot that it has.
#[derive(Debug, Default)]
pub struct StageWatch {
    watched: Mutex<Option<Watched>>,
    turn: Mutex<Option<Turn>>,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    /// Where a slot that was lent is taken again.
    lent: Mutex<Option<Arc<Semaphore>>>,
    is_building: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    stage: StageName,
    deadline: Instant,
}

impl StageWatch {
    /// The watch of a task that has this slot.
    pub fn of_slot(slot: OwnedSemaphorePermit) -> Self {
        Self { slot: Mutex::new(Some(slot)), ..Self::default() }
    }

    /// Gives the slot to others while the task waits for one of them.
    pub(super) fn lend_slot(&self) {
        if let Some(slot) = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            *self.lent.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot.semaphore().clone());
        }
    }

    /// Takes a slot again that was lent, after those who waited longer.
    pub(super) async fn take_slot_again(&self) {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(slots) = lent {
            // Nobody closes the slots.
            let slot = slots.acquire_owned().await.ok();
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
        }
    }

    /// Says whether a build runs within another stage.
    pub(super) fn set_building(&self, is_building: bool) {
        self.is_building.store(is_building, Ordering::Relaxed);
    }

    /// Whether a build runs within another stage.
    pub(super) fn is_building(&self) -> bool {
        self.is_building.load(Ordering::Relaxed)
    }

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

    /// The stage under way, when it is not over this long after it must be.
    pub fn overdue(&self, grace: Duration) -> Option<StageName> {
        let overdue = self.lock().filter(|watched| watched.deadline + grace <= Instant::now());
        overdue.map(|watched| watched.stage)
    }

    /// Keeps the task's turn at its image.
    pub(super) fn keep(&self, turn: Turn) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
    }

    /// Lets others make the same image and have the slot: the task's end is stored.
    pub fn let_go(&self) {
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.slot.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_stage_beyond_its_deadline_and_grace_is_overdue() {
        let watch = StageWatch::default();
        let grace = Duration::from_secs(10);
        let later = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        assert_eq!(watch.overdue(grace), None);
        watch.enter(StageName::Build, Instant::now() + Duration::from_secs(20));
        assert_eq!(watch.stage(), Some(StageName::Build));
        later(29).await;
        assert_eq!(watch.overdue(grace), None);
        later(2).await;
        assert_eq!(watch.overdue(grace), Some(StageName::Build));
        watch.leave();
        assert_eq!(watch.overdue(grace), None);
    }
}

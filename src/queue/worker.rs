//! Takes waiting tasks, as many at a time as the settings allow, and knows which are under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::cause::Cause;
use crate::clock::{Clock, Moment};
use crate::disk::LowDisk;
use crate::explanation::Said;
use crate::pipeline::{Pipeline, StageWatch};
use crate::store::{Store, StoreError, TaskRow, patiently};
use crate::task::{StageName, TaskId};

/// An interruption is no failed attempt, but a task that ends the process each time must not do so for ever.
const MAX_INTERRUPTIONS: i64 = 100;
/// Tasks that wait for another one's image have no slot; there are at most this many of them.
const WAITING_FOR_OTHERS: usize = 100;
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// A disk below its watermark ends no task: what waits goes on waiting, and goes on by itself.
const LOOK_AT_DISK_AGAIN: Duration = Duration::from_secs(5);

/// Runs tasks.
pub struct Worker {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    pipeline: Arc<Pipeline>,
    slots: Arc<Semaphore>,
    slot_count: usize,
    places: Arc<Semaphore>,
    wake: Notify,
    under_way: Mutex<HashMap<TaskId, UnderWay>>,
    /// Held while a task is claimed and noted as under way, so that nobody takes it for a stray in between.
    pub(super) claiming: tokio::sync::Mutex<()>,
    is_held: AtomicBool,
    pub(super) tracker: TaskTracker,
}

/// A task that was claimed, with what it listens to.
struct Claimed {
    task: TaskRow,
    cancel: CancellationToken,
    watch: Arc<StageWatch>,
}

/// A task whose work was broken off.
pub(super) struct Stuck {
    pub(super) task: TaskRow,
    /// The stage that did not end.
    pub(super) stage: StageName,
    /// How long it had beyond its limit.
    pub(super) grace: Duration,
}

/// A task under way; dropping it frees its place.
struct UnderWay {
    task: TaskRow,
    cancel: CancellationToken,
    watch: Arc<StageWatch>,
    /// Its work, until the watchdog breaks it off.
    execution: Option<AbortHandle>,
    _place: OwnedSemaphorePermit,
}

impl Worker {
    /// A worker with this many slots; it takes nothing before [`Self::run`]. What it spawns is joined by `tracker`.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        pipeline: Arc<Pipeline>,
        slots: usize,
        tracker: TaskTracker,
    ) -> Self {
        Self {
            store,
            clock,
            pipeline,
            slots: Arc::new(Semaphore::new(slots.max(1))),
            slot_count: slots.max(1),
            places: Arc::new(Semaphore::new(slots.max(1) + WAITING_FOR_OTHERS)),
            wake: Notify::new(),
            under_way: Mutex::default(),
            claiming: tokio::sync::Mutex::default(),
            is_held: AtomicBool::new(false),
            tracker,
        }
    }

    /// Tells the worker that a task waits.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Puts tasks that an earlier process left unfinished back into the queue.
    pub async fn recover(&self) -> Result<(), StoreError> {
        for (task_id, interruptions) in self.store.requeue_interrupted(self.clock.now()).await? {
            tracing::warn!(task.id = %task_id, "task {task_id} was interrupted by the end of an earlier process and waits again");
            if interruptions >= MAX_INTERRUPTIONS
                && let Some(task) = self.store.task(task_id).await?
            {
                self.pipeline.abort_restless(&task).await;
            }
        }
        Ok(())
    }

    /// Takes tasks until `stop`; `hand_back` ends the patience of those under way.
    pub async fn run(self: Arc<Self>, stop: CancellationToken, hand_back: CancellationToken) {
        loop {
            let room =
                async { Ok((self.places.clone().acquire_owned().await?, self.slots.clone().acquire_owned().await?)) };
            let room: Result<_, AcquireError> = tokio::select! {
                () = stop.cancelled() => return,
                room = room => room,
            };
            let Ok((place, slot)) = room else { return };
            if let Some(low) = self.pipeline.disks.low().await {
                drop(slot);
                self.tell_low(Some(low));
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_AT_DISK_AGAIN) => {}
                }
                continue;
            }
            self.tell_low(None);
            match self.claim(place, slot).await {
                Ok(Some(claimed)) => {
                    if claimed.task.attempts == 1 {
                        let waited = self.clock.now().millis_since(Moment(claimed.task.create_time));
                        self.pipeline.metrics.task_claimed(waited);
                    }
                    let (worker, hand_back) = (self.clone(), hand_back.clone());
                    // Every line that is logged on a task's behalf carries its number.
                    let span = tracing::info_span!("task", task.id = %claimed.task.id());
                    self.tracker.spawn(async move { worker.work(claimed, hand_back).await }.instrument(span));
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::error!("the queue cannot be read: {error:?}"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Takes the next waiting task, which has the place and the slot from then on.
    async fn claim(
        &self,
        place: OwnedSemaphorePermit,
        slot: OwnedSemaphorePermit,
    ) -> Result<Option<Claimed>, StoreError> {
        let _claiming = self.claiming.lock().await;
        let Some(task) = self.store.claim_task(std::process::id(), self.clock.now()).await? else { return Ok(None) };
        let (cancel, watch) = (CancellationToken::new(), Arc::new(StageWatch::of_slot(slot)));
        let claimed = Claimed { task: task.clone(), cancel: cancel.clone(), watch: watch.clone() };
        let under_way = UnderWay { task, cancel, watch, execution: None, _place: place };
        self.lock().insert(claimed.task.id(), under_way);
        Ok(Some(claimed))
    }

    /// Says once that waiting tasks are held back, and once that they go on.
    fn tell_low(&self, low: Option<LowDisk>) {
        let was_held = self.is_held.swap(low.is_some(), Ordering::Relaxed);
        match low {
            Some(low) if !was_held => tracing::error!(
                "waiting tasks are not begun: the disk '{}' has {} bytes free and needs {}",
                low.name,
                low.free_bytes,
                low.needed_bytes
            ),
            None if was_held => tracing::info!("waiting tasks are begun again: there is room on every disk"),
            _ => {}
        }
    }

    /// Leads a task to its end in a task of its own, so that neither a panic nor work that holds its thread takes the
    /// task's end and its slot with it.
    async fn work(self: &Arc<Self>, claimed: Claimed, hand_back: CancellationToken) {
        let Claimed { task, cancel, watch } = claimed;
        let task_id = task.id();
        // A cancellation before the task was noted as under way is in the row.
        let row = self.store.task(task_id).await;
        if row.ok().flatten().is_some_and(|row| row.cancel_requested == 1) {
            cancel.cancel();
        }
        let execution = {
            let (pipeline, task, watch) = (self.pipeline.clone(), task.clone(), watch.clone());
            patiently(async move { pipeline.execute(task, cancel, hand_back, watch).await })
        };
        let execution = self.tracker.spawn(execution.in_current_span());
        if let Some(under_way) = self.lock().get_mut(&task_id) {
            under_way.execution = Some(execution.abort_handle());
        }
        match execution.await {
            Err(error) if error.is_panic() => {
                tracing::error!(task.id = %task_id, "task {task_id} panicked: {error}");
                let what = "the service failed while it worked on the task; its log has the reason".to_owned();
                self.pipeline.abort_broken(&task, watch.stage(), Cause::Internal, Said::Internal { what }).await;
            }
            // Broken off by the watchdog, which tells its end.
            Err(_) => return,
            Ok(()) => {}
        }
        self.forget(task_id);
    }

    /// Breaks the work off that is not over long after it must be. Each task is given once.
    pub(super) fn take_stuck(&self) -> Vec<Stuck> {
        let grace = self.grace();
        let stuck = |under_way: &mut UnderWay| {
            let stage = under_way.watch.overdue(grace)?;
            under_way.execution.take()?.abort();
            Some(Stuck { task: under_way.task.clone(), stage, grace })
        };
        self.lock().values_mut().filter_map(stuck).collect()
    }

    /// How long after its limit a stage may still end by itself.
    fn grace(&self) -> Duration {
        Duration::from_secs(self.pipeline.settings.limits.watchdog_seconds)
    }

    /// Frees the slot of a task whose end is stored, and its turn.
    pub(super) fn forget(&self, task_id: TaskId) {
        if let Some(under_way) = self.lock().remove(&task_id) {
            under_way.watch.let_go();
        }
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Signals a task under way; `false` when it is not here.
    pub(super) fn signal_cancel(&self, task_id: TaskId) -> bool {
        match self.lock().get(&task_id) {
            Some(under_way) => {
                under_way.cancel.cancel();
                true
            }
            None => false,
        }
    }

    pub(super) fn is_under_way(&self, task_id: TaskId) -> bool {
        self.lock().contains_key(&task_id)
    }

    /// How many tasks are under way.
    pub fn under_way(&self) -> usize {
        self.lock().len()
    }

    /// How many may be under way at the same time.
    pub fn slots(&self) -> usize {
        self.slot_count
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Takes waiting tasks, as many at a time as the settings allow, and knows which are under way.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::pipeline::Pipeline;
use crate::store::{Store, StoreError, TaskRow, patiently};
use crate::task::TaskId;

/// An interruption is no failed attempt, but a task that ends the process each time must not do so for ever.
const MAX_INTERRUPTIONS: i64 = 100;
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Runs tasks.
pub struct Worker {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    pipeline: Arc<Pipeline>,
    slots: Arc<Semaphore>,
    wake: Notify,
    under_way: Mutex<HashMap<TaskId, CancellationToken>>,
}

impl Worker {
    /// A worker with this many slots; it takes nothing before [`Self::run`].
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, pipeline: Arc<Pipeline>, slots: usize) -> Self {
        Self {
            store,
            clock,
            pipeline,
            slots: Arc::new(Semaphore::new(slots.max(1))),
            wake: Notify::new(),
            under_way: Mutex::default(),
        }
    }

    /// Tells the worker that a task waits.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Puts tasks that an earlier process left unfinished back into the queue.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let interrupted = self.store.requeue_interrupted(self.clock.now()).await?;
        for task_id in &interrupted {
            tracing::warn!(task.id = %task_id, "task {task_id} was interrupted by the end of an earlier process and waits again");
            let task = self.store.task(*task_id).await?;
            if let Some(task) = task.filter(|task| task.interruptions >= MAX_INTERRUPTIONS) {
                self.pipeline.abort_restless(&task).await?;
            }
        }
        Ok(())
    }

    /// Takes tasks until `stop`. Tasks under way are spawned on the tracker; `hand_back` ends their patience.
    pub async fn run(self: Arc<Self>, tracker: TaskTracker, stop: CancellationToken, hand_back: CancellationToken) {
        loop {
            let slot = tokio::select! {
                () = stop.cancelled() => return,
                slot = self.slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            match self.store.claim_task(std::process::id(), self.clock.now()).await {
                Ok(Some(task)) => {
                    let worker = self.clone();
                    let hand_back = hand_back.clone();
                    tracker.spawn(async move {
                        worker.work(task, hand_back).await;
                        drop(slot);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::error!("the queue cannot be read: {error:?}"),
            }
            drop(slot);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn work(&self, task: TaskRow, hand_back: CancellationToken) {
        let task_id = task.id();
        let cancel = CancellationToken::new();
        self.lock().insert(task_id, cancel.clone());
        // A cancellation between the claim and the line above is in the row.
        let row = self.store.task(task_id).await;
        if row.ok().flatten().is_some_and(|row| row.cancel_requested == 1) {
            cancel.cancel();
        }
        // A panic ends its own task, not the slot and not the service.
        let run =
            AssertUnwindSafe(patiently(self.pipeline.execute(task.clone(), cancel, hand_back).boxed())).catch_unwind();
        if run.await.is_err() {
            tracing::error!(task.id = %task_id, "task {task_id}: a stage panicked");
            self.pipeline.end_after_panic(&task).await;
        }
        self.lock().remove(&task_id);
    }

    /// Signals a task under way; `false` when it is not here.
    pub(super) fn signal_cancel(&self, task_id: TaskId) -> bool {
        match self.lock().get(&task_id) {
            Some(cancel) => {
                cancel.cancel();
                true
            }
            None => false,
        }
    }

    /// How many tasks are under way.
    pub fn under_way(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, CancellationToken>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

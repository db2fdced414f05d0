//! What follows a push without holding it up: Harbor's scan, and the list of what is installed.
//!
//! The task has ended and its callback is on the way before any of this begins; whatever comes of it changes neither. A
//! push in the last moments of a service is not followed.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sbom::Sboms;
use crate::scan::Scans;
use crate::settings::BuildSection;
use crate::store::{Store, TaskRow};
use crate::task::TaskId;

/// Pushes that are followed at the same time.
const AT_ONCE: usize = 4;

/// Follows pushes.
pub struct Aftermath {
    /// The database.
    pub store: Arc<Store>,
    /// Harbor's scans.
    pub scans: Arc<Scans>,
    /// Lists of what is installed.
    pub sboms: Arc<Sboms>,
    /// Which of it is wanted.
    pub settings: BuildSection,
}

impl Aftermath {
    /// Follows each push that is told, until `stop`; what it begins is joined by `tracker`.
    pub async fn run(self, mut pushes: UnboundedReceiver<TaskId>, tracker: TaskTracker, stop: CancellationToken) {
        let (aftermath, slots) = (Arc::new(self), Arc::new(Semaphore::new(AT_ONCE)));
        loop {
            let task_id = tokio::select! {
                () = stop.cancelled() => return,
                told = pushes.recv() => match told {
                    Some(task_id) => task_id,
                    None => return,
                },
            };
            let (aftermath, slots, stop) = (Arc::clone(&aftermath), Arc::clone(&slots), stop.clone());
            tracker.spawn(async move {
                let following = async {
                    let _slot = slots.acquire().await;
                    aftermath.follow(task_id).await;
                };
                tokio::select! {
                    () = following => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }

    async fn follow(&self, task_id: TaskId) {
        let task = match self.store.task(task_id).await {
            Ok(Some(task)) => task,
            // Deleted in this moment.
            Ok(None) => return,
            Err(error) => {
                return tracing::warn!(task.id = %task_id, "what task {task_id} pushed is not looked at: {error}");
            }
        };
        let scan = async {
            if self.settings.harbor_scan {
                self.scans.request(&task).await;
            }
        };
        tokio::join!(scan, self.list(&task));
    }

    async fn list(&self, task: &TaskRow) {
        if self.settings.sbom
            && let Err(error) = self.sboms.of(task).await
        {
            tracing::warn!(task.id = %task.id(), "no SBOM of task {} yet, the first GET tries again: {error}", task.id());
        }
    }
}

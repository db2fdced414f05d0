//! Ends tasks whose stage holds its thread.
//!
//! A stage that gives its thread back ends itself by its limits. One that does not keeps others from running too: its
//! thread may be the one that looked at sockets and timers for the rest. So the watchdog has a thread and a small runtime
//! of its own, and it wakes the large one now and then. Where every thread is held, an end is stored once one is let go.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::worker::{Stuck, Worker};
use crate::cause::Cause;
use crate::explanation::Said;
use crate::store::patiently;

const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// What a disk that hangs may cost a stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);

/// The watchdog's thread; it ends when this is dropped.
pub struct Watchdog {
    stop: DropGuard,
    thread: JoinHandle<()>,
}

impl Watchdog {
    /// Starts it for a worker, whose runtime is the one that this is called on.
    pub fn start(worker: Arc<Worker>) -> io::Result<Self> {
        let (stop, watched) = (CancellationToken::new(), Handle::current());
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let watching = watch(worker, watched, stop.clone());
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || run(runtime, watching))?;
        Ok(Self { stop: stop.drop_guard(), thread })
    }

    /// Ends it and waits for that.
    pub async fn end(self) {
        drop(self.stop);
        if tokio::task::spawn_blocking(move || self.thread.join()).await.is_ok_and(|ended| ended.is_err()) {
            tracing::error!("the watchdog panicked");
        }
    }
}

fn run(runtime: Runtime, watching: impl Future<Output = ()>) {
    runtime.block_on(watching);
    runtime.shutdown_timeout(STOPPED_WITHIN);
}

async fn watch(worker: Arc<Worker>, watched: Handle, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOKED_EVERY)).await.is_some() {
        for stuck in worker.take_stuck() {
            // Each for itself: a database that refuses one end for a while must not keep the others waiting.
            tokio::spawn(give_up(worker.clone(), stuck));
        }
        // A task from outside wakes a thread that sleeps, and that one then looks at sockets and timers.
        drop(watched.spawn(async {}));
    }
}

/// Tells the end of a task whose work was broken off, and frees its slot and its turn.
async fn give_up(worker: Arc<Worker>, Stuck { task, stage, grace }: Stuck) {
    let (task_id, pipeline) = (task.id(), worker.pipeline());
    tracing::error!(task.id = %task_id, "task {task_id} is stuck in {stage}: the watchdog gives it up");
    pipeline.metrics.stage_stuck(stage);
    let said = Said::StageStuck { stage: stage.to_string(), seconds: grace.as_secs() };
    patiently(pipeline.abort_broken(&task, Some(stage), Cause::Timeout, said)).await;
    worker.forget(task_id);
}

//! One task under way, and the wrapper around each of its stages.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::failure::{RunEnd, StageFailure};
use super::watch::StageWatch;
use crate::cause::Cause;
use crate::clock::Clock;
use crate::engine::EngineError;
use crate::explanation::Said;
use crate::metrics::Metrics;
use crate::progress::{EventBody, Feed};
use crate::request::BuildRequest;
use crate::site::{DockerServer, Harbor};
use crate::store::{PassedStage, Store, StoreError, TaskRow};
use crate::task::{StageName, TaskId, TaskState};

const MIRROR_RETRIES: u32 = 2;
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(2);

/// An error that tells whether trying again may help.
pub trait Transient: std::fmt::Display {
    /// Its cause.
    fn cause(&self) -> Cause;
}

impl Transient for StageFailure {
    fn cause(&self) -> Cause {
        self.cause
    }
}

impl Transient for EngineError {
    fn cause(&self) -> Cause {
        self.cause
    }
}

/// One task under way.
pub struct Run {
    /// The task.
    pub task: TaskRow,
    /// What is to be built.
    pub request: BuildRequest,
    /// The Harbor it runs with.
    pub harbor: Arc<Harbor>,
    /// The Docker server it runs on.
    pub docker: Arc<DockerServer>,
    /// The task's directory.
    pub directory: PathBuf,
    /// Its journal and logs.
    pub feed: Feed,
    /// Fires when somebody cancels the task.
    pub cancel: CancellationToken,
    /// Fires when the service stops and no longer waits.
    pub hand_back: CancellationToken,
    /// When the task must be through.
    pub deadline: Instant,
    /// How long a pull or a push may show no sign of life; a build counts for itself.
    pub idle_limit: Duration,
    /// Where its watchdog looks.
    pub watch: Arc<StageWatch>,
    /// Further tries of a transient failure.
    pub retries: u32,
    /// The database.
    pub store: Arc<Store>,
    /// The clock of records.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The stage that went well last, until the next one stores both: each commit costs all tasks a turn.
    pub(super) passed: Mutex<Option<PassedStage>>,
}

impl Run {
    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// Leads one stage: record, state, events, span, time limit, cancellation. The work itself knows none of them.
    pub async fn stage<T>(
        &self,
        stage: StageName,
        enter: Option<(TaskState, TaskState)>,
        pass: Option<(TaskState, TaskState)>,
        limit: Duration,
        work: impl Future<Output = Result<T, StageFailure>>,
    ) -> Result<T, RunEnd> {
        let failed = |failure: StageFailure| RunEnd::Failed(stage, failure);
        let id = self.id();
        let begun = self.store.begin_stage(id, self.passed(), stage, enter, self.clock.now()).await;
        begun.map_err(|error| failed(error.into()))?;
        self.set_passed(None);
        self.feed.write(EventBody::Stage { stage, status: "running".to_owned() });
        if let Some((_, state)) = enter {
            self.feed.write(EventBody::State { state });
        }
        let span = tracing::info_span!("stage", stage = %stage);
        let began = Instant::now();
        self.watch.enter(stage, (began + limit).min(self.deadline));
        let outcome = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(RunEnd::Cancelled(stage)),
            () = self.hand_back.cancelled() => Err(RunEnd::HandedBack),
            () = tokio::time::sleep_until(self.deadline) => {
                Err(RunEnd::TimedOut(stage))
            }
            () = tokio::time::sleep(limit) => {
                let said = Said::StageTimeout { stage: stage.to_string(), seconds: limit.as_secs() };
                Err(failed(StageFailure::new(Cause::Timeout, said)))
            }
            () = self.silence(stage) => {
                let said = Said::StageSilent { stage: stage.to_string(), seconds: self.idle_limit.as_secs() };
                Err(failed(StageFailure::new(Cause::IdleTimeout, said)))
            }
            outcome = work.instrument(span) => outcome.map_err(failed),
        };
        self.watch.leave();
        // A stage that is handed back did not end: it begins anew.
        if !matches!(outcome, Err(RunEnd::HandedBack)) {
            self.metrics.stage_ended(stage, outcome.is_ok(), began.elapsed());
        }
        match &outcome {
            Ok(_) => {
                if let Some((from, to)) = pass {
                    let passed = PassedStage { stage, from, to, time: self.clock.now() };
                    self.set_passed(Some(passed));
                    self.feed.write(EventBody::Stage { stage, status: "success".to_owned() });
                    self.feed.write(EventBody::State { state: to });
                }
            }
            Err(end) => {
                if let RunEnd::Failed(_, failure) = end {
                    self.feed.log(stage, format!("FAILED ({}): {failure}", failure.cause));
                }
                self.feed.write(EventBody::Stage { stage, status: "fail".to_owned() });
            }
        }
        outcome
    }

    /// Stores that the last stage went well, where no next one does it.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let Some(passed) = self.passed() else { return Ok(()) };
        self.store.pass_stage(self.id(), passed).await
    }

    fn passed(&self) -> Option<PassedStage> {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_passed(&self, passed: Option<PassedStage>) {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) = passed;
    }

    /// Waits until a transfer has shown no sign of life for too long. The daemon tells of every byte of it; a stage that
    /// waits for something else is bounded by its own limit.
    async fn silence(&self, stage: StageName) {
        if !matches!(stage, StageName::Pull | StageName::Push) {
            std::future::pending::<()>().await;
        }
        loop {
            let left = self.idle_limit.saturating_sub(self.feed.silent_for());
            // A build counts its silence by itself, also one that a push had to fall back to.
            if left.is_zero() && !self.watch.is_building() {
                return;
            }
            tokio::time::sleep(left.max(Duration::from_millis(100))).await;
        }
    }

    /// Repeats work while it fails with a transient cause, with growing pauses.
    pub async fn retrying<T, E, F>(&self, stage: StageName, mut work: impl FnMut() -> F) -> Result<T, E>
    where
        E: Transient,
        F: Future<Output = Result<T, E>>,
    {
        let mut delay = FIRST_RETRY_DELAY;
        for attempt in 1..=self.retries {
            match work().await {
                // A mirror that cannot be reached is wrong more often than it is down: people wait for that answer.
                Err(error) if error.cause() == Cause::MirrorUnreachable && attempt > MIRROR_RETRIES => {
                    return Err(error);
                }
                Err(error) if error.cause().is_transient() => {
                    let left = self.retries + 1 - attempt;
                    self.feed.log(
                        stage,
                        format!("{}: {} - trying again in {} s, {left} more", error.cause(), error, delay.as_secs()),
                    );
                    tokio::time::sleep(delay).await;
                    delay *= 3;
                }
                outcome => return outcome,
            }
        }
        work().await
    }
}

//! A task's way: pull → check → prepare → build → push.
//!
//! `stages` below is the page to read: each stage takes what the one before it made. What surrounds a stage (record, log,
//! limits, cancellation) is in `run`; what a stage does is in the file of its name. The end of a task, its image of record
//! and its callback are one transaction.

mod build;
mod check;
mod failure;
mod files;
mod inspection;
mod layering;
mod needs;
mod options;
mod passwords;
mod pins;
mod prepare;
mod pull;
mod push;
mod recovery;
mod registries;
mod reuse;
mod run;
mod watch;
mod workspace;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use check::Checked;
pub use failure::{RunEnd, StageFailure};
pub use files::find_files;
pub use inspection::{InspectionError, Inspections};
pub use needs::stands_for;
pub use passwords::KeptPasswords;
pub use pins::{PinHold, PinsInUse};
pub use prepare::preview_recipe;
pub use registries::Registries;
pub use reuse::BuildsUnderWay;
pub use run::Run;
pub use watch::StageWatch;
pub use workspace::{REQUEST_FILE, Workspaces};

use push::PushedImage;

use crate::callback::{self, CallbackService};
use crate::catalogue::Catalogue;
use crate::cause::Cause;
use crate::clock::{Clock, Moment};
use crate::disk::Disks;
use crate::explanation::Said;
use crate::language::{Language, explain};
use crate::metrics::Metrics;
use crate::progress::{EventBody, Feeds};
use crate::request::BuildRequest;
use crate::secret::{PlatformCipher, Sealer};
use crate::settings::Settings;
use crate::site::Site;
use crate::store::{Failure, ImageType, NewDelivery, NewImage, Store, StoreError, TaskRow};
use crate::task::{StageName, TaskId, TaskState};

/// What requests are sealed for.
pub const REQUEST_PURPOSE: &str = "task_request";

const RECORD_RETRY: Duration = Duration::from_secs(2);

/// What every task needs.
pub struct Pipeline {
    /// The database.
    pub store: Arc<Store>,
    /// The site's configuration.
    pub site: Arc<Site>,
    /// Mirrors and installers.
    pub catalogue: Arc<Catalogue>,
    /// Opens sealed requests.
    pub sealer: Arc<Sealer>,
    /// The platform's cipher.
    pub cipher: Arc<PlatformCipher>,
    /// Journals and logs of running tasks.
    pub feeds: Arc<Feeds>,
    /// Kept inspections.
    pub inspections: Arc<Inspections>,
    /// Task directories.
    pub workspaces: Arc<Workspaces>,
    /// Direct access to our Harbor.
    pub registries: Arc<Registries>,
    /// Who makes which image at the moment.
    pub builds: Arc<BuildsUnderWay>,
    /// Names of ours on the Docker server that tasks need at the moment.
    pub pins: PinsInUse,
    /// Settings.
    pub settings: Arc<Settings>,
    /// The clock of records.
    pub clock: Arc<dyn Clock>,
    /// The outbox.
    pub callbacks: Arc<CallbackService>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The disks that fill up.
    pub disks: Arc<Disks>,
    /// Where each task is told that has pushed its image, once its end is stored.
    pub pushes: UnboundedSender<TaskId>,
}

/// What a task that went well leaves.
struct Pushed {
    image: PushedImage,
    interaction: String,
}

impl Pipeline {
    /// Leads a claimed task to its end, or back into the queue when the service stops.
    pub async fn execute(
        &self,
        task: TaskRow,
        cancel: CancellationToken,
        hand_back: CancellationToken,
        watch: Arc<StageWatch>,
    ) {
        let task_id = task.id();
        tracing::info!(task.id = %task_id, "task {task_id} started: {} from {}", task.target_image_name, task.base_image_name);
        let run = match self.open(task.clone(), cancel, hand_back, watch).await {
            Ok(run) => run,
            Err(failure) => {
                let end = RunEnd::Failed(StageName::Pull, failure);
                self.finish_unwell(&task, end).await;
                return;
            }
        };
        match self.stages(&run).boxed().await {
            Ok(pushed) => self.finish_well(&run, pushed).await,
            Err(end) => {
                // What cannot be stored now has not passed: its row says so when the end is stored.
                if let Err(error) = run.settle().await {
                    tracing::warn!(task.id = %task_id, "the last stage of task {task_id} cannot be stored: {error:?}");
                }
                let task = run.task.clone();
                drop(run);
                self.finish_unwell(&task, end).await;
            }
        }
    }

    /// The stages of a task, each from what the one before it made.
    async fn stages(&self, run: &Run) -> Result<Pushed, RunEnd> {
        use TaskState as S;
        let limits = &self.settings.limits;
        let seconds = Duration::from_secs;
        let base = run
            .stage(
                StageName::Pull,
                None,
                Some((S::Started, S::PullSuccess)),
                seconds(limits.pull_seconds),
                pull::pull(self, run).boxed(),
            )
            .await?;
        let checked = run
            .stage(
                StageName::Check,
                None,
                Some((S::PullSuccess, S::CheckSuccess)),
                // The probe has its own limit; this one bounds a daemon that hangs.
                seconds(limits.inspect_seconds * 2),
                check::check(self, run, base).boxed(),
            )
            .await?;
        let prepared = run
            .stage(
                StageName::Prepare,
                None,
                Some((S::CheckSuccess, S::PrepareSuccess)),
                seconds(limits.inspect_seconds * 2),
                prepare::prepare(self, run, checked),
            )
            .await?;
        let made = run
            .stage(
                StageName::Build,
                Some((S::PrepareSuccess, S::Building)),
                Some((S::Building, S::BuildSuccess)),
                // Waiting for another task with the same request may take as long as its build.
                seconds(limits.build_seconds.saturating_mul(2)),
                build::make(self, run, &prepared).boxed(),
            )
            .await?;
        build::check_size(&made.built, self.settings.build.max_image_size_gb).map_err(RunEnd::TooLarge)?;
        // What the registry does not put together after all is built within the push.
        let build_seconds = if made.kept.is_some() { limits.build_seconds } else { 0 };
        let image = run
            .stage(
                StageName::Push,
                Some((S::BuildSuccess, S::CheckImageSizeSuccess)),
                None,
                seconds(limits.push_seconds.saturating_add(build_seconds)),
                push::push(self, run, &prepared, &made).boxed(),
            )
            .await?;
        Ok(Pushed { image, interaction: prepared.recipe.interaction })
    }

    async fn open(
        &self,
        task: TaskRow,
        cancel: CancellationToken,
        hand_back: CancellationToken,
        watch: Arc<StageWatch>,
    ) -> Result<Run, StageFailure> {
        let (request, _) = self.stored_request(&task).await?;
        let harbor = self.site.harbor().await?;
        let docker = self.site.docker_server().await?;
        self.store.set_task_configuration(task.id(), harbor.row_id, docker.row_id).await?;
        let directory = self.workspaces.directory(&task.work_dir_name);
        let unwritable = |error| StageFailure::unwritable("the task's directory cannot be written", &error);
        self.workspaces.restore(&task.work_dir_name).await.map_err(unwritable)?;
        let feed = self.feeds.open(task.id(), &directory, self.clock.clone()).await.map_err(unwritable)?;
        if task.interruptions > 0 {
            feed.write(EventBody::Interrupted);
        }
        feed.write(EventBody::State { state: TaskState::Started });
        Ok(Run {
            request,
            harbor,
            docker,
            directory,
            feed,
            cancel,
            hand_back,
            deadline: Instant::now() + Duration::from_secs(self.settings.limits.task_seconds),
            idle_limit: Duration::from_secs(self.settings.limits.idle_seconds),
            watch,
            retries: self.settings.build.transient_retries,
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            passed: std::sync::Mutex::default(),
            task,
        })
    }

    /// The request of a task, read again from its document, and the passwords that were kept apart from it.
    pub async fn stored_request(&self, task: &TaskRow) -> Result<(BuildRequest, KeptPasswords), StageFailure> {
        let gone =
            || StageFailure::new(Cause::Internal, Said::Internal { what: "the task's record is gone".to_owned() });
        let document = self.store.request_document(task.id()).await?.ok_or_else(gone)?;
        let sealed = self.store.sealed_request(task.id()).await?.ok_or_else(gone)?;
        let opened = self.sealer.open(REQUEST_PURPOSE, &sealed);
        let opened = opened.map_err(|error| StageFailure::internal("the task's passwords cannot be opened", &error))?;
        let kept = KeptPasswords::from_json(&opened);
        let request = BuildRequest::parse_saved(document.as_bytes(), kept.ssh.clone(), kept.jupyter.clone());
        let request = request.map_err(|error| StageFailure::internal("the task's request cannot be read", &error))?;
        Ok((request, kept))
    }

    async fn finish_well(&self, run: &Run, pushed: Pushed) {
        let target = &run.request.target;
        let image = NewImage {
            task_id: run.id().0,
            full_name: run.task.target_image_name.clone(),
            name: target.name(),
            name_key: run.task.target_key.clone(),
            tag: target.tag_or_latest().to_owned(),
            image_id: pushed.image.image_id.hex().to_owned(),
            digest: pushed.image.digest.to_string(),
            image_type: ImageType::Customized,
            description: run.task.description.clone(),
            size_bytes: i64::try_from(pushed.image.size_bytes).unwrap_or(i64::MAX),
            interaction: pushed.interaction,
        };
        if let Some(content) = &pushed.image.content
            && let Err(error) = self.store.record_content(content).await
        {
            tracing::warn!(task.id = %run.id(), "no later build can go on from task {}: {error}", run.id());
        }
        run.feed.write(EventBody::Stage { stage: StageName::Push, status: "success".to_owned() });
        run.feed.write(EventBody::State { state: TaskState::PushSuccess });
        self.record_end(&run.task, TaskState::PushSuccess, None, Some(&image)).await;
        run.feed.write(EventBody::End { state: TaskState::PushSuccess, cause: None, explanation: None });
        self.feeds.close(run.id());
        // Nobody listens any more while the service stops.
        let _ = self.pushes.send(run.id());
        tracing::info!(task.id = %run.id(), "task {} pushed {target}, digest {}", run.id(), pushed.image.digest);
    }

    async fn finish_unwell(&self, task: &TaskRow, end: RunEnd) {
        let task_id = task.id();
        let Some((state, failure)) = end.into_failure() else {
            tracing::warn!(task.id = %task_id, "task {task_id} goes back into the queue because the service stops");
            if let Err(error) = self.store.requeue_task(task_id, self.clock.now()).await {
                tracing::error!(task.id = %task_id, "task {task_id} stays as it is until the next start: {error}");
            }
            self.feeds.close(task_id);
            return;
        };
        let words = explain(&failure.explanation, Some(failure.cause), Language::English);
        tracing::warn!(task.id = %task_id, "task {task_id} ended in {state}: {} - {words}", failure.cause);
        self.record_end(task, state, Some(&failure), None).await;
        self.tell_end(task, state, &failure).await;
    }

    /// Ends a task that no worker has taken yet; `false` when one has. Until its end is stored it waits as before.
    pub async fn abort_waiting(&self, task: &TaskRow) -> bool {
        let Some((state, mut failure)) = RunEnd::Cancelled(StageName::Pull).into_failure() else { return false };
        failure.stage = None;
        self.end_waiting(task, state, &failure).await
    }

    /// Ends a waiting task that restarts of ours interrupt again and again, so that it cannot hold up the queue for ever.
    pub async fn abort_restless(&self, task: &TaskRow) -> bool {
        let failure = Failure {
            cause: Cause::Internal,
            stage: None,
            explanation: Said::Restless { interruptions: task.interruptions }.into(),
            failed_step: None,
            last_lines: Vec::new(),
        };
        self.end_waiting(task, TaskState::BuildAbort, &failure).await
    }

    async fn end_waiting(&self, task: &TaskRow, state: TaskState, failure: &Failure) -> bool {
        let delivery = report(task, state, Some(failure));
        let end = |now| self.store.end_waiting_task(task.id(), state, failure, delivery.as_ref(), now);
        let has_ended = self.until_stored(task, state, Some(failure), end).await;
        if has_ended {
            self.tell_end(task, state, failure).await;
        }
        has_ended
    }

    /// Ends a task whose work was given up from outside: it hung beyond every limit, or it panicked.
    pub async fn abort_broken(&self, task: &TaskRow, stage: Option<StageName>, cause: Cause, said: Said) {
        let state = stage.map_or(TaskState::BuildAbort, StageName::failed_state);
        let failure = Failure { cause, stage, explanation: said.into(), failed_step: None, last_lines: Vec::new() };
        self.record_end(task, state, Some(&failure), None).await;
        self.tell_end(task, state, &failure).await;
    }

    /// The present moment of records.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    async fn record_end(&self, task: &TaskRow, state: TaskState, failure: Option<&Failure>, image: Option<&NewImage>) {
        let delivery = report(task, state, failure);
        let end = |now| self.store.end_task(task.id(), state, failure, image, delivery.as_ref(), now);
        self.until_stored(task, state, failure, end).await;
    }

    /// Stores a task's end, however long the database refuses: an end that is not stored never happened. `false` when
    /// the task had ended already, or does not wait any more.
    async fn until_stored<F: Future<Output = Result<bool, StoreError>>>(
        &self,
        task: &TaskRow,
        state: TaskState,
        failure: Option<&Failure>,
        end: impl Fn(Moment) -> F,
    ) -> bool {
        let cause = failure.map(|failure| failure.cause);
        let has_ended_now = loop {
            let now = self.clock.now();
            match end(now).await {
                Ok(has_ended_now) => {
                    if has_ended_now {
                        self.metrics.task_ended(state, cause, now.millis_since(Moment(task.create_time)));
                    }
                    break has_ended_now;
                }
                Err(error) => {
                    tracing::error!(task.id = %task.id(), "the end of task {} cannot be stored, trying again: {error:?}", task.id());
                    tokio::time::sleep(RECORD_RETRY).await;
                }
            }
        };
        self.callbacks.wake();
        has_ended_now
    }

    /// Writes the end into the journal for those who watch.
    async fn tell_end(&self, task: &TaskRow, state: TaskState, failure: &Failure) {
        let directory = self.workspaces.directory(&task.work_dir_name);
        if let Ok(feed) = self.feeds.open(task.id(), &directory, self.clock.clone()).await {
            feed.write(EventBody::State { state });
            feed.write(EventBody::End {
                state,
                cause: Some(failure.cause),
                explanation: Some(failure.explanation.clone()),
            });
        }
        self.feeds.close(task.id());
    }
}

/// The callback of a task's end, when somebody wants one.
fn report(task: &TaskRow, state: TaskState, failure: Option<&Failure>) -> Option<NewDelivery> {
    let cause = failure.map(|failure| failure.cause);
    callback::report(task.id(), &task.target_image_name, state, cause, &task.callback_url)
}

//! Accepting tasks: everything that can be refused is refused here, at once and with a reason.

use std::sync::Arc;

use super::order::{QueueOrder, queue_positions};
use super::repetition::StoredRequest;
use super::worker::Worker;
use crate::callback::RefusedAddress;
use crate::catalogue::{CatalogueError, Installers};
use crate::disk::LowDisk;
use crate::image::{ImageConfig, ImageDescriptor, ImageReference};
use crate::language::Message;
use crate::pipeline::{
    Checked, InspectionError, KeptPasswords, Pipeline, REQUEST_PURPOSE, StageFailure, find_files, preview_recipe,
};
use crate::recipe::{RecipeError, Remark, named_files, needed_files};
use crate::request::{BuildRequest, RequestError, redacted_document};
use crate::secret::SecretError;
use crate::site::{DockerServer, Harbor, SiteError};
use crate::store::{Admission, NewTask, Store, StoreError, TaskRow};
use crate::task::TaskId;

/// A build request as it comes in.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// The JSON document, in either shape.
    pub body: Vec<u8>,
    /// Who submits it; empty in open mode.
    pub owner: String,
    /// Key under which a repetition of the same request finds the same task.
    pub idempotency_key: Option<String>,
}

/// An accepted task.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its row.
    pub task: TaskRow,
    /// The base's inspection, when the base is on the daemon already.
    pub descriptor: Option<ImageDescriptor>,
    /// How many tasks wait before it.
    pub queue_position: i64,
}

/// What a request would build.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The Dockerfile.
    pub dockerfile: String,
    /// What was chosen, and why.
    pub plan: Vec<Message>,
    /// What the requester should know.
    pub warnings: Vec<Message>,
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The document.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The site is not configured, or its Docker server cannot be reached.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A mirror or installer file is missing.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The request cannot be met on this base, such as a mirror file of another release.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The callback's receiver may not be called.
    #[error(transparent)]
    Callback(#[from] RefusedAddress),
    /// An image of record has the target's name.
    #[error("an image named {0} exists")]
    ImageExists(String),
    /// An unfinished task has the target's name.
    #[error("task {task_id} builds {image_name} already")]
    TargetInUse {
        /// The name.
        image_name: String,
        /// The task.
        task_id: TaskId,
        /// Whose it is.
        owner: String,
    },
    /// The idempotency key came with another request before.
    #[error("the idempotency key belongs to another request")]
    KeyReused {
        /// The task of that request, absent when it is another user's.
        task_id: Option<TaskId>,
    },
    /// A disk is below its watermark.
    #[error("the disk '{}' has {} bytes free and needs {}", .0.name, .0.free_bytes, .0.needed_bytes)]
    DiskLow(LowDisk),
    /// Too many tasks wait.
    #[error("{limit} tasks are unfinished, which is the limit")]
    QueueFull {
        /// The limit.
        limit: u64,
        /// How many tasks would go before this one.
        position: i64,
    },
    /// Too many tasks of this user wait.
    #[error("{limit} tasks of {queue_user} are unfinished, which is the limit")]
    UserLimit {
        /// The user.
        queue_user: String,
        /// The limit.
        limit: u64,
        /// How many tasks would go before this one.
        position: i64,
    },
    /// No such task, or it still runs.
    #[error("task {0} is unknown or has not ended")]
    NotEnded(TaskId),
    /// The base cannot be inspected for a preview.
    #[error(transparent)]
    Stage(#[from] StageFailure),
    /// The base image is not on the daemon, which a preview needs.
    #[error("{0} is not on the Docker server; pull it first")]
    BaseAbsent(ImageReference),
    /// The task's directory.
    #[error("the task's directory cannot be written")]
    Directory(#[source] std::io::Error),
    /// Sealing.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accepts requests.
pub struct Submissions {
    pipeline: Arc<Pipeline>,
    worker: Arc<Worker>,
}

impl Submissions {
    /// Accepts for this pipeline and wakes this worker.
    pub fn new(pipeline: Arc<Pipeline>, worker: Arc<Worker>) -> Self {
        Self { pipeline, worker }
    }

    /// Accepts a request. The row is on disk before this returns.
    pub async fn submit(&self, submission: &Submission) -> Result<Accepted, SubmitError> {
        let pipeline = &self.pipeline;
        let request = self.well_formed(&submission.body)?;
        pipeline.site.require_configured()?;
        let request = request?;
        let document = redacted_document(&submission.body).unwrap_or_default().to_string();
        let kept = KeptPasswords::of(&request);
        if let Some(task) = self.repeated(submission, &document, &kept).await? {
            let queue_position = position(&pipeline.store, &task).await?;
            return Ok(Accepted { task, descriptor: None, queue_position });
        }
        self.accept(&request, document, &kept, submission, None).await
    }

    /// The task that this very request made under its key. A key of another request, or of another user, is refused.
    async fn repeated(
        &self,
        submission: &Submission,
        document: &str,
        kept: &KeptPasswords,
    ) -> Result<Option<TaskRow>, SubmitError> {
        let Pipeline { store, sealer, .. } = self.pipeline.as_ref();
        let Some(key) = &submission.idempotency_key else { return Ok(None) };
        let Some(task) = store.task_by_idempotency_key(key).await? else { return Ok(None) };
        if task.owner != submission.owner {
            return Err(SubmitError::KeyReused { task_id: None });
        }
        let stored = store.request_document(task.id()).await?.unwrap_or_default();
        let sealed = store.sealed_request(task.id()).await?.unwrap_or_default();
        let passwords = KeptPasswords::from_json(&sealer.open(REQUEST_PURPOSE, &sealed)?);
        let first = StoredRequest { document: &stored, passwords: &passwords };
        let is_same = first.is_same(&StoredRequest { document, passwords: kept });
        if is_same { Ok(Some(task)) } else { Err(SubmitError::KeyReused { task_id: Some(task.id()) }) }
    }

    /// Builds an ended task's request again under a task of its own, which takes the place of the old one's image.
    pub async fn rebuild(&self, task_id: TaskId, owner: &str) -> Result<Accepted, SubmitError> {
        let pipeline = &self.pipeline;
        pipeline.site.require_configured()?;
        let task = pipeline.store.task(task_id).await?.filter(|task| task.task_state().is_end());
        let task = task.ok_or(SubmitError::NotEnded(task_id))?;
        let (request, kept) = pipeline.stored_request(&task).await?;
        let document = pipeline.store.request_document(task_id).await?.unwrap_or_default();
        let submission = Submission { owner: owner.to_owned(), ..Submission::default() };
        self.accept(&request, document, &kept, &submission, Some(task_id)).await
    }

    /// What a request would build; nothing is stored.
    pub async fn preview(&self, body: &[u8]) -> Result<Preview, SubmitError> {
        let pipeline = &self.pipeline;
        let request = self.well_formed(body)?;
        pipeline.site.require_configured()?;
        let request = request?;
        let harbor = pipeline.site.harbor().await?;
        let docker = pipeline.site.docker_server().await?;
        let base = docker.engine.inspect_image(&request.base.to_string()).await.map_err(SiteError::from)?;
        let base = base.ok_or_else(|| SubmitError::BaseAbsent(request.base.clone()))?;
        let described = pipeline.inspections.describe(docker.engine.as_ref(), &request.base, &base).await;
        let (descriptor, _) = described.map_err(StageFailure::from)?;
        let installers = pipeline.catalogue.installers().await?;
        let options = pipeline.recipe_options(&request, &harbor, &docker, &base, &installers).await?;
        let needed = needed_files(&request, &descriptor, &options)?;
        let files = find_files(&pipeline.catalogue, &needed).await?;
        let checked = Checked { base, descriptor, options, files };
        let recipe = preview_recipe(&request, &checked).await?;
        let remarks = |remarks: &[Remark]| remarks.iter().cloned().map(Message::Remark).collect::<Vec<_>>();
        let mut warnings = remarks(&recipe.warnings);
        if let Some(refused) =
            request.callback_url.as_ref().and_then(|url| pipeline.callbacks.check_receiver(url.url()).err())
        {
            warnings.push(Message::CallbackRefused(refused));
        }
        if harbor.account_for(&request.target).is_none() {
            warnings.push(Message::ForeignTarget { image_name: request.target.to_string() });
        }
        let admission = pipeline.store.admission("", &harbor.name_key(&request.target)).await?;
        if refuse_taken(&request.target, &admission, None).is_err() {
            warnings.push(Message::TargetInUse { image_name: request.target.to_string() });
        }
        let dockerfile = recipe.text().map_err(RecipeError::from)?;
        Ok(Preview { dockerfile, plan: remarks(&recipe.plan), warnings })
    }

    /// A wrong shape is told before anything else, what the values say only once there is a service to say it.
    fn well_formed(&self, body: &[u8]) -> Result<Result<BuildRequest, RequestError>, RequestError> {
        match BuildRequest::parse(body, &self.pipeline.cipher) {
            Err(invalid @ RequestError::Invalid(_)) => Err(invalid),
            parsed => Ok(parsed),
        }
    }

    async fn accept(
        &self,
        request: &BuildRequest,
        document: String,
        kept: &KeptPasswords,
        submission: &Submission,
        replaces: Option<TaskId>,
    ) -> Result<Accepted, SubmitError> {
        let pipeline = &self.pipeline;
        let queue_user = queue_user(&submission.owner, request);
        if let Some(url) = &request.callback_url {
            pipeline.callbacks.check_receiver(url.url())?;
        }
        let harbor = pipeline.site.harbor().await?;
        let target_key = harbor.name_key(&request.target);
        let named = named_files(request);
        // None needs another's answer. Only what costs the daemon more than a look waits until nothing is refused.
        let looks = async {
            Ok(tokio::join!(
                pipeline.store.admission(&queue_user, &target_key),
                find_files(&pipeline.catalogue, &named),
                pipeline.catalogue.installers(),
                self.present_base(request),
            ))
        };
        let room = async { pipeline.disks.low().await.map_or(Ok(()), |low| Err(SubmitError::DiskLow(low))) };
        let looked = tokio::try_join!(room, looks);
        let ((), (admission, files, installers, present)) =
            looked.inspect_err(|_| pipeline.metrics.submission_refused("disk_full"))?;
        let admission = admission?;
        self.refuse_crowd(&queue_user, &admission).await?;
        refuse_taken(&request.target, &admission, replaces)?;
        files?;
        let descriptor = match present? {
            Some((docker, base)) => self.check_present(request, &harbor, &docker, &base, &installers?).await?,
            None => None,
        };
        let (task, queue_position) = self.store(request, document, kept, submission, target_key, replaces).await?;
        tracing::info!(task.id = %task.id(), "task {} accepted: {} from {}", task.id(), request.target, request.base);
        Ok(Accepted { task, descriptor, queue_position })
    }

    /// Refuses when too many tasks wait, of all users or of this one.
    async fn refuse_crowd(&self, queue_user: &str, admission: &Admission) -> Result<(), SubmitError> {
        let Pipeline { store, settings, metrics, .. } = self.pipeline.as_ref();
        let is_full = |total: i64, limit: u64| u64::try_from(total).unwrap_or(0) >= limit;
        let (all, own) = (settings.limits.unfinished_tasks, settings.limits.unfinished_tasks_per_user);
        if is_full(admission.unfinished, all) {
            metrics.submission_refused("queue_full");
            let position = QueueOrder::new(store.queue_lines().await?).position_of_next(queue_user);
            return Err(SubmitError::QueueFull { limit: all, position });
        }
        if is_full(admission.unfinished_of_user, own) {
            metrics.submission_refused("user_limit");
            let position = QueueOrder::new(store.queue_lines().await?).position_of_next(queue_user);
            return Err(SubmitError::UserLimit { queue_user: queue_user.to_owned(), limit: own, position });
        }
        Ok(())
    }

    /// The base's configuration when the base is on the daemon.
    async fn present_base(
        &self,
        request: &BuildRequest,
    ) -> Result<Option<(Arc<DockerServer>, ImageConfig)>, SubmitError> {
        let docker = match self.pipeline.site.docker_server().await {
            Ok(docker) => docker,
            Err(SiteError::Engine(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let base = docker.engine.inspect_image(&request.base.to_string()).await;
        Ok(base.ok().flatten().map(|base| (docker, base)))
    }

    /// The inspection of a base that is on the daemon, held against the request. A base that cannot be inspected is the
    /// pipeline's to report.
    async fn check_present(
        &self,
        request: &BuildRequest,
        harbor: &Harbor,
        docker: &DockerServer,
        base: &ImageConfig,
        installers: &Installers,
    ) -> Result<Option<ImageDescriptor>, SubmitError> {
        let pipeline = &self.pipeline;
        let descriptor = match pipeline.inspections.describe(docker.engine.as_ref(), &request.base, base).await {
            Ok((descriptor, _)) => descriptor,
            Err(InspectionError::Inspect(_)) => return Ok(None),
            Err(InspectionError::Store(error)) => return Err(error.into()),
        };
        let options = pipeline.recipe_options(request, harbor, docker, base, installers).await;
        let Ok(options) = options else { return Ok(Some(descriptor)) };
        let needed = needed_files(request, &descriptor, &options)?;
        find_files(&pipeline.catalogue, &needed).await?;
        Ok(Some(descriptor))
    }

    async fn store(
        &self,
        request: &BuildRequest,
        document: String,
        kept: &KeptPasswords,
        submission: &Submission,
        target_key: String,
        replaces: Option<TaskId>,
    ) -> Result<(TaskRow, i64), SubmitError> {
        let Pipeline { store, sealer, workspaces, settings, .. } = self.pipeline.as_ref();
        let secrets_sealed = sealer.seal(REQUEST_PURPOSE, &kept.to_json())?;
        let now = self.pipeline.now();
        let work_dir_name = workspaces.create(now, &settings.fb.time_zone.0, &document).await;
        let work_dir_name = work_dir_name.map_err(SubmitError::Directory)?;
        let new = NewTask {
            name: request.task_name.clone(),
            base_image_name: request.base.to_string(),
            target_image_name: request.target.to_string(),
            target_key: target_key.clone(),
            description: request.description.clone(),
            request_document: document.clone(),
            secrets_sealed,
            work_dir_name: work_dir_name.clone(),
            callback_url: request.callback_url.as_ref().map(ToString::to_string).unwrap_or_default(),
            owner: submission.owner.clone(),
            queue_user: queue_user(&submission.owner, request),
            idempotency_key: submission.idempotency_key.clone(),
        };
        let (task, flush) = match store.insert_task(new, now).await {
            Ok(inserted) => inserted,
            Err(error) => {
                // Nothing half-done stays behind.
                let _ = workspaces.remove(&work_dir_name).await;
                if error.is_conflict() {
                    if let Some(task) = self.repeated(submission, &document, kept).await? {
                        let position = position(store, &task).await?;
                        return Ok((task, position));
                    }
                    refuse_taken(&request.target, &store.admission("", &target_key).await?, replaces)?;
                }
                return Err(error.into());
            }
        };
        let (flushed, position) = tokio::join!(flush.done(), position(store, &task));
        // On disk or not, it waits.
        self.worker.wake();
        flushed?;
        // What is accepted is answered as such, whoever cannot say where it stands.
        let position = position.inspect_err(|error| tracing::warn!("the queue cannot be read: {error:?}"));
        Ok((task, position.unwrap_or(0)))
    }
}

/// Refuses a target that an image of record or an unfinished task has. The image of the task that is replaced does not
/// count.
fn refuse_taken(target: &ImageReference, admission: &Admission, replaces: Option<TaskId>) -> Result<(), SubmitError> {
    let image_task_id = admission.image_task_id.map(TaskId);
    if image_task_id.is_some() && image_task_id != replaces {
        return Err(SubmitError::ImageExists(target.to_string()));
    }
    let Some(task_id) = admission.target_task_id.map(TaskId) else { return Ok(()) };
    let owner = admission.target_owner.clone().unwrap_or_default();
    Err(SubmitError::TargetInUse { image_name: target.to_string(), task_id, owner })
}

/// How many tasks wait before this one.
async fn position(store: &Store, task: &TaskRow) -> Result<i64, StoreError> {
    let positions = queue_positions(store, std::slice::from_ref(task)).await?;
    Ok(positions.get(&task.primary_id).copied().unwrap_or(0))
}

/// Whose turn a task counts as: whoever logged in, else the user that the request is for.
fn queue_user(owner: &str, request: &BuildRequest) -> String {
    if owner.is_empty() { request.maintainer.clone() } else { owner.to_owned() }
}

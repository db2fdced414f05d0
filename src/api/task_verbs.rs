//! Tag `task`: cancelling and deleting tasks, pulling and inspecting images.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::Query;
use super::task::{ImageNameQuery, TaskIdQuery};
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::explanation::Explanation;
use crate::image::{ImageDescriptor, ImageReference};
use crate::images::ImageError;
use crate::language::{Language, Message};
use crate::pipeline::{InspectionError, StageFailure};
use crate::queue::{CancelError, Cancelled, DeleteError, delete_task as delete_ended_task};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(cancel_task))
        .routes(routes!(delete_task))
        .routes(routes!(delete_image_by_task_id))
        .routes(routes!(pull_image))
        .routes(routes!(check_image))
}

/// An image on the daemon.
#[derive(Serialize, ToSchema)]
#[schema(title = "PulledImage")]
struct PulledView {
    /// The daemon's image id.
    image_id: String,
    /// The name that was pulled.
    target_image_name: String,
}

/// Cancel a task
///
/// One that waits has ended in `BUILD_ABORT` when this answers; one that runs is stopped at the daemon.
#[utoipa::path(post, path = "/api/fast-build/task/cancel-task", tag = "task", params(TaskIdQuery),
    responses((status = 200, body = Envelope<String>), FormErrors))]
async fn cancel_task(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<TaskIdQuery>,
) -> Answer<String> {
    state.task_of(&caller, query.task_id).await?;
    let cancelled = state.worker.cancel(query.task_id).await?;
    let task_id = query.task_id.0;
    success(match cancelled {
        Cancelled::Ended => Message::TaskCancelled { task_id }.render(language),
        Cancelled::Stopping => Message::TaskStopping { task_id }.render(language),
    })
}

/// Delete an ended task's record and directory
#[utoipa::path(delete, path = "/api/fast-build/task/delete-task-by-task-id", tag = "task", params(TaskIdQuery),
    responses((status = 200, body = Envelope<String>), FormErrors))]
async fn delete_task(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<TaskIdQuery>,
) -> Answer<String> {
    state.task_of(&caller, query.task_id).await?;
    delete_ended_task(&state.pipeline, query.task_id).await?;
    success(Message::TaskDeleted { task_id: query.task_id.0 }.render(language))
}

/// Remove a task's image from the daemon and the list
///
/// A task without an image is no failure: `data` is `true` either way.
#[utoipa::path(delete, path = "/api/fast-build/task/delete-image-by-task-id", tag = "task", params(TaskIdQuery),
    responses((status = 200, body = Envelope<bool>), FormErrors))]
async fn delete_image_by_task_id(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<TaskIdQuery>,
) -> Answer<bool> {
    let task_id = state.task_of(&caller, query.task_id).await?.id();
    let deletion = state.images.delete_of_task(task_id).await.map_err(|error| image_refusal(error, &caller))?;
    let steps: Vec<_> =
        deletion.steps.into_iter().map(|step| Message::Deletion(step).render(Language::English)).collect();
    tracing::info!(task.id = %task_id, "the image of task {task_id}: {}", steps.join("; "));
    success(true)
}

/// Pull an image to the daemon
///
/// `code` -1 for the target of a task that has not ended.
#[utoipa::path(post, path = "/api/fast-build/task/pull-image", tag = "task", params(ImageNameQuery),
    responses((status = 200, body = Envelope<PulledView>), FormErrors))]
async fn pull_image(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ImageNameQuery>,
) -> Answer<PulledView> {
    let reference = reference(&query.image_name)?;
    let config = state.images.pull(&reference).await.map_err(|error| image_refusal(error, &caller))?;
    let image_id = config.image_id.map(|id| id.to_string()).unwrap_or_default();
    success(PulledView { image_id, target_image_name: query.image_name })
}

/// Inspect an image
///
/// An image that is not on the daemon is pulled first. Inspections are kept by image id.
#[utoipa::path(post, path = "/api/fast-build/task/check-image", tag = "task", params(ImageNameQuery),
    responses((status = 200, body = Envelope<ImageDescriptor>), FormErrors))]
async fn check_image(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ImageNameQuery>,
) -> Answer<ImageDescriptor> {
    let checked = state.images.check(&reference(&query.image_name)?).await;
    success(checked.map_err(|error| image_refusal(error, &caller))?)
}

/// An image name of a query.
pub(super) fn reference(text: &str) -> Result<ImageReference, ApiError> {
    let reference = text.trim().parse().ok().filter(|reference: &ImageReference| !reference.is_reserved());
    reference.ok_or_else(|| Message::ImageNameInvalid { image_name: text.to_owned() }.into())
}

/// Names the task that needs the image to those who may see it.
pub(super) fn image_refusal(error: ImageError, caller: &Caller) -> ApiError {
    match error {
        ImageError::InUse { image, task_id, owner } if caller.sees(&owner) => {
            Message::ImageInUse { image_name: image.to_string(), task_id: task_id.0 }.into()
        }
        error => error.into(),
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Unknown(task_id) => Message::TaskUnknown { task_id: task_id.0 }.into(),
            CancelError::Ended(task_id, _) => Message::TaskEnded { task_id: task_id.0 }.into(),
            CancelError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteError> for ApiError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::Unknown(task_id) => Message::TaskUnknown { task_id: task_id.0 }.into(),
            DeleteError::Unfinished(task_id) => Message::TaskRunning { task_id: task_id.0 }.into(),
            DeleteError::Directory(..) => Self::internal(error),
            DeleteError::Store(error) => error.into(),
        }
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Name(_) => Message::ImageNameInvalid { image_name: String::new() }.into(),
            ImageError::Site(error) => error.into(),
            ImageError::Engine(error) => error.into(),
            ImageError::Inspection(InspectionError::Store(error)) | ImageError::Store(error) => error.into(),
            ImageError::Inspection(error) => {
                let failure = StageFailure::from(error);
                Message::Failed { cause: failure.cause, explanation: failure.explanation }.into()
            }
            ImageError::Unknown(image) => Message::ImageUnknown { image_name: image.to_string() }.into(),
            ImageError::UnknownTask(task_id) => Message::TaskUnknown { task_id: task_id.0 }.into(),
            ImageError::InUse { image, .. } => Message::ImageInUse { image_name: image.to_string(), task_id: 0 }.into(),
            ImageError::MovedInRegistry(image) => Message::ImageMoved { image_name: image.to_string() }.into(),
            ImageError::SharedInRegistry(image, tags) => {
                Message::ImageShared { image_name: image.to_string(), tags }.into()
            }
            ImageError::Registry(error) => {
                Message::Failed { cause: error.cause(), explanation: Explanation::quoted(error.to_string()) }.into()
            }
            ImageError::NotOurs(image) => Message::ImageNotOurs { image_name: image.to_string() }.into(),
        }
    }
}

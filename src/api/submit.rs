//! Tag `task`: building, previewing and building again.

use axum::extract::State;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::BuildRequestDocument;
use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::{JsonBytes, Query};
use super::task::TaskIdQuery;
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::engine::EngineError;
use crate::image::ImageDescriptor;
use crate::language::{Language, Message};
use crate::queue::{Accepted, Submission, SubmitError};
use crate::request::{Location, RequestError, ValidationError};
use crate::site::SiteError;

const IDEMPOTENCY_HEADER: &str = "idempotency-key";
const MAX_IDEMPOTENCY_BYTES: usize = 200;
const QUEUE_FULL_RETRY_SECONDS: u32 = 30;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(build_image))
        .routes(routes!(preview_dockerfile))
        .routes(routes!(rebuild_task))
}

/// An accepted task.
#[derive(Serialize, ToSchema)]
#[schema(title = "AcceptedTask")]
struct AcceptedView {
    /// Task number.
    #[schema(example = 1_795_229_647_053_i64)]
    task_id: i64,
    /// Name that the client gave.
    task_name: String,
    /// Where the end is reported; may be empty.
    callback_url: String,
    /// Target image.
    target_image_name: String,
    /// Description that the client gave.
    target_image_desc: String,
    /// Base image.
    base_image_name: String,
    /// What is in the base; `null` when it must be pulled first.
    image_descriptor: Option<ImageDescriptor>,
    /// Name of the task's directory, the one in URLs.
    work_dir_name: String,
    /// Directory of the task.
    task_work_dir: String,
    /// State at the answer.
    state: String,
    /// How many tasks wait before this one.
    queue_position: i64,
    /// Where its events open without a token, for a while; only where callers must show one.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_url: Option<String>,
}

impl AcceptedView {
    fn new(accepted: Accepted, state: &AppState) -> Self {
        let task = accepted.task;
        let directory = state.pipeline.workspaces.directory(&task.work_dir_name);
        Self {
            events_url: state.events_url(task.task_id),
            task_id: task.task_id,
            task_name: task.name,
            callback_url: task.callback_url,
            target_image_name: task.target_image_name,
            target_image_desc: task.description,
            base_image_name: task.base_image_name,
            image_descriptor: accepted.descriptor,
            task_work_dir: directory.to_string_lossy().into_owned(),
            work_dir_name: task.work_dir_name,
            state: task.state,
            queue_position: accepted.queue_position,
        }
    }
}

/// What a request would build.
#[derive(Serialize, ToSchema)]
#[schema(title = "Preview")]
struct PreviewView {
    /// The Dockerfile.
    dockerfile: String,
    /// What was chosen, and why.
    plan: Vec<String>,
    /// What the requester should know.
    warnings: Vec<String>,
}

/// Build an image and push it
///
/// Answers at once; the end is reported to the callback URL. Both shapes of the request are accepted. A repetition with
/// the same `Idempotency-Key` finds the same task; another request under it is `code` -1.
#[utoipa::path(post, path = "/api/fast-build/task/build-image", tag = "task",
    params(("Idempotency-Key" = Option<String>, Header, description = "Key under which a repetition finds the same task.", max_length = 200)),
    request_body(content = BuildRequestDocument, content_type = "application/json",
        example = json!(super::document::build_request_example())),
    responses((status = 200, body = Envelope<AcceptedView>), (status = 429, body = Envelope<Value>), FormErrors))]
async fn build_image(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    JsonBytes(body): JsonBytes,
) -> Answer<AcceptedView> {
    let idempotency_key = idempotency_key(&headers)?.map(|key| caller.own_key(key));
    let submission = Submission { body: body.to_vec(), owner: caller.user.clone(), idempotency_key };
    let accepted = state.submissions.submit(&submission).await.map_err(|error| refusal(error, &caller))?;
    success(AcceptedView::new(accepted, &state))
}

/// The key of a repeatable submission; absent and empty mean none.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_HEADER).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if key.len() <= MAX_IDEMPOTENCY_BYTES => Ok(Some(key.to_owned())),
        _ => {
            let location = Location::header().field(IDEMPOTENCY_HEADER);
            let text = "must be visible ASCII, at most 200 characters";
            Err(ApiError::Invalid(vec![ValidationError::new(location, text, "value_error")]))
        }
    }
}

/// Show the Dockerfile of a request
///
/// Nothing is built and nothing is stored.
#[utoipa::path(post, path = "/api/fast-build/task/preview-dockerfile", tag = "task",
    request_body(content = BuildRequestDocument, content_type = "application/json",
        example = json!(super::document::build_request_example())),
    responses((status = 200, body = Envelope<PreviewView>), FormErrors))]
async fn preview_dockerfile(
    State(state): State<AppState>,
    language: Language,
    JsonBytes(body): JsonBytes,
) -> Answer<PreviewView> {
    let preview = state.submissions.preview(&body).await?;
    let words = |messages: Vec<Message>| messages.iter().map(|message| message.render(language)).collect();
    success(PreviewView {
        dockerfile: preview.dockerfile,
        plan: words(preview.plan),
        warnings: words(preview.warnings),
    })
}

/// Build an ended task's request again
///
/// The new task takes the place of the old one's image.
#[utoipa::path(post, path = "/api/fast-build/task/rebuild-task", tag = "task", params(TaskIdQuery),
    responses((status = 200, body = Envelope<AcceptedView>), (status = 429, body = Envelope<Value>), FormErrors))]
async fn rebuild_task(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<TaskIdQuery>,
) -> Answer<AcceptedView> {
    // Who rebuilds another's task does it for them, and nobody's for themselves.
    let owner = Some(state.task_of(&caller, query.task_id).await?.owner).filter(|owner| !owner.is_empty());
    let owner = owner.unwrap_or_else(|| caller.user.clone());
    let accepted = state.submissions.rebuild(query.task_id, &owner).await.map_err(|error| refusal(error, &caller))?;
    success(AcceptedView::new(accepted, &state))
}

/// Names the task that stands in the way to those who may see it.
fn refusal(error: SubmitError, caller: &Caller) -> ApiError {
    match error {
        SubmitError::TargetInUse { image_name, task_id, owner } if caller.sees(&owner) => {
            Message::NameInUse { image_name, task_id: task_id.0 }.into()
        }
        error => error.into(),
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Request(RequestError::Invalid(errors)) => Self::Invalid(errors),
            SubmitError::Request(refused) => Message::RequestRefused(refused).into(),
            SubmitError::Site(error) => error.into(),
            SubmitError::Catalogue(error) => error.into(),
            SubmitError::Recipe(error) => Message::Failed { cause: error.cause(), explanation: error.into() }.into(),
            SubmitError::Callback(refused) => Message::CallbackRefused(refused).into(),
            SubmitError::ImageExists(image_name) | SubmitError::TargetInUse { image_name, .. } => {
                Message::NameInUse { image_name, task_id: 0 }.into()
            }
            SubmitError::KeyReused { task_id } => {
                Message::KeyReused { task_id: task_id.map_or(0, |task_id| task_id.0) }.into()
            }
            SubmitError::QueueFull { limit, position } => Self::TooMany {
                message: Message::QueueFull { limit, position },
                retry_after_seconds: QUEUE_FULL_RETRY_SECONDS,
                queue_position: Some(position),
            },
            SubmitError::UserLimit { queue_user, limit, position } => Self::TooMany {
                message: Message::UserLimit { queue_user, limit, position },
                retry_after_seconds: QUEUE_FULL_RETRY_SECONDS,
                queue_position: Some(position),
            },
            SubmitError::DiskLow(low) => Message::DiskLow(low).into(),
            SubmitError::NotEnded(task_id) => Message::TaskRunning { task_id: task_id.0 }.into(),
            SubmitError::Stage(failure) => {
                Message::Failed { cause: failure.cause, explanation: failure.explanation }.into()
            }
            SubmitError::BaseAbsent(image) => Message::BaseAbsent { image_name: image.to_string() }.into(),
            SubmitError::Directory(source) if source.kind() == std::io::ErrorKind::StorageFull => {
                tracing::error!("a task's directory cannot be written: {source}");
                Message::DiskFull.into()
            }
            SubmitError::Directory(_) | SubmitError::Secret(_) => Self::internal(error),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        SiteError::Engine(error).into()
    }
}

//! Tag `task`: what is installed in the image that a task pushed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::Envelope;
use super::error::FormErrors;
use super::extract::Query;
use super::task::TaskIdQuery;
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::explanation::Explanation;
use crate::language::Message;
use crate::sbom::{MEDIA_TYPE, SbomError};
use crate::site::SiteError;
use crate::task::TaskId;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(task_sbom))
}

/// List what is installed in the image that a task pushed
///
/// A CycloneDX 1.5 document of the packages of dpkg, rpm and apk, of every Python and every conda environment, read from
/// the image itself by its digest and kept. The first request may take as long as a pull. `code` -1 when the task is
/// unknown or pushed nothing, or the image cannot be read.
#[utoipa::path(get, path = "/api/fast-build/task/sbom", tag = "task", params(TaskIdQuery),
    responses((status = 200, content((serde_json::Value = "application/vnd.cyclonedx+json"), (Envelope<String> = "application/json"))),
        FormErrors))]
async fn task_sbom(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<TaskIdQuery>,
) -> Result<SbomDocument, ApiError> {
    let task = state.task_of(&caller, query.task_id).await?;
    let document = state.sboms.of(&task).await?;
    Ok(SbomDocument { task_id: task.id(), document })
}

struct SbomDocument {
    task_id: TaskId,
    document: Bytes,
}

impl IntoResponse for SbomDocument {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, MEDIA_TYPE.to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{}.cdx.json\"", self.task_id)),
            (CACHE_CONTROL, "no-cache".to_owned()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ];
        (headers, self.document).into_response()
    }
}

impl From<Arc<SbomError>> for ApiError {
    fn from(error: Arc<SbomError>) -> Self {
        let failed = |cause, words: &str| {
            Self::Refused(Message::Failed { cause, explanation: Explanation::quoted(words.to_owned()) })
        };
        match error.as_ref() {
            SbomError::NotPushed(task_id) => Message::TaskNotPushed { task_id: task_id.0 }.into(),
            SbomError::Image { image, problem } => {
                Message::SbomUnreadable { image_name: image.clone(), problem: *problem }.into()
            }
            SbomError::Engine { source, .. } => failed(source.cause, &source.message),
            SbomError::Site(SiteError::Engine(error)) => failed(error.cause, &error.message),
            SbomError::Site(SiteError::NotConfigured(parts)) => Message::NotConfigured { parts: parts.clone() }.into(),
            SbomError::Site(SiteError::Sealed(_)) => Message::SealedValueLocked.into(),
            SbomError::Site(SiteError::Store(_)) => Self::internal(error),
        }
    }
}

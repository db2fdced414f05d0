//! Taking an upload while it arrives: nothing of it is held in memory, and nothing half-written is left.

use std::error::Error;
use std::io;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use futures_util::TryStreamExt;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio_util::io::StreamReader;

use super::extract::{Query, unreadable};
use super::file::{StoredFileView, UploadQuery, Uploaded};
use super::form_headers::HeaderCleaner;
use super::{ApiError, AppState};
use crate::catalogue::{CatalogueError, StoredFile};
use crate::language::Message;
use crate::request::{Location, ValidationError};

/// The field that holds the files.
const FILES: &str = "files";
/// What a request may hold beside one file of the largest size.
const FORM_BYTES: u64 = 1 << 20;

/// Files that were uploaded and stored.
pub(super) struct Upload(pub(super) Uploaded);

impl FromRequest<AppState> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Query(query) = Query::<UploadQuery>::from_request_parts(&mut parts, state).await?;
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
            return Err(missing());
        }
        let limit_bytes = state.settings.limits.upload_bytes.saturating_add(FORM_BYTES);
        let body = Limited::new(body, usize::try_from(limit_bytes).unwrap_or(usize::MAX));
        let body = match HeaderCleaner::new(kind) {
            Some(mut cleaner) => Body::new(body.map_frame(move |frame| frame.map_data(|data| cleaner.clean(data)))),
            None => Body::new(body),
        };
        let request = Request::from_parts(parts, body);
        let multipart = Multipart::from_request(request, state).await.map_err(|error| unreadable(&error))?;
        store(multipart, &query, state, limit_bytes).await.map(Self)
    }
}

async fn store(
    mut multipart: Multipart,
    query: &UploadQuery,
    state: &AppState,
    limit_bytes: u64,
) -> Result<Uploaded, ApiError> {
    let mut files = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|error| refuse(error, limit_bytes))? {
        let file_name = field.file_name().unwrap_or_default().to_owned();
        if field.name() != Some(FILES) || file_name.is_empty() {
            continue;
        }
        let place = query.place(&file_name)?;
        let stored = state.catalogue.store(&place, reader(field)).await;
        let StoredFile { name, size_bytes, digest } = stored.map_err(|error| broken(error, limit_bytes))?;
        files.push(StoredFileView { name: name.to_string(), size_bytes, digest: digest.to_string() });
    }
    if files.is_empty() {
        // An unknown kind is the more helpful answer, but a form without files comes first, as it always did.
        return Err(missing());
    }
    let complete_upload_filenames = files.iter().map(|file| file.name.clone()).collect();
    Ok(Uploaded { complete_upload_filenames, files })
}

fn reader(field: Field<'_>) -> impl tokio::io::AsyncRead + Unpin + Send {
    StreamReader::new(field.map_err(io::Error::other))
}

fn missing() -> ApiError {
    let location = Location::body().field(FILES);
    ApiError::Invalid(vec![ValidationError::new(location, "field required", "value_error.missing")])
}

/// An upload that broke off is the client's doing, unlike a disk that fails.
fn broken(error: CatalogueError, limit_bytes: u64) -> ApiError {
    match error {
        CatalogueError::Io { source, .. }
            if source.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<MultipartError>) =>
        {
            match source.downcast::<MultipartError>() {
                Ok(error) => refuse(error, limit_bytes),
                Err(source) => ApiError::internal(source),
            }
        }
        error => error.into(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over where they end")]
fn refuse(error: MultipartError, limit_bytes: u64) -> ApiError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if current.is::<LengthLimitError>() {
            return Message::BodyTooLarge { limit_bytes }.into();
        }
        cause = current.source();
    }
    unreadable(&error)
}

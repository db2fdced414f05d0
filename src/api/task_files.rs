//! The files of a task that old clients open by URL: stage logs and the Dockerfile, nothing else.
//!
//! Both parts of the path are compared with what we make ourselves, so that no text of a client ever becomes a path.

use std::path::{Path as FilePath, PathBuf};

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ApiError, AppState};
use crate::access::Caller;
use crate::engine::DOCKERFILE;
use crate::task::StageName;

const MAX_DIRECTORY_NAME_BYTES: usize = 64;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(task_file))
}

/// Read a stage's log or the Dockerfile of a task
///
/// Served while it grows; a `Range` of bytes is answered with that part.
#[utoipa::path(get, path = "/task/{work_dir_name}/{file_name}", tag = "task",
    params(
        ("work_dir_name" = String, Path, description = "`work_dir_name` of the task.",
            example = "2026-11-21-02-54-07-053159"),
        ("file_name" = String, Path, description = "`pull.log`, `check.log`, `prepare.log`, `build.log`, `push.log` or \
            `Dockerfile`.", example = "build.log")),
    responses(
        (status = 200, body = String, content_type = "text/plain; charset=utf-8"),
        (status = 206, body = String, content_type = "text/plain; charset=utf-8", description = "The asked part."),
        (status = 404, body = super::document::Detail, description = "There is no such file."),
        (status = 416, description = "The asked part lies behind the end.")))]
async fn task_file(TaskFile(path): TaskFile, headers: HeaderMap) -> Result<Response, ApiError> {
    let (file, length) = open(&path).await?;
    serve(file, length, headers.get(RANGE)).await.map_err(ApiError::internal)
}

/// A file that may be served.
struct TaskFile(PathBuf);

impl FromRequestParts<AppState> for TaskFile {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound)?;
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.limited_to().is_some() {
            // What no row names any more belongs to nobody who could be asked.
            let task = state.store.task_by_work_dir(&path.0.0).await?;
            task.filter(|task| caller.sees(&task.owner)).ok_or(ApiError::NotFound)?;
        }
        file_path(&state.settings.fb.task_dir, &path.0.0, &path.0.1).map(Self).ok_or(ApiError::NotFound)
    }
}

fn file_path(task_dir: &FilePath, directory: &str, name: &str) -> Option<PathBuf> {
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_directory = (1..=MAX_DIRECTORY_NAME_BYTES).contains(&directory.len()) && directory.bytes().all(is_ours);
    let known = StageName::ALL.iter().map(|stage| stage.log_file()).chain([DOCKERFILE]).find(|known| *known == name);
    if is_directory { Some(task_dir.join(directory).join(known?)) } else { None }
}

async fn open(path: &FilePath) -> Result<(File, u64), ApiError> {
    let missing = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound { ApiError::NotFound } else { ApiError::internal(error) }
    };
    // Nothing in a task's directory is a link; what is one was not put there by us.
    let metadata = tokio::fs::symlink_metadata(path).await.map_err(missing)?;
    if !metadata.is_file() {
        return Err(ApiError::NotFound);
    }
    let file = File::open(path).await.map_err(missing)?;
    Ok((file, metadata.len()))
}

async fn serve(mut file: File, length: u64, range: Option<&HeaderValue>) -> std::io::Result<Response> {
    let asked = range.and_then(|range| range.to_str().ok()).and_then(|range| part(range, length));
    let (status, start, end) = match asked {
        None => (StatusCode::OK, 0, length),
        Some(Some((start, end))) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(None) => {
            let header = [(CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, header).into_response());
        }
    };
    file.seek(std::io::SeekFrom::Start(start)).await?;
    // The file may grow meanwhile; what was promised is what is sent.
    let body = Body::from_stream(ReaderStream::new(file.take(end - start)));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::from_str(&format!("bytes {start}-{}/{length}", end - 1))
    {
        headers.insert(CONTENT_RANGE, range);
    }
    Ok(response)
}

/// The asked part as start and end (exclusive): absent when the header asks for none we know, `Some(None)` when it lies
/// behind the end.
#[expect(clippy::option_option, reason = "no range and an impossible range are answered differently")]
fn part(header: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let (start, end) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(start), None) if last.is_empty() => (start, length),
        (Some(start), Some(last)) if last >= start => (start, last.saturating_add(1).min(length)),
        (None, Some(tail)) if first.is_empty() => (length.saturating_sub(tail), length),
        _ => return None,
    };
    Some((start < end).then_some((start, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_files_have_a_path() {
        let root = FilePath::new("/t");
        let good = file_path(root, "2026-11-21-02-54-07-053159", "build.log");
        assert_eq!(good, Some(PathBuf::from("/t/2026-11-21-02-54-07-053159/build.log")));
        for (directory, name) in [
            ("..", "build.log"),
            (".", "build.log"),
            ("", "build.log"),
            ("a/b", "build.log"),
            ("a\0", "build.log"),
            ("%2e%2e", "build.log"),
            ("a", "../build.log"),
            ("a", "Front_end_request_json"),
            ("a", "dockerfile"),
            ("a", "build.log/"),
            ("a", ""),
        ] {
            assert_eq!(file_path(root, directory, name), None, "{directory:?} {name:?}");
        }
        assert_eq!(file_path(root, &"a".repeat(65), "build.log"), None);
    }

    #[test]
    fn ranges_are_single_and_within() {
        for (header, expected) in [
            ("bytes=0-4", Some(Some((0, 5)))),
            ("bytes=5-", Some(Some((5, 10)))),
            ("bytes=-3", Some(Some((7, 10)))),
            ("bytes=-99", Some(Some((0, 10)))),
            ("bytes=0-99", Some(Some((0, 10)))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=4-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("lines=0-1", None),
            ("bytes=-", None),
        ] {
            assert_eq!(part(header, 10), expected, "{header}");
        }
        assert_eq!(part("bytes=0-", 0), Some(None));
    }
}

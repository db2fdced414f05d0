//! Tag `file`: mirror files and installers, listed, uploaded, downloaded and deleted.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields};
use super::upload::Upload;
use super::{ApiError, AppState};
use crate::catalogue::{CatalogueError, Place, SoftwareListing, SourceListing};
use crate::language::{Language, Message};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(file_welcome))
        .routes(routes!(list_source))
        .routes(routes!(list_software))
        .routes(routes!(upload_file))
        .routes(routes!(download_file))
        .routes(routes!(delete_file))
}

/// Mirror files by tool.
#[derive(Serialize, ToSchema)]
struct Sources {
    /// Types and file names of each tool.
    source_list: SourceListing,
}

/// Installers by tool.
#[derive(Serialize, ToSchema)]
struct Software {
    /// File names of each tool.
    software_list: SoftwareListing,
}

/// Where uploads go.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// `source`, `python`, `pip` or `conda`.
    #[param(example = "source")]
    pub(super) file_type: String,
    /// Of a source: `apt`, `yum`, `pip` or `conda`; told by the file's name when absent.
    pub(super) installer: Option<String>,
    /// Of a source: the mirror, such as `ali`; `custom` when absent. Of `pip`: `pip2` or `pip3`.
    pub(super) r#type: Option<String>,
}

impl FromFields for UploadQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            file_type: fields.text("file_type"),
            installer: Some(fields.text_or_empty("installer")),
            r#type: Some(fields.text_or_empty("type")),
        }
    }
}

impl UploadQuery {
    /// The place of a file of that name.
    pub(super) fn place(&self, file_name: &str) -> Result<Place, CatalogueError> {
        Place::new(&self.file_type, self.installer.as_deref(), self.r#type.as_deref(), file_name)
    }
}

/// A file of the catalogue.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    #[into_params(skip)]
    #[param(ignore)]
    place: UploadQuery,
    /// File name.
    #[param(example = "ubuntu-20.04.list")]
    file_name: String,
}

impl FromFields for FileQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { place: UploadQuery::from_fields(fields), file_name: fields.text("file_name") }
    }
}

impl FileQuery {
    fn place(&self) -> Result<Place, CatalogueError> {
        self.place.place(&self.file_name)
    }
}

/// A file that was stored.
#[derive(Serialize, ToSchema)]
pub(super) struct StoredFileView {
    /// File name.
    pub(super) name: String,
    /// Size in bytes.
    pub(super) size_bytes: u64,
    /// `sha256:` and 64 hex digits.
    pub(super) digest: String,
}

/// What was uploaded.
#[derive(Serialize, ToSchema)]
pub(super) struct Uploaded {
    /// Names of the files that arrived whole.
    #[serde(rename = "complete upload filenames")]
    pub(super) complete_upload_filenames: Vec<String>,
    /// The same files with sizes and checksums.
    pub(super) files: Vec<StoredFileView>,
}

/// Files to upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct UploadForm {
    /// One or more files.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1)]
    files: Vec<Vec<u8>>,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/file/welcome", tag = "file", responses((status = 200, body = Welcome)))]
async fn file_welcome() -> Json<Welcome> {
    welcome_to("Welcome To File Module")
}

/// List the mirror files
///
/// The directories are the catalogue: a file laid there by hand counts at once.
#[utoipa::path(get, path = "/api/fast-build/file/list-source", tag = "file",
    responses((status = 200, body = Envelope<Sources>)))]
async fn list_source(State(state): State<AppState>) -> Answer<Sources> {
    success(Sources { source_list: state.catalogue.list_source().await? })
}

/// List the installers
#[utoipa::path(get, path = "/api/fast-build/file/list-software", tag = "file",
    responses((status = 200, body = Envelope<Software>)))]
async fn list_software(State(state): State<AppState>) -> Answer<Software> {
    success(Software { software_list: state.catalogue.list_software().await? })
}

/// Upload mirror files or installers
///
/// Each is written beside its place and renamed once it is whole. The first file that is refused ends the upload with
/// `code` -1; those before it stay.
#[utoipa::path(post, path = "/api/fast-build/file/upload", tag = "file", params(UploadQuery),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<Uploaded>), FormErrors))]
async fn upload_file(Upload(uploaded): Upload) -> Answer<Uploaded> {
    success(uploaded)
}

/// Download a file of the catalogue
///
/// `code` -1 when there is none of that name.
#[utoipa::path(get, path = "/api/fast-build/file/download", tag = "file", params(UploadQuery, FileQuery),
    responses((status = 200, content((Envelope<String> = "application/json"),
        (String = "application/octet-stream"))), FormErrors))]
async fn download_file(State(state): State<AppState>, Query(query): Query<FileQuery>) -> Result<Response, ApiError> {
    let place = query.place()?;
    let (content, size_bytes) = state.catalogue.open(&place).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, size_bytes.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", place.file())),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(content))).into_response())
}

/// Delete a file of the catalogue
///
/// What is built in stays, and shows again when a file over it goes.
#[utoipa::path(delete, path = "/api/fast-build/file/delete", tag = "file", params(UploadQuery, FileQuery),
    responses((status = 200, body = Envelope<String>), FormErrors))]
async fn delete_file(
    State(state): State<AppState>,
    language: Language,
    Query(query): Query<FileQuery>,
) -> Answer<String> {
    state.catalogue.delete(&query.place()?).await?;
    success(Message::FileDeleted { file_name: query.file_name }.render(language))
}

impl From<CatalogueError> for ApiError {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Missing { kind, name } => missing(kind, name).into(),
            CatalogueError::TooLarge { name, limit_bytes } => {
                Message::FileTooLarge { file_name: name, limit_bytes }.into()
            }
            CatalogueError::Refused { name, reason } => {
                Message::UploadRefused { file_name: name, refusal: reason }.into()
            }
            CatalogueError::BuiltIn { name } => Message::FileBuiltIn { file_name: name }.into(),
            CatalogueError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Message::DiskFull.into()
            }
            error @ CatalogueError::Io { .. } => Self::internal(error),
        }
    }
}

/// A file that is not there, in the words of its kind: `apt source` and `ali/x.list`, or `python` and a tarball.
fn missing(kind: &'static str, name: String) -> Message {
    match (kind.strip_suffix(" source"), name.split_once('/')) {
        (Some(installer), Some((mirror, file))) => Message::SourceMissing {
            installer: installer.to_owned(),
            source_type: mirror.to_owned(),
            file_name: file.to_owned(),
        },
        _ => Message::InstallerMissing { installer: kind.to_owned(), file_name: name },
    }
}

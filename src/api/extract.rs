//! Our own extractors: what the framework's would answer in its own words is a 422 in pydantic's form here.
//!
//! A body over its limits of size and time is the exception: an envelope with `code` -1 that names the limit.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::fields::{Fields, FromFields};
use super::form_headers::HeaderCleaner;
use super::pacing::TooSlow;
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::language::{Excess, Language, Message};
use crate::request::{Location, ValidationError, read_json};

/// Fields of the query string.
pub(super) struct Query<T>(pub(super) T);

impl<T: FromFields, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Fields::new(Location::query(), pairs(&parts.uri)).read().map(Self).map_err(ApiError::Invalid)
    }
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// The language of the caller, put there by `edge`.
impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let missing = || ApiError::internal("a route lies outside the language layer");
        parts.extensions.get::<Self>().copied().ok_or_else(missing)
    }
}

/// Who asks, put there by `guard`.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::internal("a route lies outside the guard"))
    }
}

/// The bytes of a JSON body, with or without a Content-Type.
pub(super) struct JsonBytes(pub(super) Bytes);

/// A JSON body of any form.
pub(super) struct JsonBody(pub(super) Value);

impl FromRequest<AppState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        read_json(&bytes).map(Self).map_err(|error| ApiError::Invalid(vec![*error]))
    }
}

impl FromRequest<AppState> for JsonBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let body = read_body(request.into_body(), state.settings.limits.body_bytes).await?;
        if !is_json && !body.is_empty() {
            // What a browser may send to any site without asking is no JSON, whatever it looks like.
            let error = ValidationError::new(Location::body(), "value is not a valid dict", "type_error.dict");
            return Err(ApiError::Invalid(vec![error]));
        }
        Ok(Self(body))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.is_empty() || kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Fields of a form, `multipart/form-data` or urlencoded.
pub(super) struct Form<T>(pub(super) T);

impl<T: FromFields> FromRequest<AppState> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = read_body(body, state.settings.limits.body_bytes).await?;
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let fields = if kind.to_ascii_lowercase().starts_with("multipart/form-data") {
            let body = HeaderCleaner::new(kind).map_or(body.clone(), |mut cleaner| cleaner.clean(body));
            let request = Request::from_parts(parts, Body::from(body));
            let multipart = Multipart::from_request(request, state).await.map_err(|error| unreadable(&error))?;
            read_multipart(multipart).await?
        } else {
            Fields::new(Location::body(), url::form_urlencoded::parse(&body).into_owned())
        };
        fields.read().map(Self).map_err(ApiError::Invalid)
    }
}

async fn read_multipart(mut multipart: Multipart) -> Result<Fields, ApiError> {
    let mut texts = Vec::new();
    let mut files = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|error| unreadable(&error))? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        let is_file = field.file_name().is_some();
        let content = field.bytes().await.map_err(|error| unreadable(&error))?;
        match String::from_utf8(content.to_vec()) {
            Ok(text) if !is_file => texts.push((name, text)),
            _ => files.push((name, content)),
        }
    }
    let mut fields = Fields::new(Location::body(), texts);
    for (name, content) in files {
        fields.add_file(name, content);
    }
    Ok(fields)
}

/// A form that breaks off or breaks the rules of multipart.
pub(super) fn unreadable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    if let Some(TooSlow { seconds }) = TooSlow::cause_of(error) {
        return Message::Excess(Excess::Slow { seconds: *seconds }).into();
    }
    tracing::debug!("a form cannot be read: {error}");
    let text = "There was an error parsing the body";
    ApiError::Invalid(vec![ValidationError::new(Location::body(), text, "value_error.form")])
}

async fn read_body(body: Body, limit_bytes: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit_bytes).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Message::BodyTooLarge { limit_bytes: limit_bytes as u64 }.into())
        }
        Err(error) => Err(unreadable(error.as_ref())),
    }
}

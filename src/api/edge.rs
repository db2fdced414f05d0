//! The outermost layer: the caller's language, a request id, one log line per request, and errors put into words.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_LANGUAGE, ALLOW, CONTENT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rand::Rng;
use serde_json::json;
use tracing::Instrument;

use super::{ApiError, AppState};
use crate::language::Language;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_ID_BYTES: usize = 64;

/// Surrounds every route but `/healthz`.
pub(super) async fn edge(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let language = language(request.headers(), state.settings.fb.language.into());
    request.extensions_mut().insert(language);
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", id = %id);
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = put_into_words(response, language);
    let status = response.status().as_u16();
    let milliseconds = started.elapsed().as_millis();
    state.metrics.request_answered(&method, route.as_ref().map(MatchedPath::as_str), status, started.elapsed());
    tracing::debug!(parent: &span, status, milliseconds, "{method} {path} answered {status}");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn language(headers: &HeaderMap, default: Language) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    Language::from_accepted(accepted, default)
}

/// The caller's own id where it is harmless in a log, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=MAX_ID_BYTES).contains(&given.len()) && given.bytes().all(is_harmless) {
        return given.to_owned();
    }
    let mut bytes = [0_u8; 8];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

fn put_into_words(mut response: Response, language: Language) -> Response {
    if let Some(error) = response.extensions_mut().remove::<Arc<ApiError>>() {
        let mut worded = error.render(language);
        worded.headers_mut().insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        worded.headers_mut().append(VARY, HeaderValue::from_static("Accept-Language"));
        return worded;
    }
    // The framework's own answer to a method that a route does not have, `Allow` included, but without words.
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = response.headers().get(ALLOW).cloned();
        let mut worded = method_not_allowed();
        if let Some(allowed) = allowed {
            worded.headers_mut().insert(ALLOW, allowed);
        }
        return worded;
    }
    response
}

/// The contract's 405.
pub(super) fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "detail": "Method Not Allowed" }))).into_response()
}

/// A handler panicked: our fault, told as any other.
#[expect(clippy::needless_pass_by_value, reason = "the panic layer hands the payload over")]
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string).or_else(|| payload.downcast_ref().cloned());
    ApiError::internal(format!("a handler panicked: {}", text.unwrap_or_default())).into_response()
}

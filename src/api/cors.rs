//! Cross-origin calls: any origin may call, none with credentials but the configured ones.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-Id, Retry-After, Content-Disposition, Content-Range");
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// Origins that may send credentials.
pub(super) type TrustedOrigins = Arc<[String]>;

/// Answers preflights and marks what other origins may read.
pub(super) async fn cors(State(trusted): State<TrustedOrigins>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(ORIGIN).cloned() else { return next.run(request).await };
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
            headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        }
        response
    } else {
        next.run(request).await
    };
    allow(response.headers_mut(), &trusted, origin);
    response
}

fn allow(headers: &mut HeaderMap, trusted: &TrustedOrigins, origin: HeaderValue) {
    if trusted.iter().any(|trusted| trusted.as_bytes() == origin.as_bytes()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    if !trusted.is_empty() {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

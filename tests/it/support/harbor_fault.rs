//! What the double does instead of answering.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::harbor::{Contents, MANIFEST_TYPE};

/// What happens instead of an answer.
#[derive(Clone)]
pub enum Fault {
    /// A status with a body.
    Status(u16, &'static str),
    /// 429 with Retry-After in seconds.
    TooMany(u64),
    /// The connection ends in the middle of the body.
    Cut,
    /// 200 with this body and type.
    Answer(&'static str, Bytes),
    /// A redirect.
    Redirect(u16, String),
    /// The answer comes this much later.
    Slow(std::time::Duration),
}

/// A fault that waits for its requests.
pub struct PlannedFault {
    pub method: Method,
    pub path_part: String,
    pub times: usize,
    pub fault: Fault,
}

impl Fault {
    pub fn into_response(self) -> Response {
        match self {
            Self::Status(status, body) => (StatusCode::from_u16(status).expect("status"), body).into_response(),
            Self::TooMany(seconds) => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)], "").into_response(),
            Self::Slow(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
            Self::Answer(media_type, body) => ([(CONTENT_TYPE, media_type)], body).into_response(),
            Self::Redirect(status, location) => {
                (StatusCode::from_u16(status).expect("status"), [("location", location)]).into_response()
            }
            Self::Cut => {
                let pieces = [Ok(Bytes::from_static(b"{\"cut")), Err(std::io::Error::other("cut"))];
                let body = Body::from_stream(futures_util::stream::iter(pieces));
                ([(CONTENT_LENGTH, "1000"), (CONTENT_TYPE, MANIFEST_TYPE)], body).into_response()
            }
        }
    }
}

impl Contents {
    /// The fault that is planned for a request.
    pub fn next_fault(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let planned = self
            .faults
            .iter_mut()
            .find(|planned| planned.times > 0 && planned.method == *method && path.contains(&planned.path_part))?;
        planned.times -= 1;
        Some(planned.fault.clone())
    }
}

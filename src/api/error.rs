//! The one error that becomes HTTP.
//!
//! A refusal is the contract's envelope with HTTP 200 and `code` -1; only what the contract names has a status of its own.
//! The response carries the error itself; `edge` writes its words in the caller's language. What is a fault of ours is
//! logged here, once, with its chain, and shown to nobody.

use std::error::Error;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::envelope::{Envelope, refused};
use super::validation::HTTPValidationError;
use crate::access::Refusal;
use crate::explanation::Explanation;
use crate::language::{Excess, Language, Message};
use crate::request::ValidationError;
use crate::site::SiteError;
use crate::store::StoreError;

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The operation was refused or failed: HTTP 200, `code` -1.
    #[error("refused: {}", .0.render(Language::English))]
    Refused(Message),
    /// The request does not have the declared form: HTTP 422.
    #[error("the request does not have the declared form")]
    Invalid(Vec<ValidationError>),
    /// Nothing is there: HTTP 404.
    #[error("not found")]
    NotFound,
    /// Nobody knows who asks: HTTP 401 with the envelope.
    #[error("nobody knows who asks: {0:?}")]
    Unauthorized(Refusal),
    /// Whoever asks may not: HTTP 403 with the envelope.
    #[error("whoever asks may not: {0:?}")]
    Forbidden(Refusal),
    /// Too much is asked at once: HTTP 429 with the envelope.
    #[error("refused for now: {}", message.render(Language::English))]
    TooMany {
        /// What is too much.
        message: Message,
        /// When to try again.
        retry_after_seconds: u32,
        /// How many tasks would go before the one that was refused.
        queue_position: Option<i64>,
    },
    /// The head of the request is too large: HTTP 431 with the envelope.
    #[error("the head of the request is too large")]
    HeadTooLarge {
        /// How many headers it may have.
        headers: usize,
        /// How many bytes.
        bytes: usize,
    },
    /// The daemon or Harbor test of a configuration failed: the documented HTTP 500, in their own words.
    #[error("the configuration test failed: {0}")]
    ConfigurationTest(String),
    /// A fault of ours: HTTP 500 that says no more.
    #[error("internal error")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl ApiError {
    /// A fault of ours.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The answer in a language.
    pub(super) fn render(&self, language: Language) -> Response {
        match self {
            Self::Refused(message) => refused(message.render(language)).into_response(),
            Self::Invalid(detail) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(HTTPValidationError { detail: detail.clone() })).into_response()
            }
            Self::NotFound => (StatusCode::NOT_FOUND, Json(json!({ "detail": "Not Found" }))).into_response(),
            Self::Unauthorized(refusal) => {
                let message = Message::Access(*refusal);
                let header = [(WWW_AUTHENTICATE, "Bearer realm=\"FastBuild\"")];
                (StatusCode::UNAUTHORIZED, header, refused(message.render(language))).into_response()
            }
            Self::Forbidden(refusal) => {
                (StatusCode::FORBIDDEN, refused(Message::Access(*refusal).render(language))).into_response()
            }
            Self::TooMany { message, retry_after_seconds, queue_position } => {
                let header = [(RETRY_AFTER, retry_after_seconds.to_string())];
                let data = queue_position.map(|position| json!({ "queue_position": position }));
                let envelope = Envelope { code: -1, msg: message.render(language), data };
                (StatusCode::TOO_MANY_REQUESTS, header, Json(envelope)).into_response()
            }
            Self::HeadTooLarge { headers, bytes } => {
                let message = Message::Excess(Excess::Head { headers: *headers, bytes: *bytes });
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, refused(message.render(language))).into_response()
            }
            Self::ConfigurationTest(words) => {
                let body = json!({ "message": words, "code": "123" });
                (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
            }
            Self::Internal(_) => {
                let envelope = refused(Message::Internal.render(language));
                (StatusCode::INTERNAL_SERVER_ERROR, envelope).into_response()
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            tracing::error!("a request failed: {}", chain(error.as_ref()));
        }
        let mut response = Response::default();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// An error and what caused it, in one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<Message> for ApiError {
    fn from(message: Message) -> Self {
        Self::Refused(message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_busy() {
            Message::DatabaseBusy.into()
        } else if error.is_disk_full() {
            tracing::error!("a request failed: {}", chain(&error));
            Message::DiskFull.into()
        } else {
            Self::internal(error)
        }
    }
}

impl From<SiteError> for ApiError {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::NotConfigured(parts) => Self::Refused(Message::NotConfigured { parts }),
            SiteError::Engine(error) => {
                let explanation = Explanation::quoted(error.message);
                Self::Refused(Message::Failed { cause: error.cause, explanation })
            }
            SiteError::Store(error) => error.into(),
            SiteError::Sealed(what) => {
                tracing::error!("{}", SiteError::Sealed(what));
                Self::Refused(Message::SealedValueLocked)
            }
        }
    }
}

/// The 422 that most routes document.
#[derive(utoipa::IntoResponses)]
pub(super) enum FormErrors {
    /// The request does not have the declared form.
    #[response(status = 422)]
    #[expect(dead_code, reason = "declares a response for the OpenAPI document")]
    Invalid(HTTPValidationError),
}

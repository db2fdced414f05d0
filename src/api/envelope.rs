//! The envelope around every answer of the contract.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiError;

/// The envelope: `code` 0 and `data`, or `code` -1 and a `msg` that a person can act on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Envelope<T> {
    /// 0 when it worked, -1 when it was refused or failed.
    #[schema(value_type = i32, minimum = -1, maximum = 0, example = 0)]
    pub code: i8,
    /// `success`, or what happened, to what, and what to do.
    #[schema(example = "success")]
    pub msg: String,
    /// The answer; `null` when it was refused or failed.
    #[schema(required = true)]
    pub data: Option<T>,
}

/// What most handlers return.
pub(super) type Answer<T> = Result<Json<Envelope<T>>, ApiError>;

/// An answer that worked.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a handler is its answer")]
pub(super) fn success<T>(data: T) -> Answer<T> {
    Ok(Json(Envelope { code: 0, msg: "success".to_owned(), data: Some(data) }))
}

/// An answer that says no.
pub(super) fn refused(msg: String) -> Json<Envelope<()>> {
    Json(Envelope { code: -1, msg, data: None })
}

/// Where a page stands in its list.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Page {
    /// This page, from 1.
    pub current: i64,
    /// How many rows match in all.
    pub total: i64,
    /// Rows of a page.
    pub page_size: i64,
}

/// The greeting of a router.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Welcome {
    /// `Welcome To …`.
    #[schema(example = "Welcome To Task Module")]
    message: &'static str,
}

/// A greeting.
pub(super) fn welcome_to(message: &'static str) -> Json<Welcome> {
    Json(Welcome { message })
}

//! The answer to a request that does not have the declared form, as pydantic v1 wrote it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::request::ValidationError;

/// The answer to a request that does not have the declared form.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(title = "HTTPValidationError")]
pub struct HTTPValidationError {
    /// Everything that is wrong.
    pub detail: Vec<ValidationError>,
}

//! What the console's own actions answer to its scripts: the same envelope as the API's, so that one function reads both.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The end of an action.
#[derive(Debug)]
pub(super) struct Outcome(Value);

impl Outcome {
    /// It worked.
    pub(super) fn done(words: impl Into<String>) -> Self {
        Self(json!({ "code": 0, "msg": words.into(), "data": null }))
    }

    /// It worked and gives something back.
    pub(super) fn with(data: &Value) -> Self {
        Self(json!({ "code": 0, "msg": "success", "data": data }))
    }

    /// It was refused.
    pub(super) fn refused(words: impl Into<String>) -> Self {
        Self(json!({ "code": -1, "msg": words.into(), "data": null }))
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

//! The OpenAPI document: what stands beside the routes themselves.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::router::documented;
use super::validation::HTTPValidationError;
use crate::cause::Cause;
use crate::request::ValidationError;
use crate::task::{StageName, TaskState};

/// The answer to a path or method that is not there.
#[derive(Serialize, ToSchema)]
pub(super) struct Detail {
    /// `Not Found` or `Method Not Allowed`.
    #[schema(example = "Not Found")]
    detail: String,
}

/// Description, tags and shared schemas.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "FastBuild",
        description = "A JSON request becomes a container image: built on a remote Docker daemon, pushed to Harbor, reported \
            by a callback.\n\nEvery answer of the contract is an envelope with HTTP 200: `code` 0 and `data`, or `code` -1 \
            and a `msg` that says what happened, to what, and what to do. `msg` is Chinese, and English on \
            `Accept-Language: en`. A request that does not have the declared form is HTTP 422. A body over its limit is \
            `code` -1. 401, 403 and 429 carry the envelope. Times are ISO 8601 without offset, in the zone of the \
            settings."
    ),
    tags(
        (name = "callback", description = "Callbacks: headers and attempts"),
        (name = "check-result", description = "Inspections of images that are kept"),
        (name = "config", description = "Harbor, Docker server and the one-shot configuration"),
        (name = "data", description = "Greeting only"),
        (name = "file", description = "Mirror files and installers"),
        (name = "hello", description = "Greetings"),
        (name = "host", description = "Where this service is reached"),
        (name = "image", description = "Images of record"),
        (name = "image-life", description = "When images came and went"),
        (name = "progress", description = "Stages of tasks"),
        (name = "service", description = "Health of this service"),
        (name = "system", description = "Housekeeping of the Docker server"),
        (name = "task", description = "Tasks: build requests and what became of them"),
    ),
    components(schemas(Cause, StageName, TaskState, ValidationError, HTTPValidationError, Detail))
)]
pub(super) struct Foundation;

/// The whole document.
pub fn document() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// The request of the contract, as the example of the routes that take one.
pub(super) fn build_request_example() -> serde_json::Value {
    serde_json::from_str(include_str!("build_request.json")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_request() {
        let cipher = crate::secret::PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
        let request = crate::request::BuildRequest::parse(build_request_example().to_string().as_bytes(), &cipher);
        assert_eq!(request.unwrap().os_packages.software.len(), 2);
    }
}

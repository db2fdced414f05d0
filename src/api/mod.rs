//! The HTTP edge: one file per contract tag, and what they share.
//!
//! A handler extracts, makes one call and maps to a wire type. Errors become HTTP in `error` alone, words come from the
//! catalogue in `language`, and every route stands in the OpenAPI document because it is registered through it.

mod callback;
mod check_result;
mod config;
mod cors;
mod data;
mod document;
mod edge;
mod envelope;
mod error;
mod events;
mod extract;
mod fields;
mod file;
mod follower;
mod form_headers;
mod guard;
mod health;
mod hello;
mod host;
mod image;
mod image_life;
mod image_verbs;
mod image_view;
mod kept;
mod metrics;
mod pacing;
mod permissions;
mod progress;
mod retention;
mod router;
mod sbom;
mod scan;
mod state;
mod submit;
mod system;
mod task;
mod task_files;
mod task_verbs;
mod task_view;
mod upload;
mod validation;

pub use document::openapi_document;
pub use envelope::{Envelope, Page};
pub use error::ApiError;
pub use health::constant_answer;
pub use kept::KeptAnswers;
pub use router::router;
pub use state::AppState;

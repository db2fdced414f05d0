//! Both wire shapes of a build request become one [`BuildRequest`] of parsed types.
//!
//! After parsing no text is trusted or checked again: each type here can carry neither an instruction, an option, a
//! shell metacharacter nor a path outside its directory.

mod error;
mod json;
mod location;
mod marker;
mod model;
mod names;
mod packages;
mod parse;
mod reason;
mod redact;
mod requirement;
mod section;
mod wire;

pub use error::{FieldError, RefusedField, RequestError, ValidationError};
pub use json::read as read_json;
pub use location::{Location, LocationItem};
pub use marker::Marker;
pub use model::*;
pub use names::*;
pub use packages::{CondaPackage, OsPackage};
pub use reason::Reason;
pub use redact::redacted_document;
pub use requirement::{PipRequirement, Specifier};

#[cfg(test)]
mod tests;

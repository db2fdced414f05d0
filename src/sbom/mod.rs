//! A pushed image → the list of what is really installed in it, as CycloneDX 1.5.
//!
//! One probe container reads the package databases of the image that the registry confirmed, by its id or digest; what a
//! request asked for is not looked at. Its output is a stranger's words: bounded, and each value checked against what
//! names and versions may hold. The document is kept in the task's directory under the image's digest.

mod cyclonedx;
mod error;
mod inventory;
mod making;
mod package_url;
mod python;
mod records;

pub use error::{SbomError, SbomProblem};
pub use making::Sboms;

/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

//! A registry asked directly: digests, labels, relabelled copies, deletion, and whether a push would succeed.
//!
//! Direct access is an optimisation and never a condition: whatever fails here is an answer, and the caller goes
//! through the daemon instead. Everything read is bounded and checked against its digest; credentials go to the registry
//! and to the token service it names, to nobody else, and into no message.

mod access;
mod answer;
mod assemble;
mod challenge;
mod client;
mod delete;
mod error;
mod failure;
mod glob;
mod harbor;
#[cfg(any(test, feature = "fuzzing"))]
#[expect(clippy::expect_used, reason = "a fuzz target fails by panicking")]
mod hostile;
mod manifest;
mod order;
mod preflight;
mod relabel;
mod scan;
mod token;
mod transport;
mod upload;

pub use access::{Limits, RegistryAccess, is_insecure};
pub use assemble::{AssembleOrder, Assembled, Assembly};
pub use client::{RegistryClient, TaggedImage};
pub use delete::Deletion;
pub use error::RegistryError;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use hostile::read_anything;
pub use manifest::{ManifestHead, Platform, RawManifest};
pub use preflight::{Finding, PreflightChecks, PreflightReport};
pub use scan::{ScanOverview, ScanStatus, Severity};

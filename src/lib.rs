//! FastBuild: a JSON request becomes a container image.
//!
//! The map: `api` takes requests, `queue` runs tasks, `pipeline` leads a task through its stages, `recipe` writes the
//! Dockerfile, `engine` drives the Docker daemon, `callback` tells the platform. `docs/ARCHITECTURE.md` has the picture.

pub mod access;
pub mod aftermath;
pub mod api;
pub mod callback;
pub mod catalogue;
pub mod cause;
pub mod cli;
pub mod clock;
mod completion;
pub mod console;
pub mod disk;
pub mod dockerfile;
pub mod engine;
pub mod explanation;
mod file_rights;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod health;
pub mod image;
pub mod images;
pub mod import;
pub mod inspect;
pub mod language;
pub mod metrics;
pub mod pipeline;
pub mod progress;
pub mod queue;
pub mod recipe;
pub mod registry;
pub mod request;
pub mod retention;
pub mod rotation;
pub mod sbom;
pub mod scan;
pub mod secret;
pub mod serve;
pub mod settings;
pub mod site;
pub mod store;
pub mod task;

//! Why there is no list.

use crate::engine::EngineError;
use crate::site::SiteError;
use crate::task::TaskId;

/// What is wrong with an image, or with what it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SbomProblem {
    /// Neither the Docker server nor the registry has it any more.
    Gone,
    /// It has no shell that could run the script.
    NoShell,
    /// The script did not come to its end.
    CutShort,
    /// It printed more than is taken.
    TooLong {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The service stopped meanwhile.
    Stopping,
}

/// Why there is no list of what is installed.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// The task has pushed nothing.
    #[error("task {0} has pushed no image")]
    NotPushed(TaskId),
    /// The site is not configured, or its Docker server cannot be connected.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The Docker server refused or was lost.
    #[error("what is installed in {image} cannot be read")]
    Engine {
        /// The image.
        image: String,
        /// The daemon's words.
        #[source]
        source: EngineError,
    },
    /// The image itself.
    #[error("what is installed in {image} cannot be read: {problem:?}")]
    Image {
        /// The image.
        image: String,
        /// What is wrong with it.
        problem: SbomProblem,
    },
}

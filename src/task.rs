//! What a task is: its number, its states and its stages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A task's number: milliseconds since 1970 at its submission, made unique; safe in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskState {
    /// Waiting for a worker.
    Queued,
    /// Taken by a worker.
    Started,
    /// The base image is on the daemon.
    PullSuccess,
    /// The base image could not be had.
    PullFailed,
    /// The base image was inspected and fits the request.
    CheckSuccess,
    /// The base image does not fit.
    CheckFailed,
    /// Dockerfile and context are written.
    PrepareSuccess,
    /// They could not be written.
    PrepareFailed,
    /// The daemon builds.
    Building,
    /// The image is built.
    BuildSuccess,
    /// The build failed.
    BuildFailed,
    /// The image is small enough.
    CheckImageSizeSuccess,
    /// The image is too large.
    CheckImageSizeFailed,
    /// The registry confirmed the image.
    PushSuccess,
    /// The registry did not take it.
    PushFailed,
    /// Ended before its time: cancelled, timed out or given up.
    BuildAbort,
}

impl TaskState {
    /// Every state, in the order a task passes them.
    pub const ALL: [Self; 16] = [
        Self::Queued,
        Self::Started,
        Self::PullSuccess,
        Self::PullFailed,
        Self::CheckSuccess,
        Self::CheckFailed,
        Self::PrepareSuccess,
        Self::PrepareFailed,
        Self::Building,
        Self::BuildSuccess,
        Self::BuildFailed,
        Self::CheckImageSizeSuccess,
        Self::CheckImageSizeFailed,
        Self::PushSuccess,
        Self::PushFailed,
        Self::BuildAbort,
    ];

    /// The name on the wire and in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Started => "STARTED",
            Self::PullSuccess => "PULL_SUCCESS",
            Self::PullFailed => "PULL_FAILED",
            Self::CheckSuccess => "CHECK_SUCCESS",
            Self::CheckFailed => "CHECK_FAILED",
            Self::PrepareSuccess => "PREPARE_SUCCESS",
            Self::PrepareFailed => "PREPARE_FAILED",
            Self::Building => "BUILDING",
            Self::BuildSuccess => "BUILD_SUCCESS",
            Self::BuildFailed => "BUILD_FAILED",
            Self::CheckImageSizeSuccess => "CHECK_IMAGE_SIZE_SUCCESS",
            Self::CheckImageSizeFailed => "CHECK_IMAGE_SIZE_FAILED",
            Self::PushSuccess => "PUSH_SUCCESS",
            Self::PushFailed => "PUSH_FAILED",
            Self::BuildAbort => "BUILD_ABORT",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a task stays in this state for good.
    pub fn is_end(self) -> bool {
        matches!(self, Self::PushSuccess | Self::BuildAbort) || self.as_str().ends_with("_FAILED")
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A stage of a task, the progress `action` of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageName {
    /// The base image comes to the daemon.
    Pull,
    /// The base image is inspected.
    Check,
    /// Dockerfile and context are written.
    Prepare,
    /// The daemon builds; the size check lies at its end.
    Build,
    /// The image goes to the registry.
    Push,
}

impl StageName {
    /// Every stage in order.
    pub const ALL: [Self; 5] = [Self::Pull, Self::Check, Self::Prepare, Self::Build, Self::Push];

    /// The name on the wire and in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Check => "check",
            Self::Prepare => "prepare",
            Self::Build => "build",
            Self::Push => "push",
        }
    }

    /// The stage of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// The state a task ends in when this stage fails.
    pub fn failed_state(self) -> TaskState {
        match self {
            Self::Pull => TaskState::PullFailed,
            Self::Check => TaskState::CheckFailed,
            Self::Prepare => TaskState::PrepareFailed,
            Self::Build => TaskState::BuildFailed,
            Self::Push => TaskState::PushFailed,
        }
    }

    /// The state a task has once this stage is through.
    pub fn passed_state(self) -> TaskState {
        match self {
            Self::Pull => TaskState::PullSuccess,
            Self::Check => TaskState::CheckSuccess,
            Self::Prepare => TaskState::PrepareSuccess,
            Self::Build => TaskState::BuildSuccess,
            Self::Push => TaskState::PushSuccess,
        }
    }

    /// The file of this stage's log in the task's directory.
    pub fn log_file(self) -> &'static str {
        match self {
            Self::Pull => "pull.log",
            Self::Check => "check.log",
            Self::Prepare => "prepare.log",
            Self::Build => "build.log",
            Self::Push => "push.log",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

//! Why a task failed, in words that machines, operators and scientists share.
//!
//! Every failed task names one cause; the wire name is stable and part of the OpenAPI document.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cause {
    /// The base image is in no registry that was asked.
    BaseNotFound,
    /// The registry refused the account.
    RegistryAuth,
    /// The registry's certificate is not trusted.
    RegistryTls,
    /// The registry did not answer.
    RegistryUnreachable,
    /// The registry's project has no room left.
    QuotaExceeded,
    /// The registry forbids overwriting this tag.
    TagImmutable,
    /// The base image's distribution, architecture or tools are not supported.
    UnsupportedBase,
    /// The chosen mirror file belongs to another OS release.
    SourceMismatch,
    /// An installer or mirror file is gone from its directory.
    InstallerMissing,
    /// A package or version is not in the mirror.
    PackageNotFound,
    /// Packages contradict each other.
    PackageConflict,
    /// A package mirror did not answer.
    MirrorUnreachable,
    /// Another step of the Dockerfile failed.
    BuildStepFailed,
    /// The image is larger than the limit.
    ImageTooLarge,
    /// A disk is full.
    DiskFull,
    /// The kernel ended a process for want of memory.
    OutOfMemory,
    /// A stage or the task took longer than its limit.
    Timeout,
    /// A stage gave no sign of life for longer than its limit.
    IdleTimeout,
    /// The Docker daemon went away.
    DaemonLost,
    /// Somebody cancelled the task.
    Cancelled,
    /// A fault of ours.
    Internal,
}

impl Cause {
    /// Every cause, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::BaseNotFound,
        Self::RegistryAuth,
        Self::RegistryTls,
        Self::RegistryUnreachable,
        Self::QuotaExceeded,
        Self::TagImmutable,
        Self::UnsupportedBase,
        Self::SourceMismatch,
        Self::InstallerMissing,
        Self::PackageNotFound,
        Self::PackageConflict,
        Self::MirrorUnreachable,
        Self::BuildStepFailed,
        Self::ImageTooLarge,
        Self::DiskFull,
        Self::OutOfMemory,
        Self::Timeout,
        Self::IdleTimeout,
        Self::DaemonLost,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The name on the wire, such as `BASE_NOT_FOUND`.
    pub fn code(self) -> &'static str {
        match self {
            Self::BaseNotFound => "BASE_NOT_FOUND",
            Self::RegistryAuth => "REGISTRY_AUTH",
            Self::RegistryTls => "REGISTRY_TLS",
            Self::RegistryUnreachable => "REGISTRY_UNREACHABLE",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::TagImmutable => "TAG_IMMUTABLE",
            Self::UnsupportedBase => "UNSUPPORTED_BASE",
            Self::SourceMismatch => "SOURCE_MISMATCH",
            Self::InstallerMissing => "INSTALLER_MISSING",
            Self::PackageNotFound => "PACKAGE_NOT_FOUND",
            Self::PackageConflict => "PACKAGE_CONFLICT",
            Self::MirrorUnreachable => "MIRROR_UNREACHABLE",
            Self::BuildStepFailed => "BUILD_STEP_FAILED",
            Self::ImageTooLarge => "IMAGE_TOO_LARGE",
            Self::DiskFull => "DISK_FULL",
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::Timeout => "TIMEOUT",
            Self::IdleTimeout => "IDLE_TIMEOUT",
            Self::DaemonLost => "DAEMON_LOST",
            Self::Cancelled => "CANCELLED",
            Self::Internal => "INTERNAL",
        }
    }

    /// The cause of that wire name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.code() == code)
    }

    /// Whether trying again soon may succeed without anybody changing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::RegistryUnreachable | Self::MirrorUnreachable | Self::DaemonLost)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

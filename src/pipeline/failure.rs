//! How a task ends before its time.

use crate::cause::Cause;
use crate::engine::EngineError;
use crate::explanation::{Explanation, Said};
use crate::language::{Language, explain};
use crate::registry::RegistryError;
use crate::site::SiteError;
use crate::store::{Failure, StoreError};
use crate::task::{StageName, TaskState};

/// Why a stage could not do its work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", explain(explanation, Some(*cause), Language::English))]
pub struct StageFailure {
    /// Cause.
    pub cause: Cause,
    /// What happened.
    pub explanation: Explanation,
    /// The Dockerfile step that failed.
    pub failed_step: Option<String>,
    /// Its last lines.
    pub last_lines: Vec<String>,
}

impl StageFailure {
    /// A failure outside a build step.
    pub fn new(cause: Cause, explanation: impl Into<Explanation>) -> Self {
        Self { cause, explanation: explanation.into(), failed_step: None, last_lines: Vec::new() }
    }

    /// A file of ours that cannot be written.
    pub fn unwritable(what: &str, error: &std::io::Error) -> Self {
        if error.kind() != std::io::ErrorKind::StorageFull {
            return Self::internal(what, error);
        }
        tracing::error!("{what}: {error}");
        Self::new(Cause::DiskFull, Explanation::quoted(format!("{what}: the disk of FastBuild is full")))
    }

    /// A fault of ours; the chain goes to the log, not to the client.
    pub fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            chain = format!("{chain}: {inner}");
            source = inner.source();
        }
        tracing::error!("{what}: {chain}");
        Self::new(Cause::Internal, Said::Internal { what: what.to_owned() })
    }
}

impl From<EngineError> for StageFailure {
    fn from(error: EngineError) -> Self {
        Self {
            cause: error.cause,
            explanation: Explanation::quoted(error.message),
            failed_step: error.failed_step,
            last_lines: error.last_lines,
        }
    }
}

impl From<RegistryError> for StageFailure {
    fn from(error: RegistryError) -> Self {
        Self::new(error.cause(), Explanation::quoted(error.to_string()))
    }
}

impl From<StoreError> for StageFailure {
    fn from(error: StoreError) -> Self {
        let failure = Self::internal("the database failed", &error);
        if !error.is_disk_full() {
            return failure;
        }
        Self::new(Cause::DiskFull, Explanation::quoted("the disk of FastBuild's database is full"))
    }
}

impl From<SiteError> for StageFailure {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Engine(error) => error.into(),
            SiteError::NotConfigured(parts) => {
                let parts = parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Self::new(Cause::Internal, Said::NotConfigured { parts })
            }
            SiteError::Store(_) | SiteError::Sealed(_) => Self::internal("the configuration cannot be read", &error),
        }
    }
}

/// How a run ended when not with a pushed image.
#[derive(Debug)]
pub enum RunEnd {
    /// A stage failed.
    Failed(StageName, StageFailure),
    /// Images larger than the limit end in a state of their own.
    TooLarge(StageFailure),
    /// Somebody cancelled the task.
    Cancelled(StageName),
    /// The task took longer than its limit.
    TimedOut(StageName),
    /// The service stops; the task goes back into the queue.
    HandedBack,
}

impl RunEnd {
    /// The end state and the failure for the task's row; `None` for a task that is handed back.
    pub fn into_failure(self) -> Option<(TaskState, Failure)> {
        let (state, stage, failure) = match self {
            Self::Failed(stage, failure) => (stage.failed_state(), stage, failure),
            Self::TooLarge(failure) => (TaskState::CheckImageSizeFailed, StageName::Build, failure),
            Self::Cancelled(stage) => {
                (TaskState::BuildAbort, stage, StageFailure::new(Cause::Cancelled, Said::Cancelled))
            }
            Self::TimedOut(stage) => {
                (TaskState::BuildAbort, stage, StageFailure::new(Cause::Timeout, Said::TaskTimeout))
            }
            Self::HandedBack => return None,
        };
        let failure = Failure {
            cause: failure.cause,
            stage: Some(stage),
            explanation: failure.explanation,
            failed_step: failure.failed_step,
            last_lines: failure.last_lines,
        };
        Some((state, failure))
    }
}

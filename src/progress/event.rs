//! Events of a task as watchers read them.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::engine::{BuildStep, StepStatus};
use crate::explanation::Explanation;
use crate::language::{Language, explain};
use crate::task::{StageName, TaskState};

/// A numbered event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    /// Number, 1 for a task's first event, without gaps.
    pub sequence: u64,
    /// When it happened, microseconds since 1970.
    pub time_micros: i64,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    /// The task has a new state.
    State {
        /// The state.
        state: TaskState,
    },
    /// A stage began or ended.
    Stage {
        /// The stage.
        stage: StageName,
        /// `running`, `success` or `fail`.
        status: String,
    },
    /// A line of a stage's log.
    Log {
        /// The stage.
        stage: StageName,
        /// The text.
        text: String,
        /// Whether it went to standard error.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        /// Build step it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// A build step was seen, started or ended.
    Step {
        /// Its id within the build.
        id: String,
        /// Its name.
        name: String,
        /// `waiting`, `running`, `cached`, `done` or `failed`.
        status: String,
        /// How long it ran.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<u64>,
    },
    /// Bytes of a transfer.
    Bytes {
        /// The stage: `pull` or `push`.
        stage: StageName,
        /// Layer.
        item: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all; 0 when unknown.
        total: u64,
    },
    /// The task was interrupted by a restart of the service and waits again.
    Interrupted,
    /// The task has ended; nothing follows.
    End {
        /// End state.
        state: TaskState,
        /// Cause of a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// What happened; watchers get it in their language.
        #[serde(rename = "message", default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        explanation: Option<Explanation>,
    },
}

impl EventBody {
    /// The event of a build step.
    pub fn of_step(step: BuildStep) -> Self {
        let status = match step.status {
            StepStatus::Waiting => "waiting",
            StepStatus::Running => "running",
            StepStatus::Cached => "cached",
            StepStatus::Done => "done",
            StepStatus::Failed => "failed",
        };
        Self::Step { id: step.id, name: step.name, status: status.to_owned(), duration_ms: step.duration_ms }
    }

    /// The same event as somebody reads it.
    #[must_use]
    pub fn in_language(self, language: Language) -> Self {
        match self {
            Self::End { state, cause, explanation } => {
                let explanation = explanation.map(|said| Explanation::Plain(explain(&said, cause, language)));
                Self::End { state, cause, explanation }
            }
            other => other,
        }
    }

    /// The event's name for server-sent events.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Stage { .. } => "stage",
            Self::Log { .. } => "log",
            Self::Step { .. } => "step",
            Self::Bytes { .. } => "bytes",
            Self::Interrupted => "interrupted",
            Self::End { .. } => "end",
        }
    }
}

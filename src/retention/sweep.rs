//! What a sweep removed, or would, and what it left alone, each with its reason.

use super::RetentionError;
use crate::site::SiteError;

/// Kinds of things that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A task's directory: logs, journal, Dockerfile, request.
    TaskDirectory,
    /// A task's record with its stages and callbacks.
    TaskRow,
    /// Rows of history that belong to no task on record.
    HistoryRow,
    /// A name on the daemon whose image is in the registry.
    LocalImage,
    /// An image on the daemon that a task of ours left behind.
    Leftover,
    /// A name of ours on the daemon for a base or an installer that builds start from.
    BuildInput,
    /// BuildKit's cache.
    BuildCache,
}

impl Kind {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskDirectory => "task_directory",
            Self::TaskRow => "task_row",
            Self::HistoryRow => "history_row",
            Self::LocalImage => "local_image",
            Self::Leftover => "leftover",
            Self::BuildInput => "build_input",
            Self::BuildCache => "build_cache",
        }
    }
}

/// Why something goes or stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its task ended long enough ago.
    Ended {
        /// Days since.
        days: i64,
        /// The setting.
        limit_days: u32,
    },
    /// No task on record has this directory, and it is old.
    NoTask {
        /// Days since its last change.
        days: i64,
    },
    /// History older than the setting.
    Old {
        /// The setting.
        limit_days: u32,
    },
    /// The registry has it under the digest that was pushed.
    Pushed {
        /// Hours since the push.
        hours: i64,
    },
    /// Its task did not push it.
    NotPushed {
        /// The task.
        task_id: i64,
    },
    /// It lost its name to a newer image.
    Nameless {
        /// The task that made it.
        task_id: i64,
    },
    /// No task used it.
    Unused {
        /// Hours since the last one did.
        hours: i64,
    },
    /// More than the budget.
    OverBudget {
        /// Bytes in use.
        used_bytes: u64,
        /// Bytes that may stay.
        budget_bytes: u64,
    },
    /// A container uses it.
    Container,
    /// An unfinished task needs it.
    UnfinishedTask,
    /// It is offered as a base image.
    BaseImage,
    /// The registry has no such image, or another one under this name.
    NotInRegistry,
    /// The registry could not be asked, or the daemon refused; its words.
    Refused(String),
}

/// Something that went, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// How many things it stands for.
    pub count: u64,
    /// Bytes that it frees, where they are known.
    pub size_bytes: u64,
    /// Why.
    pub reason: Reason,
}

/// Something old enough that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

/// One sweep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Whether nothing was changed.
    pub is_dry_run: bool,
    /// What went, or would.
    pub removed: Vec<Removed>,
    /// What stays although it is old enough.
    pub kept: Vec<Kept>,
    /// Rules that could not be followed, and why.
    pub failed: Vec<(Kind, String)>,
}

impl Sweep {
    pub(super) fn new(is_dry_run: bool) -> Self {
        Self { is_dry_run, ..Self::default() }
    }

    pub(super) fn remove(&mut self, kind: Kind, name: impl Into<String>, size_bytes: u64, reason: Reason) {
        self.removed.push(Removed { kind, name: name.into(), count: 1, size_bytes, reason });
    }

    pub(super) fn keep(&mut self, kind: Kind, name: impl Into<String>, reason: Reason) {
        self.kept.push(Kept { kind, name: name.into(), reason });
    }

    /// A site that is not configured yet has nothing to sweep.
    pub(super) fn note_failure(&mut self, kind: Kind, outcome: Result<(), RetentionError>) {
        match outcome {
            Ok(()) | Err(RetentionError::Site(SiteError::NotConfigured(_))) => {}
            Err(error) => self.failed.push((kind, error.to_string())),
        }
    }

    /// Bytes that were freed, or would be, as far as they are known.
    pub fn freed_bytes(&self) -> u64 {
        self.removed.iter().map(|removed| removed.size_bytes).sum()
    }

    /// One line for what went, one for each rule that could not be followed.
    pub(super) fn log(&self) {
        let count: u64 = self.removed.iter().map(|removed| removed.count).sum();
        if count > 0 {
            let megabytes = self.freed_bytes() >> 20;
            tracing::info!("retention: {count} things removed, {megabytes} MiB freed, {} kept", self.kept.len());
        }
        for (kind, reason) in &self.failed {
            tracing::warn!("retention: {} could not be looked at: {reason}", kind.as_str());
        }
    }
}

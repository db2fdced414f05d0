//! What can go wrong between the command line and a service, and the exit code each has.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output;
use crate::language::{Language, Notice};

/// The task failed.
pub(super) const TASK_FAILED: u8 = 1;
/// Wrong use, or a request the service refuses.
pub(super) const REFUSED: u8 = 2;
/// No service answers.
pub(super) const UNREACHABLE: u8 = 3;
/// Ended from the keyboard.
pub(super) const INTERRUPTED: u8 = 130;

/// A field the service does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldProblem {
    /// Where it lies, such as `image_data.task_name`.
    pub(super) field: String,
    /// What is wrong.
    pub(super) message: String,
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum ClientError {
    /// Wrong use.
    Usage(Notice),
    /// The service said no, in its own words.
    Refused(String),
    /// The service does not know such a field or value.
    Invalid(Vec<FieldProblem>),
    /// The service wants to know who asks.
    Unauthorized(String),
    /// The service has no such route.
    NoRoute(String),
    /// Nobody answers.
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// The system's words.
        reason: String,
    },
    /// An answer that is none of `FastBuild`'s.
    Unreadable {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Our own output cannot be written.
    Output(io::Error),
}

impl std::error::Error for ClientError {}

impl std::fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.said(Language::English))
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl ClientError {
    /// A file that cannot be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::Usage(Notice::Unreadable { file: path.display().to_string(), words: error.to_string() })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Refused(_) => "refused",
            Self::Invalid(_) => "invalid",
            Self::Unauthorized(_) => "unauthorized",
            Self::NoRoute(_) => "no_route",
            Self::Unreachable { .. } => "unreachable",
            Self::Unreadable { .. } => "unreadable",
            Self::Output(_) => "output",
        }
    }

    /// What a person is told.
    pub(super) fn said(&self, language: Language) -> String {
        let notice = match self {
            Self::Usage(notice) => notice.clone(),
            Self::Refused(words) => return words.clone(),
            Self::Invalid(_) => Notice::NotAccepted,
            Self::Unauthorized(words) => Notice::GiveToken(words.clone()),
            Self::NoRoute(url) => Notice::NoRoute(url.clone()),
            Self::Unreachable { url, reason } => Notice::NoService { url: url.clone(), reason: reason.clone() },
            Self::Unreadable { url, reason } => Notice::NotFastBuild { url: url.clone(), reason: reason.clone() },
            Self::Output(error) => Notice::Output(error.to_string()),
        };
        notice.render(language)
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Refused(_) | Self::Invalid(_) | Self::Unauthorized(_) | Self::NoRoute(_) => REFUSED,
            Self::Unreachable { .. } | Self::Unreadable { .. } => UNREACHABLE,
            // A reader such as `head` that has enough is no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 1,
        }
    }

    /// Tells a person, and a script when it asked for JSON.
    pub(super) fn report(&self, as_json: bool, language: Language) -> ExitCode {
        let code = self.code();
        if code == 0 {
            return ExitCode::SUCCESS;
        }
        if as_json {
            // The exit code tells as much when even this cannot be written.
            let _ = output::document(&self.to_json(language));
        }
        output::note(&format!("fastbuild: {}", self.said(language)));
        if let Self::Invalid(problems) = self {
            for FieldProblem { field, message } in problems {
                output::note(&format!("  {field}: {message}"));
            }
        }
        ExitCode::from(code)
    }

    fn to_json(&self, language: Language) -> Value {
        let mut error = json!({ "kind": self.kind(), "message": self.said(language) });
        if let Self::Invalid(problems) = self {
            let fields = problems.iter().map(|one| json!({ "field": one.field, "message": one.message }));
            error["fields"] = fields.collect();
        }
        json!({ "error": error })
    }
}

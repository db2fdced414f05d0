//! What can go wrong between the command line and a service, and the exit code each has.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output;

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
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Wrong use.
    #[error("{0}")]
    Usage(String),
    /// The service said no, in its own words.
    #[error("{0}")]
    Refused(String),
    /// The service does not know such a field or value.
    #[error("the service does not accept this request")]
    Invalid(Vec<FieldProblem>),
    /// The service wants to know who asks.
    #[error("{0}; give a token with --token or FASTBUILD_TOKEN")]
    Unauthorized(String),
    /// The service has no such route.
    #[error("the service does not know {0}: is it an older one?")]
    NoRoute(String),
    /// Nobody answers.
    #[error("no service answers at {url}: {reason}; is it running, and is --url (or FASTBUILD_URL) right?")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// The system's words.
        reason: String,
    },
    /// An answer that is none of `FastBuild`'s.
    #[error("the answer of {url} is not one of FastBuild: {reason}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Our own output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl ClientError {
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
    pub(super) fn report(&self, as_json: bool) -> ExitCode {
        let code = self.code();
        if code == 0 {
            return ExitCode::SUCCESS;
        }
        if as_json {
            // The exit code tells as much when even this cannot be written.
            let _ = output::document(&self.to_json());
        }
        output::note(&format!("fastbuild: {self}"));
        if let Self::Invalid(problems) = self {
            for FieldProblem { field, message } in problems {
                output::note(&format!("  {field}: {message}"));
            }
        }
        ExitCode::from(code)
    }

    fn to_json(&self) -> Value {
        let mut error = json!({ "kind": self.kind(), "message": self.to_string() });
        if let Self::Invalid(problems) = self {
            let fields = problems.iter().map(|one| json!({ "field": one.field, "message": one.message }));
            error["fields"] = fields.collect();
        }
        json!({ "error": error })
    }
}

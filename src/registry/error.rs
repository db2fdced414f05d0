//! What can go wrong at a registry, in its own words where it had any.

use std::time::Duration;

use crate::cause::Cause;
use crate::image::Digest;

/// Why the registry did not do what it was asked. `what` says what that was, such as `reading manifest base/debian:12`.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The access itself is unusable: a CA that cannot be read.
    #[error("{host}: {reason}")]
    Settings {
        /// The registry.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or one that broke or fell silent.
    #[error("{what}: {reason}")]
    Unreachable {
        /// What was asked.
        what: String,
        /// The innermost cause.
        reason: String,
    },
    /// The certificate is not trusted, or there is no TLS where there must be.
    #[error("{what}: {reason}")]
    Tls {
        /// What was asked.
        what: String,
        /// The innermost cause.
        reason: String,
    },
    /// 401: the account is not accepted here.
    #[error("{what}: the registry refused the account: {reason}")]
    Unauthorized {
        /// What was asked.
        what: String,
        /// The registry's words.
        reason: String,
    },
    /// 403: the account may not do this.
    #[error("{what}: denied: {reason}")]
    Denied {
        /// What was asked.
        what: String,
        /// The registry's words.
        reason: String,
    },
    /// 404.
    #[error("{what}: not found: {reason}")]
    NotFound {
        /// What was asked.
        what: String,
        /// The registry's words.
        reason: String,
    },
    /// The tag must not be overwritten or deleted.
    #[error("{what}: {reason}")]
    Immutable {
        /// What was asked.
        what: String,
        /// The registry's words.
        reason: String,
    },
    /// The project has no room left.
    #[error("{what}: {reason}")]
    Quota {
        /// What was asked.
        what: String,
        /// The registry's words.
        reason: String,
    },
    /// 429 or 5xx, also after further attempts.
    #[error("{what}: the registry answered {status}: {reason}")]
    Busy {
        /// What was asked.
        what: String,
        /// HTTP status.
        status: u16,
        /// How long the registry asked to wait.
        retry_after: Option<Duration>,
        /// The registry's words.
        reason: String,
    },
    /// Any other status that was not expected.
    #[error("{what}: the registry answered {status}: {reason}")]
    Refused {
        /// What was asked.
        what: String,
        /// HTTP status.
        status: u16,
        /// The registry's words.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("{what}: the registry's answer is not usable: {reason}")]
    Malformed {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The content is not what its digest says, or a tag does not hold what was just put there.
    #[error("{what}: expected {expected}, found {found}")]
    WrongDigest {
        /// What was asked.
        what: String,
        /// The digest it should have.
        expected: Digest,
        /// The digest it has.
        found: Digest,
    },
    /// More bytes than are taken.
    #[error("{what}: larger than {limit_bytes} bytes")]
    TooLarge {
        /// What was asked.
        what: String,
        /// The limit.
        limit_bytes: usize,
    },
}

impl RegistryError {
    /// The cause for people and machines.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Settings { .. } | Self::Tls { .. } => Cause::RegistryTls,
            Self::Unauthorized { .. } | Self::Denied { .. } => Cause::RegistryAuth,
            Self::NotFound { .. } => Cause::BaseNotFound,
            Self::Immutable { .. } => Cause::TagImmutable,
            Self::Quota { .. } => Cause::QuotaExceeded,
            Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::WrongDigest { .. }
            | Self::TooLarge { .. } => Cause::RegistryUnreachable,
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// Whether it says that the account, the project or the tag is in the way, which a push through the daemon would
    /// meet as well. Anything else may be a trouble of this direct access alone.
    pub fn is_verdict(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::Denied { .. } | Self::Immutable { .. } | Self::Quota { .. })
    }

    /// The error that an answer with this status stands for. Harbor says immutable with 412 and quota with 403 or 412.
    pub(super) fn of_status(
        what: &str,
        status: u16,
        words: &str,
        reason: String,
        retry_after: Option<Duration>,
    ) -> Self {
        let what = what.to_owned();
        let words = words.to_lowercase();
        let reason = if reason.is_empty() { "no reason given".to_owned() } else { reason };
        match status {
            429 | 500..=599 => Self::Busy { what, status, retry_after, reason },
            400..=499 if words.contains("immutable") => Self::Immutable { what, reason },
            400..=499 if words.contains("configured upper limit") || words.contains("quota") => {
                Self::Quota { what, reason }
            }
            401 => Self::Unauthorized { what, reason },
            403 => Self::Denied { what, reason },
            404 => Self::NotFound { what, reason },
            _ => Self::Refused { what, status, reason },
        }
    }

    /// `None` for what is not there.
    pub(super) fn absent<T>(result: Result<T, Self>) -> Result<Option<T>, Self> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Self::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_words_have_their_causes() {
        let immutable = "Failed to process request due to 'base/x:1' configured as immutable.";
        let quota = "adding 10 MiB of storage resource will exceed the configured upper limit of 100 MiB";
        for (status, words, cause, is_transient) in [
            (401, "unauthorized", Cause::RegistryAuth, false),
            (403, "denied", Cause::RegistryAuth, false),
            (404, "manifest unknown", Cause::BaseNotFound, false),
            (412, immutable, Cause::TagImmutable, false),
            (403, quota, Cause::QuotaExceeded, false),
            (412, quota, Cause::QuotaExceeded, false),
            (429, "too many requests", Cause::RegistryUnreachable, true),
            (500, "", Cause::RegistryUnreachable, true),
            (503, "down", Cause::RegistryUnreachable, true),
            (418, "teapot", Cause::RegistryUnreachable, false),
        ] {
            let error = RegistryError::of_status("pushing", status, words, words.to_owned(), None);
            assert_eq!((error.cause(), error.is_transient()), (cause, is_transient), "{status} {words}");
        }
    }
}

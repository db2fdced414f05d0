//! Why a build request was refused.

use super::Reason;

const SHOWN_CHARACTERS: usize = 80;

/// Why one text was refused; the caller knows which field it stood in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {value:?}")]
pub struct FieldError {
    /// The broken rule.
    pub reason: Reason,
    /// The refused text, shortened.
    pub value: String,
}

impl FieldError {
    /// Keeps the beginning of the refused text.
    pub fn new(reason: Reason, value: &str) -> Self {
        Self { reason, value: value.chars().take(SHOWN_CHARACTERS).collect() }
    }
}

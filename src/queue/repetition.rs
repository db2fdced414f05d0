//! Whether a request under a known `Idempotency-Key` is the one that the key came with.
//!
//! What lies in the database of a request is its document without secrets and, sealed, its passwords; both are compared. A
//! password that was encrypted once more is the same password.

use secrecy::ExposeSecret;
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::pipeline::KeptPasswords;

/// A request as it is stored.
pub(super) struct StoredRequest<'a> {
    /// The document without secrets.
    pub(super) document: &'a str,
    /// Its passwords.
    pub(super) passwords: &'a KeptPasswords,
}

impl StoredRequest<'_> {
    /// Whether both ask for the same; the order of fields does not count.
    pub(super) fn is_same(&self, other: &StoredRequest<'_>) -> bool {
        let document = |text: &str| serde_json::from_str::<Value>(text).ok();
        let (own, others) = (self.passwords.to_json(), other.passwords.to_json());
        let is_same_password = own.expose_secret().as_bytes().ct_eq(others.expose_secret().as_bytes());
        bool::from(is_same_password) && document(self.document) == document(other.document)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn passwords(ssh: &str) -> KeptPasswords {
        KeptPasswords { ssh: Some(SecretString::from(ssh)), jupyter: None }
    }

    #[test]
    fn a_request_is_the_same_when_it_asks_for_the_same() {
        let one = r#"{"webSSHSecret": "***", "task_data": {"task_name": "a", "callback_url": ""}}"#;
        let (first, second) = (passwords("one"), passwords("two"));
        let stored = StoredRequest { document: one, passwords: &first };
        for (document, passwords, is_same) in [
            (one, &first, true),
            (r#"{"task_data":{"callback_url":"","task_name":"a"},"webSSHSecret":"***"}"#, &first, true),
            (one, &second, false),
            (one, &KeptPasswords::default(), false),
            (r#"{"webSSHSecret": "***", "task_data": {"task_name": "b", "callback_url": ""}}"#, &first, false),
            (r#"{"webSSHSecret": "***", "task_data": {"task_name": "a"}}"#, &first, false),
        ] {
            assert_eq!(stored.is_same(&StoredRequest { document, passwords }), is_same, "{document}");
        }
    }
}

//! A request to a registry: what is asked, with whose word, and which answers count.

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::answer;
use super::token::Scope;

/// Whose word a request needs.
#[derive(Debug, Clone)]
pub(super) enum Permission {
    /// The registry's own: Basic, or one token with these scopes.
    Scopes(Vec<Scope>),
    /// The account itself, as Harbor's management API takes it.
    Account,
    /// Nobody's.
    Nobody,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// What it is for, in errors.
    pub(super) what: String,
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) permission: Permission,
    pub(super) follows_redirects: bool,
    /// Statuses that are answers; any other one is an error.
    pub(super) accepts: &'static [u16],
    /// How much body is taken.
    pub(super) limit_bytes: usize,
}

impl Order {
    pub(super) fn new(method: Method, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            permission: Permission::Nobody,
            follows_redirects: false,
            accepts: &[200],
            limit_bytes: answer::REFUSAL_LIMIT_BYTES,
        }
    }

    pub(super) fn scopes(self, scopes: &[Scope]) -> Self {
        Self { permission: Permission::Scopes(scopes.to_vec()), ..self }
    }

    pub(super) fn for_account(self) -> Self {
        Self { permission: Permission::Account, ..self }
    }

    pub(super) fn accepts(self, accepts: &'static [u16]) -> Self {
        Self { accepts, ..self }
    }

    pub(super) fn limit(self, limit_bytes: usize) -> Self {
        Self { limit_bytes, ..self }
    }
}

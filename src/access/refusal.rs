//! Why somebody is turned away.

use super::Role;

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The route is for those who show who they are.
    TokenMissing,
    /// A token is none of ours, or its time is over.
    TokenRefused,
    /// The token's role does not reach; this one would.
    RoleLacking(Role),
    /// A page of another site made a browser ask, or a page of ours is out of date.
    ForeignPage,
    /// The name by which the service was called is none of its own.
    HostUnknown,
}

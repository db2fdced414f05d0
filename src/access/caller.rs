//! Who asks.

use super::Role;
use crate::clock::Moment;

/// How a caller showed who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nobody is asked for any.
    Open,
    /// A token among the headers.
    Token {
        /// Its row.
        token_id: i64,
    },
    /// The console's cookie; changes need this text beside it.
    Session {
        /// What a page of another site cannot know.
        csrf: String,
        /// What its row is found by.
        session_hash: String,
    },
    /// A signed link to this one address.
    Link {
        /// When it ends.
        expires: Moment,
    },
}

/// Who asks, as the guard found out; handlers find it among a request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What they may do.
    pub role: Role,
    /// Whose tasks they make and see; empty when nobody is asked.
    pub user: String,
    /// How they showed it.
    pub proof: Proof,
}

impl Caller {
    /// Everybody, while nobody is asked for a token.
    pub fn anybody() -> Self {
        Self { role: Role::Administer, user: String::new(), proof: Proof::Open }
    }

    /// Whoever has a signed link.
    pub fn of_link(expires: Moment) -> Self {
        Self { role: Role::Read, user: String::new(), proof: Proof::Link { expires } }
    }

    /// The only owner whose tasks this caller sees; `None` when they see all. What a link leads to was decided when it
    /// was signed.
    pub fn limited_to(&self) -> Option<&str> {
        match (self.role, &self.proof) {
            (Role::Administer, _) | (_, Proof::Link { .. } | Proof::Open) => None,
            _ => Some(&self.user),
        }
    }

    /// Whether this caller sees what belongs to `owner`.
    pub fn sees(&self, owner: &str) -> bool {
        self.limited_to().is_none_or(|user| user == owner)
    }

    /// A key for repeated submissions that no other user's can meet.
    pub fn own_key(&self, key: String) -> String {
        // No user's name holds a slash.
        if self.user.is_empty() { key } else { format!("{}/{key}", self.user) }
    }

    /// What a change from a page must bring along; absent for callers without a cookie.
    pub fn csrf(&self) -> Option<&str> {
        match &self.proof {
            Proof::Session { csrf, .. } => Some(csrf),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_administrators_see_what_is_not_theirs() {
        let caller = |role| Caller { role, user: "ann".to_owned(), proof: Proof::Token { token_id: 1 } };
        for role in [Role::Read, Role::Submit] {
            let caller = caller(role);
            assert!(caller.sees("ann") && !caller.sees("bob") && !caller.sees(""), "{role}");
        }
        assert!(caller(Role::Administer).sees("bob") && Caller::anybody().sees("bob"));
        assert_ne!(caller(Role::Submit).own_key("k".to_owned()), Caller::anybody().own_key("k".to_owned()));
    }
}

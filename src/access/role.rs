//! What a caller may do.

use std::fmt;

use serde::Deserialize;

/// What a caller may do; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See the tasks of its user, their logs and files, and what can be built from.
    Read,
    /// Build images too, and cancel or delete the tasks of its user.
    Submit,
    #[value(alias = "admin")]
    /// Everything: every task, the configuration, the catalogue, the tokens.
    Administer,
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Administer];

    /// The name on the wire and in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Administer => "administer",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

//! Names of tokens and users: short, printable, and safe wherever they are shown or joined.

use std::fmt;
use std::str::FromStr;

const MAX_BYTES: usize = 64;

/// The name of a token or a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessName(String);

/// A text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 letters, digits, dots, hyphens, underscores or @, and begins with a letter or digit")]
pub struct InvalidName;

impl AccessName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@');
        let is_name = (1..=MAX_BYTES).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(is_ours);
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for AccessName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["ann", "ci-1", "a.b@example.cn", &"a".repeat(64)] {
            assert!(good.parse::<AccessName>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "-a", ".a", "用户", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<AccessName>().is_err(), "{bad:?}");
        }
    }
}

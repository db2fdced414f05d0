//! PEP 508 environment markers, read by recursive descent and written anew.

use std::fmt;
use std::str::FromStr;

use super::{FieldError, Reason};

const MAX_MARKER_BYTES: usize = 512;
const MAX_DEPTH: usize = 16;

/// Variables a marker may ask for.
const VARIABLES: [&str; 12] = [
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform_machine",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
];

/// Comparisons, longest first; `in` and `not in` are read apart.
const COMPARISONS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// An environment marker such as `python_version < "3.9"`, in one normal form: double quotes, single spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Marker(String);

impl Marker {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Marker {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || FieldError::new(Reason::Marker, text);
        if text.len() > MAX_MARKER_BYTES {
            return Err(refuse());
        }
        let mut reader = Reader { rest: text, written: String::new() };
        reader.alternatives(0).filter(|()| reader.rest.trim_matches(is_space).is_empty()).ok_or_else(refuse)?;
        Ok(Self(reader.written))
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

/// Reads from `rest` and writes what it understood to `written`.
struct Reader<'text> {
    rest: &'text str,
    written: String,
}

impl Reader<'_> {
    fn alternatives(&mut self, depth: usize) -> Option<()> {
        self.term(depth)?;
        loop {
            let joint = if self.take_word("and") {
                " and "
            } else if self.take_word("or") {
                " or "
            } else {
                return Some(());
            };
            self.written.push_str(joint);
            self.term(depth)?;
        }
    }

    fn term(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.take("(") {
            self.written.push('(');
            self.alternatives(depth + 1)?;
            self.take(")").then_some(())?;
            self.written.push(')');
            return Some(());
        }
        self.operand()?;
        let comparison = if self.take_word("not") {
            self.take_word("in").then_some("not in")?
        } else if self.take_word("in") {
            "in"
        } else {
            COMPARISONS.into_iter().find(|comparison| self.take(comparison))?
        };
        self.written.push(' ');
        self.written.push_str(comparison);
        self.written.push(' ');
        self.operand()
    }

    fn operand(&mut self) -> Option<()> {
        if let Some(variable) = VARIABLES.into_iter().find(|variable| self.take_word(variable)) {
            self.written.push_str(variable);
            return Some(());
        }
        let quote = ['"', '\''].into_iter().find(|quote| self.take(quote.encode_utf8(&mut [0; 4])))?;
        let (value, rest) = self.rest.split_once(quote)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" ._+*!-".contains(&byte);
        value.bytes().all(is_plain).then_some(())?;
        self.rest = rest;
        self.written.push('"');
        self.written.push_str(value);
        self.written.push('"');
        Some(())
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start_matches(is_space).strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
        match self.rest.trim_start_matches(is_space).strip_prefix(word) {
            Some(rest) if ends(rest) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

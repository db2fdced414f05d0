//! pip requirements as PEP 508 writes them, without URLs, paths, options and comments.
//!
//! The text is taken apart and written anew, so that what reaches a requirements file is ours in every character.

use std::fmt;

use super::{FieldError, Marker, Reason};

/// Operators of version specifiers, longest first.
const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// A requirement: `name[extra]==1.0; python_version < "3.9"`. `Display` writes it in one normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipRequirement {
    name: String,
    extras: Vec<String>,
    specifiers: Vec<Specifier>,
    marker: Option<Marker>,
}

/// One version comparison of a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Specifier {
    /// `==`, `>=`, `~=` and so on.
    pub operator: &'static str,
    /// Version, with a trailing `.*` at times.
    pub version: String,
}

impl PipRequirement {
    /// Reads the wire's two texts; the name may hold extras, specifiers and a marker already.
    pub fn parse(name: &str, version: &str) -> Result<Self, FieldError> {
        let refuse = || FieldError::new(Reason::Requirement, name);
        let (head, marker) = match name.split_once(';') {
            Some((head, marker)) => (head.trim(), Some(marker.parse::<Marker>()?)),
            None => (name.trim(), None),
        };
        if head.is_empty() {
            return Err(FieldError::new(Reason::NameMissing, version));
        }
        let name_end = head.find(|character: char| !is_name_character(character)).unwrap_or(head.len());
        let (package, rest) = head.split_at(name_end);
        if !is_name(package) {
            return Err(refuse());
        }
        let (extras, rest) = match rest.trim_start().strip_prefix('[') {
            Some(rest) => {
                let (list, rest) = rest.split_once(']').ok_or_else(refuse)?;
                (read_extras(list).ok_or_else(refuse)?, rest)
            }
            None => (Vec::new(), rest),
        };
        let rest = rest.trim();
        let rest = match rest.strip_prefix('(') {
            Some(inner) => inner.strip_suffix(')').ok_or_else(refuse)?.trim(),
            None => rest,
        };
        let mut specifiers = read_specifiers(rest).ok_or_else(refuse)?;
        for specifier in read_version(version)? {
            if !specifiers.contains(&specifier) {
                specifiers.push(specifier);
            }
        }
        Ok(Self { name: package.to_owned(), extras, specifiers, marker })
    }

    /// The distribution's name as the client wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as PEP 503 compares it: lower case, runs of `-`, `_`, `.` as one `-`.
    pub fn normalized_name(&self) -> String {
        let mut normal = String::with_capacity(self.name.len());
        for character in self.name.chars() {
            match character {
                '-' | '_' | '.' if normal.ends_with('-') => {}
                '-' | '_' | '.' => normal.push('-'),
                other => normal.push(other.to_ascii_lowercase()),
            }
        }
        normal
    }

    /// Extras.
    pub fn extras(&self) -> &[String] {
        &self.extras
    }

    /// Version comparisons; empty means any version.
    pub fn specifiers(&self) -> &[Specifier] {
        &self.specifiers
    }

    /// Environment marker.
    pub fn marker(&self) -> Option<&Marker> {
        self.marker.as_ref()
    }

    /// The one version that is asked for exactly, if so.
    pub fn exact_pin(&self) -> Option<&str> {
        match self.specifiers.as_slice() {
            [Specifier { operator: "==" | "===", version }] if !version.ends_with('*') => Some(version),
            _ => None,
        }
    }
}

impl fmt::Display for PipRequirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if !self.extras.is_empty() {
            write!(formatter, "[{}]", self.extras.join(","))?;
        }
        for (index, specifier) in self.specifiers.iter().enumerate() {
            write!(formatter, "{}{}{}", if index == 0 { "" } else { "," }, specifier.operator, specifier.version)?;
        }
        match &self.marker {
            Some(marker) => write!(formatter, "; {marker}"),
            None => Ok(()),
        }
    }
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

/// PEP 508: letters, digits and `. _ -`, with a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 128
        && is_edge(text.bytes().next())
        && is_edge(text.bytes().last())
        && text.chars().all(is_name_character)
}

fn read_extras(list: &str) -> Option<Vec<String>> {
    if list.trim().is_empty() {
        return Some(Vec::new());
    }
    list.split(',').map(|extra| is_name(extra.trim()).then(|| extra.trim().to_owned())).collect()
}

fn read_specifiers(text: &str) -> Option<Vec<Specifier>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(|clause| read_specifier(clause.trim())).collect()
}

fn read_specifier(clause: &str) -> Option<Specifier> {
    let operator = OPERATORS.into_iter().find(|operator| clause.starts_with(operator))?;
    let version = clause[operator.len()..].trim_start();
    let stem = match operator {
        "==" | "!=" => version.strip_suffix(".*").unwrap_or(version),
        _ => version,
    };
    let number = stem.strip_prefix(['v', 'V']).unwrap_or(stem);
    let starts_well = match operator {
        "===" => stem.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()),
        _ => number.bytes().next().is_some_and(|byte| byte.is_ascii_digit()),
    };
    let is_version = starts_well
        && stem.len() <= 128
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".!+_-".contains(&byte))
        && stem.split('.').all(|part| !part.is_empty());
    is_version.then(|| Specifier { operator, version: version.to_owned() })
}

/// Reads the wire's `version`: a bare version, one with `=` or `==` glued on, or specifiers.
fn read_version(text: &str) -> Result<Vec<Specifier>, FieldError> {
    let text = text.trim();
    let has_operator = OPERATORS.iter().any(|operator| text.starts_with(operator));
    let joined = match text {
        "" => String::new(),
        text if has_operator => text.to_owned(),
        text => format!("=={}", text.strip_prefix('=').unwrap_or(text)),
    };
    read_specifiers(&joined).ok_or_else(|| FieldError::new(Reason::RequirementVersion, text))
}

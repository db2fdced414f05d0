//! Packages as the three installers name them.
//!
//! Each is made from the wire's `name` and `version`; what was accepted can stand in a list file or, quoted, on a
//! command line without becoming an option or a second command.

use std::fmt;

use super::{CondaName, CondaVersion, FieldError, PackageName, Reason, VersionText};

/// An OS package and perhaps its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OsPackage {
    /// Name, such as `libstdc++6`.
    pub name: PackageName,
    /// Version, joined with `=` (apt) or `-` (yum).
    pub version: Option<VersionText>,
}

impl OsPackage {
    /// Reads the wire's two texts; the name may already hold `=version`, the version may start with `=` or `==`.
    pub fn parse(name: &str, version: &str) -> Result<Self, FieldError> {
        let (name, version) = (name.trim(), version.trim());
        let (name, version) = match name.find('=') {
            Some(end) if version.is_empty() => name.split_at(end),
            _ => (name, version),
        };
        let joint = if version.starts_with("==") { 2 } else { usize::from(version.starts_with('=')) };
        if joint > 0 && version.len() == joint {
            return Err(FieldError::new(Reason::Version, version));
        }
        let version = &version[joint..];
        if name.is_empty() {
            return Err(FieldError::new(Reason::NameMissing, version));
        }
        Ok(Self { name: name.trim().parse()?, version: optional(version.trim(), str::parse)? })
    }
}

/// A conda package and perhaps its version. `Display` writes the specification: `name`, `name=1.2`, `name>=1.2,<2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CondaPackage {
    /// Name, perhaps with a channel: `conda-forge::numpy`.
    pub name: CondaName,
    /// Version or comparisons.
    pub version: Option<CondaVersion>,
}

impl CondaPackage {
    /// Reads the wire's two texts; the name may already hold the version: `numpy=1.19`, `numpy>=1.0`.
    pub fn parse(name: &str, version: &str) -> Result<Self, FieldError> {
        let (name, version) = (name.trim(), version.trim());
        let (name, version) = match name.find(['=', '<', '>', '!', '~']) {
            Some(end) if version.is_empty() => name.split_at(end),
            _ => (name, version),
        };
        if name.is_empty() {
            return Err(FieldError::new(Reason::NameMissing, version));
        }
        Ok(Self { name: name.trim().parse()?, version: optional(version.trim(), str::parse)? })
    }
}

impl fmt::Display for CondaPackage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_ref().map_or("", CondaVersion::as_str);
        let joint = if version.is_empty() || version.starts_with(['=', '<', '>', '!', '~']) { "" } else { "=" };
        write!(formatter, "{}{joint}{version}", self.name)
    }
}

/// Reads a text that may be empty.
fn optional<T>(text: &str, read: impl Fn(&str) -> Result<T, FieldError>) -> Result<Option<T>, FieldError> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

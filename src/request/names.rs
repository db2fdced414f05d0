//! Names that are safe by construction: each type's only way in is [`std::str::FromStr`].

use std::fmt;
use std::str::FromStr;

use super::FieldError;

const MAX_NAME_BYTES: usize = 255;

fn refuse(reason: &'static str, value: &str) -> FieldError {
    FieldError { reason, value: value.chars().take(80).collect() }
}

macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_type! {
    /// A file or directory name inside its own directory: no separators, no leading dash.
    FileName
}
text_type! {
    /// An absolute, normalised path that is no system directory.
    AbsolutePath
}
text_type! {
    /// A version such as `3.8`, `1:2.0-1~deb12u1`.
    VersionText
}
text_type! {
    /// A requirement as PEP 508 writes it, without URL: `name[extra]==1.0; python_version < "3.9"`.
    PipRequirement
}

/// An OS package and perhaps its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OsPackage {
    /// Name, such as `libstdc++6`.
    pub name: VersionText,
    /// Version, joined with `=` (apt) or `-` (yum).
    pub version: Option<VersionText>,
}

/// A conda package and perhaps its version, joined with `=`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CondaPackage {
    /// Name, perhaps with a channel: `conda-forge::numpy`.
    pub name: String,
    /// Version.
    pub version: Option<VersionText>,
}

impl FromStr for FileName {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ok = !text.is_empty()
            && text.len() <= MAX_NAME_BYTES
            && !matches!(text, "." | "..")
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(refuse("a file name may hold letters, digits and . _ + - only", text))
        }
    }
}

//! Names that are safe by construction: the only way in is [`std::str::FromStr`], and each grammar is a closed list
//! of characters.
//!
//! None of them can hold white space, a quote, a shell metacharacter, a leading dash or a `..` segment.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use super::{FieldError, Reason};

const MAX_NAME_BYTES: usize = 255;

/// What a [`Name`] may say.
pub trait Grammar {
    /// The rule that a refused text broke.
    const REASON: Reason;

    /// The accepted form of a text, or nothing.
    fn accept(text: &str) -> Option<String>;
}

/// A text that its grammar accepted.
pub struct Name<G>(String, PhantomData<fn() -> G>);

impl<G> Name<G> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<G: Grammar> FromStr for Name<G> {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let accepted = if text.len() <= MAX_NAME_BYTES { G::accept(text) } else { None };
        accepted.map(|text| Self(text, PhantomData)).ok_or_else(|| FieldError::new(G::REASON, text))
    }
}

impl<G> fmt::Display for Name<G> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<G> fmt::Debug for Name<G> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl<G> Clone for Name<G> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<G> PartialEq for Name<G> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<G> Eq for Name<G> {}

impl<G> PartialOrd for Name<G> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<G> Ord for Name<G> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<G> std::hash::Hash for Name<G> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<G> AsRef<str> for Name<G> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A file or directory name inside its own directory: no separators, no leading dash.
pub type FileName = Name<FileNameGrammar>;
/// An absolute, normalised directory in which something may be installed: no system directory.
pub type AbsolutePath = Name<AbsolutePathGrammar>;
/// A version such as `3.8` or `1:2.0-1~deb12u1`.
pub type VersionText = Name<VersionGrammar>;
/// An OS package's name, such as `libstdc++6` or `libc6:i386`.
pub type PackageName = Name<PackageNameGrammar>;
/// A conda package's name, perhaps with its channel: `conda-forge::numpy`.
pub type CondaName = Name<CondaNameGrammar>;
/// A conda version such as `1.2`, `1.2.*`, `1.2=py38_0`, `==1.2` or `>=1.2,<2`. Comparisons need quotes in a shell.
pub type CondaVersion = Name<CondaVersionGrammar>;

/// Grammar of [`FileName`].
pub enum FileNameGrammar {}
/// Grammar of [`AbsolutePath`].
pub enum AbsolutePathGrammar {}
/// Grammar of [`VersionText`].
pub enum VersionGrammar {}
/// Grammar of [`PackageName`].
pub enum PackageNameGrammar {}
/// Grammar of [`CondaName`].
pub enum CondaNameGrammar {}
/// Grammar of [`CondaVersion`].
pub enum CondaVersionGrammar {}

/// Whether every byte is a letter, a digit or one of `others`, and the first a letter, a digit or one of `first`.
fn is_word(text: &str, first: &[u8], others: &[u8]) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || first.contains(&byte))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

impl Grammar for FileNameGrammar {
    const REASON: Reason = Reason::FileName;

    fn accept(text: &str) -> Option<String> {
        let is_name = is_word(text, b"._+", b"._+-") && !text.bytes().all(|byte| byte == b'.');
        is_name.then(|| text.to_owned())
    }
}

/// Directories that belong to the system, with everything below them.
const SYSTEM_TREES: [&str; 15] = [
    "bin",
    "boot",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "lost+found",
    "proc",
    "run",
    "sbin",
    "sys",
    "tmp",
    "var",
];
/// Directories that hold others' things beside ours: not themselves, but a directory below them.
const SHARED_DIRECTORIES: [&str; 12] = [
    "home",
    "media",
    "mnt",
    "opt",
    "root",
    "srv",
    "usr/local",
    "usr/local/bin",
    "usr/local/etc",
    "usr/local/lib",
    "usr/local/sbin",
    "usr/local/share",
];

impl Grammar for AbsolutePathGrammar {
    const REASON: Reason = Reason::InstallDirectory;

    fn accept(text: &str) -> Option<String> {
        let segments: Vec<&str> = text.strip_prefix('/')?.split('/').filter(|segment| !segment.is_empty()).collect();
        let first = *segments.first()?;
        let is_plain = segments.iter().all(|segment| FileNameGrammar::accept(segment).is_some());
        let path = segments.join("/");
        let is_system = SYSTEM_TREES.contains(&first)
            || (first == "usr" && segments.get(1) != Some(&"local"))
            || SHARED_DIRECTORIES.contains(&path.as_str())
            || ["usr/local/bin/", "usr/local/sbin/"].iter().any(|tree| path.starts_with(tree));
        (is_plain && !is_system).then(|| format!("/{path}"))
    }
}

impl Grammar for VersionGrammar {
    const REASON: Reason = Reason::Version;

    fn accept(text: &str) -> Option<String> {
        let (epoch, version) = text.split_once(':').unwrap_or(("0", text));
        // apt reads a trailing `-`, `+` or `^` as an order of its own, also behind a version.
        let ends_well = text.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '~');
        let is_epoch = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
        (is_epoch && ends_well && is_word(version, b"", b".+~^_-")).then(|| text.to_owned())
    }
}

impl Grammar for PackageNameGrammar {
    const REASON: Reason = Reason::PackageName;

    fn accept(text: &str) -> Option<String> {
        let (name, architecture) = match text.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (text, None),
        };
        // apt reads a trailing dash as "remove" and a trailing plus as "install"; `g++` is a name of its own.
        let modifies = |word: &str| word.ends_with('-') || (word.ends_with('+') && !word.ends_with("++"));
        let is_name = is_word(name, b"", b"+._-") && !modifies(name);
        let is_architecture = |word: &str| is_word(word, b"", b"-") && !modifies(word);
        (is_name && architecture.is_none_or(is_architecture)).then(|| text.to_owned())
    }
}

impl Grammar for CondaNameGrammar {
    const REASON: Reason = Reason::CondaName;

    fn accept(text: &str) -> Option<String> {
        let (channel, name) = match text.split_once("::") {
            Some((channel, name)) => (Some(channel), name),
            None => (None, text),
        };
        let is_segment = |segment: &str| is_word(segment, b"_", b"._-");
        let is_channel = |channel: &str| channel.split('/').all(is_segment);
        let ends_well = !text.ends_with(['-', '.']);
        (is_word(name, b"_", b"._-") && ends_well && channel.is_none_or(is_channel)).then(|| text.to_owned())
    }
}

impl Grammar for CondaVersionGrammar {
    const REASON: Reason = Reason::CondaVersion;

    fn accept(text: &str) -> Option<String> {
        // A single `=` is how name and version are joined; clients glue it on at times.
        let text = match text.strip_prefix('=') {
            Some(rest) if !rest.starts_with('=') => rest,
            _ => text,
        };
        let clauses: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut comparisons = 0;
        for clause in &clauses {
            let version = clause.trim_start_matches(['=', '<', '>', '!', '~']);
            let operator = &clause[..clause.len() - version.len()];
            if !matches!(operator, "" | "==" | "!=" | ">=" | "<=" | ">" | "<" | "~=") {
                return None;
            }
            comparisons += usize::from(!operator.is_empty());
            let (version, build) = version.split_once('=').unwrap_or((version, "0"));
            let number = version.strip_suffix('*').unwrap_or(version);
            let (epoch, number) = number.split_once('!').unwrap_or(("0", number));
            let needs_digit = !operator.is_empty() || version.ends_with('*');
            let starts_well = !needs_digit || number.starts_with(|first: char| first.is_ascii_digit());
            let is_number = is_word(number, b"", b".+_-")
                && starts_well
                && !number.ends_with(['-', '+'])
                && (version.ends_with('*') || !number.ends_with('.'))
                && epoch.bytes().all(|byte| byte.is_ascii_digit());
            if !(is_number || version == "*") || !is_word(build, b"*_", b"._*") {
                return None;
            }
        }
        (clauses.len() == 1 || comparisons == clauses.len()).then(|| clauses.join(","))
    }
}

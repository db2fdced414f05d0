//! What can go wrong with the catalogue.

use std::path::PathBuf;

use crate::cause::Cause;

/// Why an upload has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No plain file name.
    #[error("a file name may hold letters, digits and . _ + - only")]
    FileName,
    /// A name of uploads under way.
    #[error("names that start with .upload- are used by uploads under way")]
    Temporary,
    /// An unknown installer.
    #[error("the installer is apt, yum, pip or conda")]
    Installer,
    /// A source without installer, whose name does not tell it.
    #[error("the name says not what it is for: .list, .sources, .repo, pip.conf and .condarc do")]
    Unplaced,
    /// A type that is no directory's name.
    #[error("a type may hold letters, digits and . _ + - only")]
    Mirror,
    /// An unknown kind of file.
    #[error("file_type is source, python, pip or conda")]
    FileType,
    /// A file lies where a directory should be, or a directory where the file should be.
    #[error("something else lies in its place")]
    Occupied,
    /// The directory may not be written.
    #[error("the directory cannot be written")]
    ReadOnly,
}

/// Why the catalogue could not serve.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Neither in the directory nor built in.
    #[error("there is no {kind} file {name}")]
    Missing {
        /// What it would be, such as `apt source` or `python`.
        kind: &'static str,
        /// Its name, with its directory for a source.
        name: String,
    },
    /// Larger than allowed.
    #[error("{name} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The file.
        name: String,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// An upload whose kind or name says not where it belongs.
    #[error("{name}: {reason}")]
    Refused {
        /// The file.
        name: String,
        /// The broken rule.
        reason: Refusal,
    },
    /// Built in, so that it cannot be deleted.
    #[error("{name} is built in")]
    BuiltIn {
        /// The file.
        name: String,
    },
    /// The file system did not do its part.
    #[error("{}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

impl CatalogueError {
    /// The cause for people and machines.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Missing { .. } | Self::TooLarge { .. } => Cause::InstallerMissing,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Cause::DiskFull,
            Self::Refused { .. } | Self::BuiltIn { .. } | Self::Io { .. } => Cause::Internal,
        }
    }
}

//! What can go wrong with the catalogue.

use std::path::PathBuf;

use crate::cause::Cause;

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
        /// What is allowed.
        reason: &'static str,
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

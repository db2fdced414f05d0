//! The mirrors and installers that requests may name: `source_dir` and `tools_dir`, and mirrors built in.
//!
//! The directories are the catalogue: a file laid there by hand counts at once, `<source_dir>/<installer>/<type>/<file>`
//! and `<tools_dir>/{python,pip/pip2,pip/pip3,conda}/<file>`. Nothing in them can break a listing, nothing outside them
//! is ever opened, and what is uploaded appears whole or not at all.

mod builtin;
mod error;
mod fits;
mod kinds;
mod listing;
mod lookup;
mod upload;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use error::{CatalogueError, Refusal};
pub use fits::fits;
pub use kinds::{InstallerKind, SourceInstaller};
pub use listing::{Installers, SoftwareListing, SourceGroup, SourceListing};
pub use lookup::{InstallerFile, MirrorFile};
pub use upload::{Place, StoredFile};

use crate::image::Digest;

/// Largest mirror file in bytes.
pub const MAX_MIRROR_BYTES: u64 = 1 << 20;

/// Both directories. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalogue {
    source_dir: PathBuf,
    tools_dir: PathBuf,
    max_installer_bytes: u64,
    digests: Arc<Mutex<HashMap<PathBuf, KnownDigest>>>,
}

/// What changes with every change of a file: size, device, inode, and both times with their nanoseconds. The time of the
/// last status change is not one that `cp -p` or `touch` can set.
type FileStamp = [i128; 7];

/// A digest and what the file looked like when it was taken.
#[derive(Debug, Clone)]
struct KnownDigest {
    stamp: FileStamp,
    digest: Digest,
}

impl Catalogue {
    /// A catalogue over two directories, which may be empty or missing.
    pub fn new(source_dir: impl Into<PathBuf>, tools_dir: impl Into<PathBuf>, max_installer_bytes: u64) -> Self {
        Self {
            source_dir: source_dir.into(),
            tools_dir: tools_dir.into(),
            max_installer_bytes,
            digests: Arc::default(),
        }
    }

    /// Runs file work where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, CatalogueError> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        let catalogue = self.clone();
        let joined = tokio::task::spawn_blocking(move || work(&catalogue)).await;
        joined.map_err(|error| CatalogueError::Io {
            path: self.source_dir.clone(),
            source: std::io::Error::other(error),
        })?
    }
}

/// The file's real path, when it lies inside the directory.
fn inside(directory: &Path, path: &Path) -> Option<PathBuf> {
    let root = directory.canonicalize().ok()?;
    let real = path.canonicalize().ok()?;
    (real.starts_with(&root) && real.is_file()).then_some(real)
}

#[cfg(test)]
mod tests;

//! One file of the catalogue, found by its name.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    Catalogue, CatalogueError, FileStamp, InstallerKind, KnownDigest, MAX_MIRROR_BYTES, SourceInstaller, builtin,
    inside,
};
use crate::image::Digest;
use crate::request::{FileName, SourceChoice};

/// A mirror file, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorFile {
    /// What it is called.
    pub choice: SourceChoice,
    /// Its bytes.
    pub bytes: Bytes,
    /// Their digest.
    pub digest: Digest,
}

/// An installer file, where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallerFile {
    /// What it is for.
    pub kind: InstallerKind,
    /// What it is called.
    pub name: FileName,
    /// Where it lies.
    pub path: PathBuf,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Digest of its bytes.
    pub digest: Digest,
}

impl Catalogue {
    /// A mirror file; one in the directory goes before one built in.
    pub async fn mirror_file(
        &self,
        installer: SourceInstaller,
        choice: &SourceChoice,
    ) -> Result<MirrorFile, CatalogueError> {
        let choice = choice.clone();
        self.blocking(move |catalogue| {
            let directory = catalogue.source_dir.join(installer.name()).join(choice.mirror.as_str());
            let Some(path) = inside(&directory, &directory.join(choice.file.as_str())) else {
                let text = builtin::text(installer, choice.mirror.as_str(), choice.file.as_str());
                let bytes = Bytes::from(text.ok_or_else(|| CatalogueError::Missing {
                    kind: installer.kind(),
                    name: format!("{}/{}", choice.mirror, choice.file),
                })?);
                let digest = digest_of(&Sha256::digest(&bytes));
                return Ok(MirrorFile { choice, bytes, digest });
            };
            let bytes = read_whole(&path, MAX_MIRROR_BYTES)?;
            let digest = digest_of(&Sha256::digest(&bytes));
            Ok(MirrorFile { choice, bytes, digest })
        })
        .await
    }

    /// An installer file. Its digest is taken once, and again when anything about the file changed.
    pub async fn installer_file(&self, kind: InstallerKind, name: &FileName) -> Result<InstallerFile, CatalogueError> {
        let name = name.clone();
        self.blocking(move |catalogue| {
            let directory = catalogue.tools_dir.join(kind.directory());
            let missing = || CatalogueError::Missing { kind: kind.name(), name: name.to_string() };
            let path = inside(&directory, &directory.join(name.as_str())).ok_or_else(missing)?;
            let (size_bytes, digest) = catalogue.digest(&path)?;
            Ok(InstallerFile { kind, path, size_bytes, digest, name: name.clone() })
        })
        .await
    }

    fn digest(&self, path: &Path) -> Result<(u64, Digest), CatalogueError> {
        let failed = |source| CatalogueError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let (stamp, size_bytes) = (stamp(&metadata), metadata.len());
        let known = self.digests.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(path).cloned();
        if let Some(known) = known.filter(|known| known.stamp == stamp) {
            return Ok((size_bytes, known.digest));
        }
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let length = file.read(&mut buffer).map_err(failed)?;
            if length == 0 {
                break;
            }
            hasher.update(&buffer[..length]);
        }
        let digest = digest_of(&hasher.finalize());
        let known = KnownDigest { stamp, digest: digest.clone() };
        self.digests.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(path.to_owned(), known);
        Ok((size_bytes, digest))
    }
}

fn stamp(metadata: &Metadata) -> FileStamp {
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()].map(i128::from);
    let [modified, modified_nanos, changed, changed_nanos] = times;
    [
        metadata.len().into(),
        metadata.dev().into(),
        metadata.ino().into(),
        modified,
        modified_nanos,
        changed,
        changed_nanos,
    ]
}

pub(super) fn digest_of(hash: &[u8]) -> Digest {
    match format!("sha256:{}", hex::encode(hash)).parse() {
        Ok(digest) => digest,
        Err(_) => unreachable!("a SHA-256 in hex is a digest"),
    }
}

fn read_whole(path: &Path, limit_bytes: u64) -> Result<Bytes, CatalogueError> {
    let failed = |source| CatalogueError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(CatalogueError::TooLarge { name: path.display().to_string(), limit_bytes });
    }
    Ok(bytes.into())
}

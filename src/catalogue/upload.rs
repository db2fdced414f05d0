//! Uploads: placed by kind and name, written beside their place, synchronised, then renamed.

use std::path::{Path, PathBuf};

use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::lookup::digest_of;
use super::{Catalogue, CatalogueError, InstallerKind, MAX_MIRROR_BYTES, Refusal, SourceInstaller, builtin, inside};
use crate::image::Digest;
use crate::request::{FileName, SourceChoice};

/// Where a file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Below `source_dir`.
    Source(SourceInstaller, SourceChoice),
    /// Below `tools_dir`.
    Installer(InstallerKind, FileName),
}

/// An upload that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub name: FileName,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Digest of its bytes.
    pub digest: Digest,
}

const TEMPORARY_PREFIX: &str = ".upload-";
const TEMPORARY_DIGITS: usize = 16;

/// Whether a name is that of an upload under way.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX)
}

/// Whether a name is one that we gave to an upload.
fn is_of_upload(name: &str) -> bool {
    let suffix = name.strip_prefix(TEMPORARY_PREFIX);
    suffix.is_some_and(|hex| hex.len() == TEMPORARY_DIGITS && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Place {
    /// The place that an upload's fields name. A source without `installer` goes by its name, without `mirror` under
    /// `custom`; a pip installer goes under `pip3` unless `mirror` says `pip2`.
    pub fn new(
        file_type: &str,
        installer: Option<&str>,
        mirror: Option<&str>,
        name: &str,
    ) -> Result<Self, CatalogueError> {
        let refused = |reason| CatalogueError::Refused { name: name.chars().take(120).collect(), reason };
        let installer = installer.filter(|text| !text.is_empty());
        let mirror = mirror.filter(|text| !text.is_empty());
        let file: FileName = name.parse().map_err(|_| refused(Refusal::FileName))?;
        if is_temporary(name) {
            return Err(refused(Refusal::Temporary));
        }
        match file_type {
            "source" => {
                let installer = match installer {
                    Some(text) => text.parse().map_err(|()| refused(Refusal::Installer))?,
                    None => SourceInstaller::of_file(name).ok_or_else(|| refused(Refusal::Unplaced))?,
                };
                let mirror = mirror.unwrap_or("custom").parse().map_err(|_| refused(Refusal::Mirror))?;
                Ok(Self::Source(installer, SourceChoice { mirror, file }))
            }
            "python" => Ok(Self::Installer(InstallerKind::Python, file)),
            "pip" => {
                let python_major = if mirror == Some("pip2") || mirror == Some("2") { 2 } else { 3 };
                Ok(Self::Installer(InstallerKind::Pip { python_major }, file))
            }
            "conda" => Ok(Self::Installer(InstallerKind::Conda, file)),
            _ => Err(refused(Refusal::FileType)),
        }
    }

    /// The file's name.
    pub fn file(&self) -> &FileName {
        match self {
            Self::Source(_, choice) => &choice.file,
            Self::Installer(_, name) => name,
        }
    }
}

/// Removes a half-written file however its writing ended.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Nothing is lost when this fails: such names are not listed.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Catalogue {
    /// Writes an upload to its place; an older file of that name is replaced once the new one is whole on disk.
    pub async fn store(
        &self,
        place: &Place,
        mut content: impl AsyncRead + Unpin + Send,
    ) -> Result<StoredFile, CatalogueError> {
        let (directory, limit_bytes) = self.directory(place);
        let destination = directory.join(place.file().as_str());
        let failed = |source: std::io::Error| refused_write(place, &destination, source);
        tokio::fs::create_dir_all(&directory).await.map_err(failed)?;
        let suffix: u64 = rand::rng().random();
        let path = directory.join(format!("{TEMPORARY_PREFIX}{suffix:0TEMPORARY_DIGITS$x}"));
        let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&path).await.map_err(failed)?;
        let mut temporary = Temporary(Some(path.clone()));
        let mut hasher = Sha256::new();
        let mut size_bytes = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = content.read(&mut buffer).await.map_err(failed)?;
            if length == 0 {
                break;
            }
            size_bytes += length as u64;
            if size_bytes > limit_bytes {
                return Err(CatalogueError::TooLarge { name: place.file().to_string(), limit_bytes });
            }
            hasher.update(&buffer[..length]);
            file.write_all(&buffer[..length]).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        drop(file);
        tokio::fs::rename(&path, &destination).await.map_err(failed)?;
        temporary.0 = None;
        if let Ok(directory) = tokio::fs::File::open(&directory).await {
            directory.sync_all().await.map_err(failed)?;
        }
        Ok(StoredFile { name: place.file().clone(), size_bytes, digest: digest_of(&hasher.finalize()) })
    }

    /// Removes what is left of uploads that an earlier process did not finish. Nobody may be uploading.
    pub async fn remove_unfinished(&self) {
        let removed = self.blocking(|catalogue| {
            for directory in catalogue.directories() {
                for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                    let is_upload = entry.file_name().to_str().is_some_and(is_of_upload);
                    if !is_upload || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                        continue;
                    }
                    let path = entry.path();
                    match std::fs::remove_file(&path) {
                        Ok(()) => tracing::info!("removed {}, an upload that was never finished", path.display()),
                        Err(error) => tracing::warn!("cannot remove {}: {error}", path.display()),
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = removed.await {
            tracing::warn!("unfinished uploads were not looked for: {error}");
        }
    }

    /// Every directory that an upload may have been written to.
    fn directories(&self) -> Vec<PathBuf> {
        let kinds = [
            InstallerKind::Python,
            InstallerKind::Pip { python_major: 2 },
            InstallerKind::Pip { python_major: 3 },
            InstallerKind::Conda,
        ];
        let mut directories: Vec<_> = kinds.map(|kind| self.tools_dir.join(kind.directory())).to_vec();
        for installer in SourceInstaller::ALL {
            let mirrors = std::fs::read_dir(self.source_dir.join(installer.name())).into_iter().flatten().flatten();
            directories.extend(mirrors.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        directories
    }

    /// The bytes of a file for a download, and how many they are.
    pub async fn open(&self, place: &Place) -> Result<(Box<dyn AsyncRead + Send + Unpin>, u64), CatalogueError> {
        let Some(path) = self.find(place).await? else {
            if let Place::Source(installer, choice) = place {
                let file = self.mirror_file(*installer, choice).await?;
                let size_bytes = file.bytes.len() as u64;
                return Ok((Box::new(std::io::Cursor::new(file.bytes)), size_bytes));
            }
            return Err(missing(place));
        };
        let failed = |source| CatalogueError::Io { path: path.clone(), source };
        let file = tokio::fs::File::open(&path).await.map_err(failed)?;
        let size_bytes = file.metadata().await.map_err(failed)?.len();
        Ok((Box::new(file), size_bytes))
    }

    /// Deletes a file. What is built in stays, and shows again when a file over it goes.
    pub async fn delete(&self, place: &Place) -> Result<(), CatalogueError> {
        if self.find(place).await?.is_none() {
            if let Place::Source(installer, choice) = place
                && builtin::text(*installer, choice.mirror.as_str(), choice.file.as_str()).is_some()
            {
                return Err(CatalogueError::BuiltIn { name: format!("{}/{}", choice.mirror, choice.file) });
            }
            return Err(missing(place));
        }
        // The name in the directory goes, not what a link there points to.
        let path = self.directory(place).0.join(place.file().as_str());
        tokio::fs::remove_file(&path).await.map_err(|source| refused_write(place, &path, source))
    }

    async fn find(&self, place: &Place) -> Result<Option<PathBuf>, CatalogueError> {
        let directory = self.directory(place).0;
        let path = directory.join(place.file().as_str());
        self.blocking(move |_| Ok(inside(&directory, &path))).await
    }

    /// Its directory and the most bytes it may hold.
    fn directory(&self, place: &Place) -> (PathBuf, u64) {
        match place {
            Place::Source(installer, choice) => {
                (self.source_dir.join(installer.name()).join(choice.mirror.as_str()), MAX_MIRROR_BYTES)
            }
            Place::Installer(kind, _) => (self.tools_dir.join(kind.directory()), self.max_installer_bytes),
        }
    }
}

/// What lies in the way was laid there by hand, and a directory may be mounted read-only: neither is a fault of ours.
fn refused_write(place: &Place, path: &Path, source: std::io::Error) -> CatalogueError {
    use std::io::ErrorKind as Kind;
    let reason = match source.kind() {
        Kind::IsADirectory | Kind::NotADirectory | Kind::AlreadyExists | Kind::DirectoryNotEmpty => Refusal::Occupied,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Refusal::ReadOnly,
        _ => return CatalogueError::Io { path: path.to_owned(), source },
    };
    CatalogueError::Refused { name: place.file().to_string(), reason }
}

fn missing(place: &Place) -> CatalogueError {
    match place {
        Place::Source(installer, choice) => {
            CatalogueError::Missing { kind: installer.kind(), name: format!("{}/{}", choice.mirror, choice.file) }
        }
        Place::Installer(kind, name) => CatalogueError::Missing { kind: kind.name(), name: name.to_string() },
    }
}

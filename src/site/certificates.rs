//! A directory of certificates under `tls_dir`, one for every archive that was ever accepted.
//!
//! It appears whole or not at all, is readable by this service alone, and is never changed, because older rows point
//! into it. A directory whose configuration was refused is removed with its guard.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::tls_archive::TlsFile;
use crate::clock::Moment;

/// The end of the name of a directory that is not whole yet; its start is a dot.
const PARTIAL: &str = ".partial";

/// Removes directories that the end of an earlier process kept from becoming whole. Nobody may be writing one.
pub(super) fn remove_unfinished(tls_dir: &Path) {
    for entry in fs::read_dir(tls_dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_unfinished = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(PARTIAL));
        if is_unfinished && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            tracing::info!("removing {}, which was never finished", entry.path().display());
            // Its guard removes it, and tells why not.
            drop(CertificateDirectory { path: entry.path(), is_kept: false });
        }
    }
}

/// A directory that is removed again unless it is kept.
#[derive(Debug)]
pub(super) struct CertificateDirectory {
    path: PathBuf,
    is_kept: bool,
}

impl CertificateDirectory {
    /// Writes the files into a fresh directory, named by time and content.
    pub(super) fn write(tls_dir: &Path, files: &BTreeMap<TlsFile, Vec<u8>>, now: Moment) -> io::Result<Self> {
        let mut hash = Sha256::new();
        for content in files.values() {
            hash.update(Sha256::digest(content));
        }
        let name = format!("{}-{}", now.micros(), &hex::encode(hash.finalize())[..12]);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(tls_dir)?;
        let mut partial = Self { path: tls_dir.join(format!(".{name}{PARTIAL}")), is_kept: false };
        fs::DirBuilder::new().mode(0o700).create(&partial.path)?;
        for (file, content) in files {
            let path = partial.path.join(file.kept_name());
            let mut target = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
            target.write_all(content)?;
            target.sync_all()?;
        }
        fs::File::open(&partial.path)?.sync_all()?;
        let path = tls_dir.join(name);
        fs::rename(&partial.path, &path)?;
        fs::File::open(tls_dir)?.sync_all()?;
        partial.set_kept(true);
        Ok(Self { path, is_kept: false })
    }

    /// Where one of the files lies.
    pub(super) fn file(&self, file: TlsFile) -> PathBuf {
        self.path.join(file.kept_name())
    }

    /// Leaves the directory for good, or takes that back.
    pub(super) fn set_kept(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }
}

impl Drop for CertificateDirectory {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn files() -> BTreeMap<TlsFile, Vec<u8>> {
        TlsFile::ALL.into_iter().map(|file| (file, file.kept_name().as_bytes().to_vec())).collect()
    }

    #[test]
    fn kept_directories_are_whole_and_private() {
        let root = tempfile::tempdir().unwrap();
        let tls_dir = root.path().join("tls");
        let mut directory = CertificateDirectory::write(&tls_dir, &files(), Moment(1)).unwrap();
        let key = directory.file(TlsFile::Key);
        assert_eq!(fs::read(&key).unwrap(), b"key-jenkins.pem");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(key.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        directory.set_kept(true);
        drop(directory);
        assert!(key.exists());
        assert_eq!(fs::read_dir(&tls_dir).unwrap().count(), 1, "no partial directory stays");
    }

    #[test]
    fn a_refused_directory_leaves_nothing_and_spares_the_others() {
        let root = tempfile::tempdir().unwrap();
        CertificateDirectory::write(root.path(), &files(), Moment(1)).unwrap().set_kept(true);
        drop(CertificateDirectory::write(root.path(), &files(), Moment(2)).unwrap());
        let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 1);
        assert!(names[0].to_string_lossy().starts_with("1-"));
    }

    #[test]
    fn only_what_is_not_whole_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let mut directory = CertificateDirectory::write(root.path(), &files(), Moment(1)).unwrap();
        directory.set_kept(true);
        let partial = root.path().join(".2-abcdef123456.partial");
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("key-jenkins.pem"), "key").unwrap();
        fs::write(root.path().join(".a-file.partial"), "").unwrap();
        fs::create_dir(root.path().join("by-hand.partial")).unwrap();
        remove_unfinished(root.path());
        assert!(!partial.exists());
        assert!(directory.file(TlsFile::Key).exists());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3, "nothing else goes");
        remove_unfinished(&root.path().join("nothing"));
    }

    #[test]
    fn an_unwritable_place_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(CertificateDirectory::write(&file.join("tls"), &files(), Moment(1)).is_err());
    }
}

//! The key file beside the database: one key a line, newest last, readable by its owner alone.
//!
//! A missing file is made only while nothing is sealed yet: with sealed rows a new key would lock them for ever.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::sealing::{Key, key_id};
use super::{Sealer, SecretError};
use crate::file_rights::give_to_owner_of;

const LINE_PREFIX: &str = "v1 ";

impl Sealer {
    /// The keys of a file. A missing file is made with one new key, unless `has_sealed_rows`.
    pub fn open_key_file(path: &Path, has_sealed_rows: bool) -> Result<Self, SecretError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                Err(SecretError::KeyFileOpen(path.to_owned()))
            }
            Ok(_) => read(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound && has_sealed_rows => {
                Err(SecretError::KeyFileMissing(path.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write(path, &line(&new_key()))?;
                read(path)
            }
            Err(source) => Err(SecretError::KeyFile { path: path.to_owned(), source }),
        }
    }

    /// Adds a new key to a file; it seals from the next start on, the others go on opening.
    pub fn rotate_key_file(path: &Path) -> Result<Self, SecretError> {
        read(path)?;
        let source = |source| SecretError::KeyFile { path: path.to_owned(), source };
        let mut text = Zeroizing::new(fs::read_to_string(path).map_err(source)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line(&new_key()));
        write(path, &text)?;
        read(path)
    }

    /// Takes every key but the newest and those in `needed` out of a file, and names what went. Other lines stay.
    pub fn retire_from_key_file(path: &Path, needed: &BTreeSet<String>) -> Result<Vec<String>, SecretError> {
        let newest = read(path)?.key_id().to_owned();
        let source = |source| SecretError::KeyFile { path: path.to_owned(), source };
        let text = Zeroizing::new(fs::read_to_string(path).map_err(source)?);
        let (mut kept, mut retired) = (Zeroizing::new(String::new()), Vec::new());
        for line in text.lines() {
            match parse(line).map(|key| key_id(&key)) {
                Some(id) if id != newest && !needed.contains(&id) => retired.push(id),
                _ => {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
        }
        if !retired.is_empty() {
            write(path, &kept)?;
        }
        Ok(retired)
    }
}

fn parse(line: &str) -> Option<Key> {
    let bytes = STANDARD.decode(line.trim().strip_prefix(LINE_PREFIX)?).map(Zeroizing::new).ok()?;
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

fn new_key() -> Key {
    Zeroizing::new(rand::random())
}

fn line(key: &Key) -> Zeroizing<String> {
    let key = Zeroizing::new(STANDARD.encode(**key));
    Zeroizing::new(format!("{LINE_PREFIX}{}\n", *key))
}

fn read(path: &Path) -> Result<Sealer, SecretError> {
    let failed = |source| SecretError::KeyFile { path: path.to_owned(), source };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        keys.push(parse(line).ok_or_else(|| SecretError::KeyFileLine { path: path.to_owned(), line: index + 1 })?);
    }
    let newest = keys.pop().ok_or_else(|| SecretError::KeyFileLine { path: path.to_owned(), line: 1 })?;
    Ok(Sealer::new(newest, keys))
}

/// Writes beside the file and renames, so that a crash leaves the old file or the new one. The draft's name is always
/// the same: what a crash leaves of one is removed by the next, and nothing that somebody else laid there is written to.
/// Whoever owned the old file owns the new one: root rotates the keys of a service that runs as another user.
fn write(path: &Path, text: &str) -> Result<(), SecretError> {
    let failed = |source| SecretError::KeyFile { path: path.to_owned(), source };
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Path::new("."), |parent| parent);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft: PathBuf = directory.join(name);
    let write = || {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        give_to_owner_of(&file, path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::{ExposeSecret, SecretString};

    #[test]
    fn is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fastbuild.key");
        let first = Sealer::open_key_file(&path, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Sealer::open_key_file(&path, true).unwrap().key_id(), first.key_id());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a draft was left behind");
    }

    #[test]
    fn is_never_replaced_while_rows_are_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fastbuild.key");
        let error = Sealer::open_key_file(&path, true).unwrap_err();
        assert!(matches!(error, SecretError::KeyFileMissing(_)) && error.to_string().contains("fastbuild.key"));
        assert!(!path.exists());
    }

    #[test]
    fn rotation_keeps_the_earlier_keys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fastbuild.key");
        let before = Sealer::open_key_file(&path, false).unwrap();
        let sealed = before.seal("p", &SecretString::from("text")).unwrap();
        let after = Sealer::rotate_key_file(&path).unwrap();
        assert_ne!(before.key_id(), after.key_id());
        assert!(after.is_outdated(&sealed));
        assert_eq!(after.open("p", &sealed).unwrap().expose_secret(), "text");
        assert_eq!(Sealer::open_key_file(&path, true).unwrap().key_id(), after.key_id());
    }

    #[test]
    fn retiring_keeps_the_newest_what_is_needed_and_other_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fastbuild.key");
        let first = Sealer::open_key_file(&path, false).unwrap().key_id().to_owned();
        let second = Sealer::rotate_key_file(&path).unwrap().key_id().to_owned();
        let text = format!("# why\n{}", fs::read_to_string(&path).unwrap());
        write(&path, &text).unwrap();
        let third = Sealer::rotate_key_file(&path).unwrap();
        let needed = BTreeSet::from([first.clone()]);
        assert_eq!(Sealer::retire_from_key_file(&path, &needed).unwrap(), [second]);
        let left = Sealer::open_key_file(&path, true).unwrap();
        assert_eq!(format!("{left:?}"), format!("[{first:?}, {:?}]", third.key_id()));
        assert!(fs::read_to_string(&path).unwrap().starts_with("# why\n"));
        assert_eq!(Sealer::retire_from_key_file(&path, &BTreeSet::new()).unwrap(), [first]);
        assert!(Sealer::retire_from_key_file(&path, &BTreeSet::new()).unwrap().is_empty());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn names_what_is_wrong_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fastbuild.key");
        for (text, line) in [("", 1), ("# only a comment\n", 1), ("v1 AAAA\n", 1), ("# a\nnonsense\n", 2)] {
            write(&path, text).unwrap();
            let error = Sealer::open_key_file(&path, false).unwrap_err();
            assert!(
                matches!(error, SecretError::KeyFileLine { line: found, .. } if found == line),
                "{text:?}: {error}"
            );
        }
        write(&path, &line(&new_key())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Sealer::open_key_file(&path, false), Err(SecretError::KeyFileOpen(_))));
    }
}

//! The TLS archive of a Docker server: three PEM files out of a tar that somebody uploaded.
//!
//! Nothing is written while reading. Only regular files with the wanted names count; links, devices and paths that leave
//! the archive refuse it as a whole, and size and number of entries are bounded before and after decompression.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

const MAX_ARCHIVE_BYTES: usize = 4 << 20;
const MAX_UNPACKED_BYTES: u64 = 8 << 20;
const MAX_FILE_BYTES: u64 = 1 << 20;
const MAX_ENTRIES: usize = 100;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file that the archive must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFile {
    /// The CA that signed the server's certificate.
    Authority,
    /// The client's certificate.
    Certificate,
    /// The client's key.
    Key,
}

impl TlsFile {
    /// Every file, in the order of messages.
    pub const ALL: [Self; 3] = [Self::Authority, Self::Certificate, Self::Key];

    /// Accepted names; the first is preferred when an archive holds both.
    pub fn names(self) -> [&'static str; 2] {
        match self {
            Self::Authority => ["ca-jenkins.pem", "ca.pem"],
            Self::Certificate => ["cert-jenkins.pem", "cert.pem"],
            Self::Key => ["key-jenkins.pem", "key.pem"],
        }
    }

    /// The name under which it is kept.
    pub fn kept_name(self) -> &'static str {
        self.names()[0]
    }
}

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum TlsArchiveError {
    /// Neither tar nor tar.gz, or cut short.
    #[error("it is no readable tar or tar.gz")]
    Unreadable(#[source] std::io::Error),
    /// It is larger than any three certificates.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// More entries than any three certificates need.
    #[error("it holds more than {0} entries")]
    TooManyEntries(usize),
    /// A link, a device or another special file.
    #[error("'{0}' is a link or a special file")]
    SpecialFile(String),
    /// A path that leaves the archive.
    #[error("'{0}' is a path outside the archive")]
    Path(String),
    /// One of the wanted files occurs twice.
    #[error("it holds '{0}' more than once")]
    Repeated(String),
    /// Wanted files are not there.
    #[error("it lacks {}", missing_names(.0))]
    Missing(Vec<TlsFile>),
    /// A wanted file is empty or no PEM.
    #[error("'{0}' is no PEM file")]
    NotPem(&'static str),
}

/// The names of missing files: `ca-jenkins.pem (or ca.pem), …`.
pub(super) fn missing_names(files: &[TlsFile]) -> String {
    let names = files.iter().map(|file| format!("{} (or {})", file.names()[0], file.names()[1]));
    names.collect::<Vec<_>>().join(", ")
}

/// Reads the three files out of a tar or tar.gz.
pub(crate) fn unpack(archive: &[u8]) -> Result<BTreeMap<TlsFile, Vec<u8>>, TlsArchiveError> {
    if archive.len() > MAX_ARCHIVE_BYTES {
        return Err(TlsArchiveError::TooLarge(MAX_ARCHIVE_BYTES as u64));
    }
    let plain: Box<dyn Read> =
        if archive.starts_with(&GZIP_MAGIC) { Box::new(MultiGzDecoder::new(archive)) } else { Box::new(archive) };
    // One byte more than allowed, so that reaching the end of the limit is seen as such.
    let mut bounded = plain.take(MAX_UNPACKED_BYTES + 1);
    let found = read_entries(&mut bounded);
    if bounded.limit() == 0 {
        return Err(TlsArchiveError::TooLarge(MAX_UNPACKED_BYTES));
    }
    let mut found = found?;
    let mut chosen = BTreeMap::new();
    let mut missing = Vec::new();
    for file in TlsFile::ALL {
        match file.names().into_iter().find_map(|name| found.remove_entry(name)) {
            Some((name, content)) if is_pem(&content) => drop(chosen.insert(file, (name, content))),
            Some((name, _)) => return Err(TlsArchiveError::NotPem(name)),
            None => missing.push(file),
        }
    }
    if missing.is_empty() {
        Ok(chosen.into_iter().map(|(file, (_, content))| (file, content)).collect())
    } else {
        Err(TlsArchiveError::Missing(missing))
    }
}

fn read_entries(source: &mut impl Read) -> Result<BTreeMap<&'static str, Vec<u8>>, TlsArchiveError> {
    let mut found = BTreeMap::new();
    let mut archive = Archive::new(source);
    for (index, entry) in archive.entries().map_err(TlsArchiveError::Unreadable)?.enumerate() {
        if index == MAX_ENTRIES {
            return Err(TlsArchiveError::TooManyEntries(MAX_ENTRIES));
        }
        let mut entry = entry.map_err(TlsArchiveError::Unreadable)?;
        let path = entry.path().map_err(TlsArchiveError::Unreadable)?.into_owned();
        let name = checked_name(&path)?;
        match entry.header().entry_type() {
            EntryType::Regular => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            _ => return Err(TlsArchiveError::SpecialFile(shown(&path))),
        }
        let Some(name) = name else { continue };
        if entry.size() > MAX_FILE_BYTES {
            return Err(TlsArchiveError::TooLarge(MAX_FILE_BYTES));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(TlsArchiveError::Unreadable)?;
        if found.insert(name, content).is_some() {
            return Err(TlsArchiveError::Repeated(name.to_owned()));
        }
    }
    Ok(found)
}

/// The wanted name that a path ends in, at the top or in a directory; other files are passed over.
fn checked_name(path: &Path) -> Result<Option<&'static str>, TlsArchiveError> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(TlsArchiveError::Path(shown(path)));
            }
        }
    }
    let wanted = TlsFile::ALL.iter().flat_map(|file| file.names());
    Ok(match parts.as_slice() {
        [.., name] => wanted.into_iter().find(|wanted| *name == *wanted),
        _ => None,
    })
}

fn is_pem(content: &[u8]) -> bool {
    content.windows(11).any(|window| window == b"-----BEGIN ")
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

    /// A tar of entries as they are, hostile names included.
    fn tar(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn files(names: &[&'static str]) -> Vec<u8> {
        let entries: Vec<_> = names.iter().map(|name| (*name, EntryType::Regular, PEM)).collect();
        tar(&entries)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn takes_both_sets_of_names_plain_and_gzipped() {
        for names in [
            ["ca-jenkins.pem", "cert-jenkins.pem", "key-jenkins.pem"],
            ["ca.pem", "cert.pem", "key.pem"],
            ["./ca.pem", "./cert.pem", "./key.pem"],
            ["docker-tls/ca.pem", "docker-tls/cert.pem", "docker-tls/key.pem"],
            ["./etc/docker/ca.pem", "./etc/docker/cert.pem", "./etc/docker/key.pem"],
        ] {
            let archive = files(&names);
            assert_eq!(unpack(&archive).unwrap().len(), 3, "{names:?}");
            assert_eq!(unpack(&gzip(&archive)).unwrap().len(), 3, "{names:?}");
        }
    }

    #[test]
    fn passes_over_other_files_and_prefers_the_contract_s_names() {
        let other = b"-----BEGIN OTHER-----".as_slice();
        let archive = tar(&[
            ("./", EntryType::Directory, b""),
            ("config.json", EntryType::Regular, b"{}"),
            ("ca.pem", EntryType::Regular, other),
            ("ca-jenkins.pem", EntryType::Regular, PEM),
            ("cert.pem", EntryType::Regular, PEM),
            ("key.pem", EntryType::Regular, PEM),
            ("deep/er/key-jenkins.pem.old", EntryType::Regular, other),
        ]);
        let found = unpack(&archive).unwrap();
        assert!(found.values().all(|content| content == PEM));
    }

    #[test]
    fn names_what_is_missing() {
        let error = unpack(&files(&["ca.pem", "cert.pem"])).unwrap_err();
        assert!(matches!(&error, TlsArchiveError::Missing(files) if files == &[TlsFile::Key]), "{error}");
        assert_eq!(error.to_string(), "it lacks key-jenkins.pem (or key.pem)");
        assert!(matches!(unpack(&files(&[])), Err(TlsArchiveError::Missing(files)) if files.len() == 3));
    }

    #[test]
    fn refuses_hostile_entries() {
        for (name, kind) in [
            ("../ca.pem", EntryType::Regular),
            ("/etc/ca.pem", EntryType::Regular),
            ("a/../../ca.pem", EntryType::Regular),
            ("ca.pem", EntryType::Symlink),
            ("ca.pem", EntryType::Link),
            ("unrelated", EntryType::Symlink),
            ("ca.pem", EntryType::Char),
            ("ca.pem", EntryType::Block),
            ("ca.pem", EntryType::Fifo),
        ] {
            let error = unpack(&tar(&[(name, kind, b"")])).unwrap_err();
            let is_named = matches!(&error, TlsArchiveError::Path(_) | TlsArchiveError::SpecialFile(_));
            assert!(is_named, "{name} {kind:?}: {error}");
        }
    }

    #[test]
    fn refuses_bombs_and_garbage() {
        let zeros = vec![0_u8; 64 << 20];
        let bomb = gzip(&tar(&[("ca.pem", EntryType::Regular, &zeros)]));
        assert!(bomb.len() < MAX_ARCHIVE_BYTES);
        assert!(matches!(unpack(&bomb), Err(TlsArchiveError::TooLarge(_))));
        let padding = gzip(&tar(&[("other", EntryType::Regular, &zeros)]));
        assert!(matches!(unpack(&padding), Err(TlsArchiveError::TooLarge(_))));
        let crowd: Vec<String> = (0..200).map(|number| format!("file{number}")).collect();
        let crowd: Vec<_> = crowd.iter().map(|name| (name.as_str(), EntryType::Regular, b"".as_slice())).collect();
        assert!(matches!(unpack(&tar(&crowd)), Err(TlsArchiveError::TooManyEntries(_))));
        assert!(matches!(unpack(&vec![0; MAX_ARCHIVE_BYTES + 1]), Err(TlsArchiveError::TooLarge(_))));
        assert!(matches!(unpack(b"not a tar, but long enough to be asked"), Err(TlsArchiveError::Unreadable(_))));
        let archive = files(&["ca.pem", "cert.pem", "key.pem"]);
        assert!(unpack(&archive[..700]).is_err());
        assert!(unpack(&gzip(&archive)[..60]).is_err());
    }

    #[test]
    fn refuses_repeated_and_empty_files() {
        let repeated = files(&["ca.pem", "./ca.pem", "cert.pem", "key.pem"]);
        assert!(matches!(unpack(&repeated), Err(TlsArchiveError::Repeated(name)) if name == "ca.pem"));
        let empty = tar(&[
            ("ca.pem", EntryType::Regular, PEM),
            ("cert.pem", EntryType::Regular, b""),
            ("key.pem", EntryType::Regular, PEM),
        ]);
        assert!(matches!(unpack(&empty), Err(TlsArchiveError::NotPem("cert.pem"))));
    }
}

use std::os::unix::ffi::OsStrExt as _;

use super::*;
use crate::request::SourceChoice;

struct Fixture {
    directory: tempfile::TempDir,
    catalogue: Catalogue,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(directory.path().join("source"), directory.path().join("tools"), 1 << 20);
    Fixture { directory, catalogue }
}

impl Fixture {
    fn write(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn choice(mirror: &str, file: &str) -> SourceChoice {
    SourceChoice { mirror: mirror.parse().unwrap(), file: file.parse().unwrap() }
}

fn group<'listing>(groups: &'listing [SourceGroup], mirror: &str) -> &'listing SourceGroup {
    groups.iter().find(|group| group.mirror == mirror).unwrap()
}

#[test]
fn numbers_in_the_name_must_occur_in_the_version() {
    use SourceInstaller::{Apt, Conda, Pip, Yum};
    let cases = [
        (Apt, "ubuntu-18.04.list", "18.04.6 LTS (Bionic Beaver)", true),
        (Apt, "ubuntu-18.04.list", "20.04.6 LTS (Focal Fossa)", false),
        (Apt, "ubuntu-24.04.sources", "24.04.1 LTS (Noble Numbat)", true),
        (Apt, "debian-12.list", "12 (bookworm)", true),
        (Apt, "debian-1.list", "12 (bookworm)", false),
        (Apt, "debian-12.list", "13 (trixie)", false),
        (Apt, "debian-12-amd64.list", "12 (bookworm)", true),
        (Apt, "sources.list", "12 (bookworm)", true),
        (Yum, "Centos-8.repo", "8.10 (Cerulean Leopard)", true),
        (Yum, "Centos-8.repo", "7 (Core)", false),
        (Yum, "CentOS7-Base-163.repo", "7 (Core)", true),
        (Yum, "CentOS8-Base-163.repo", "7 (Core)", false),
        (Yum, "openEuler-22.03-SP3.repo", "22.03 (LTS-SP3)", true),
        (Yum, "local.repo", "9.4 (Blue Onyx)", true),
        (Pip, "pip-99.conf", "9", true),
        (Conda, ".condarc", "9", true),
    ];
    for (installer, file, version, expected) in cases {
        assert_eq!(fits(installer, file, version), expected, "{file} on {version}");
    }
}

#[tokio::test]
async fn an_empty_catalogue_lists_what_is_built_in() {
    let fixture = fixture();
    let sources = fixture.catalogue.list_source().await.unwrap();
    let names: Vec<&str> = sources.apt.iter().map(|group| group.mirror.as_str()).collect();
    assert_eq!(names, ["163", "ali", "qinghua", "ustc"]);
    let apt = [
        "debian-11.list",
        "debian-12.list",
        "debian-13.sources",
        "ubuntu-18.04.list",
        "ubuntu-20.04.list",
        "ubuntu-22.04.list",
        "ubuntu-24.04.sources",
    ];
    assert_eq!(group(&sources.apt, "ali").name, apt);
    assert!(group(&sources.yum, "ali").name.contains(&"Rocky-9.repo".to_owned()));
    assert!(!group(&sources.yum, "qinghua").name.contains(&"Rocky-9.repo".to_owned()));
    assert_eq!(group(&sources.conda, "ustc").name, [".condarc"]);
    assert!(sources.conda.iter().all(|group| group.mirror != "163"));
    assert_eq!(fixture.catalogue.list_software().await.unwrap(), SoftwareListing::default());
}

#[tokio::test]
async fn built_in_mirrors_read_well() {
    let fixture = fixture();
    let read = async |installer, mirror, file| {
        let file = fixture.catalogue.mirror_file(installer, &choice(mirror, file)).await.unwrap();
        String::from_utf8(file.bytes.to_vec()).unwrap()
    };
    let mut all = String::new();
    for (installer, mirror, file) in [
        (SourceInstaller::Apt, "ali", "ubuntu-18.04.list"),
        (SourceInstaller::Apt, "qinghua", "debian-13.sources"),
        (SourceInstaller::Yum, "ustc", "Centos-7.repo"),
        (SourceInstaller::Yum, "ali", "Rocky-8.repo"),
        (SourceInstaller::Pip, "qinghua", "pip.conf"),
        (SourceInstaller::Conda, "ali", ".condarc"),
    ] {
        all.extend([format!("## {mirror}/{file}\n{}\n", read(installer, mirror, file).await)]);
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn a_file_in_the_directory_goes_before_one_built_in() {
    let fixture = fixture();
    fixture.write("source/apt/ali/ubuntu-18.04.list", "deb http://mirror.example ./\n");
    fixture.write("source/apt/ours/extra.list", "deb http://extra.example ./\n");
    let file = fixture.catalogue.mirror_file(SourceInstaller::Apt, &choice("ali", "ubuntu-18.04.list")).await.unwrap();
    assert_eq!(file.bytes, "deb http://mirror.example ./\n");
    let sources = fixture.catalogue.list_source().await.unwrap();
    assert_eq!(group(&sources.apt, "ours").name, ["extra.list"]);
    assert_eq!(group(&sources.apt, "ali").name.iter().filter(|name| *name == "ubuntu-18.04.list").count(), 1);
}

#[tokio::test]
async fn nothing_in_the_directories_breaks_a_listing() {
    let fixture = fixture();
    fixture.write("tools/python/Python-3.7.14.tgz", "x");
    fixture.write("tools/python/two words.tgz", "x");
    fixture.write("tools/python/.upload-0123", "x");
    fixture.write("tools/python/directory/inner", "x");
    fixture.write("tools/pip/pip2/get-pip.py", "x");
    fixture.write("tools/pip/pip3/get-pip.py", "x");
    fixture.write("secret", "x");
    let python = fixture.directory.path().join("tools/python");
    std::fs::write(python.join(std::ffi::OsStr::from_bytes(b"bad\xff.tgz")), "x").unwrap();
    std::os::unix::fs::symlink("/nowhere", python.join("dangling.tgz")).unwrap();
    std::os::unix::fs::symlink("../../secret", python.join("outside.tgz")).unwrap();
    std::os::unix::fs::symlink("loop.tgz", python.join("loop.tgz")).unwrap();
    std::fs::write(fixture.directory.path().join("tools/conda"), "a file where a directory should be").unwrap();
    let software = fixture.catalogue.list_software().await.unwrap();
    assert_eq!(software.python, ["Python-3.7.14.tgz"]);
    assert_eq!(software.pip, ["get-pip.py"]);
    assert!(software.conda.is_empty());
    for name in ["outside.tgz", "dangling.tgz", "directory"] {
        let found = fixture.catalogue.installer_file(InstallerKind::Python, &name.parse().unwrap()).await;
        assert!(matches!(found, Err(CatalogueError::Missing { .. })), "{name}");
    }
}

#[tokio::test]
async fn a_digest_follows_its_file() {
    let fixture = fixture();
    fixture.write("tools/conda/Miniconda3.sh", "one");
    let name = "Miniconda3.sh".parse().unwrap();
    let first = fixture.catalogue.installer_file(InstallerKind::Conda, &name).await.unwrap();
    assert_eq!((first.size_bytes, first.digest.hex().get(..8)), (3, Some("7692c3ad")));
    assert_eq!(fixture.catalogue.installer_file(InstallerKind::Conda, &name).await.unwrap(), first);
    fixture.write("tools/conda/Miniconda3.sh", "three");
    let second = fixture.catalogue.installer_file(InstallerKind::Conda, &name).await.unwrap();
    assert_ne!(second.digest, first.digest);
}

#[tokio::test]
async fn an_upload_is_placed_by_its_name_and_can_be_read_and_deleted() {
    let fixture = fixture();
    let place = Place::new("source", None, None, "my-debian-12.list").unwrap();
    assert_eq!(place, Place::Source(SourceInstaller::Apt, choice("custom", "my-debian-12.list")));
    let stored = fixture.catalogue.store(&place, &b"deb http://x ./\n"[..]).await.unwrap();
    assert_eq!(stored.size_bytes, 16);
    let (mut reader, size) = fixture.catalogue.open(&place).await.unwrap();
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut text).await.unwrap();
    assert_eq!((text.as_str(), size), ("deb http://x ./\n", 16));
    fixture.catalogue.delete(&place).await.unwrap();
    assert!(matches!(fixture.catalogue.delete(&place).await, Err(CatalogueError::Missing { .. })));
    let builtin = Place::new("source", None, Some("ali"), "pip.conf").unwrap();
    assert!(matches!(fixture.catalogue.delete(&builtin).await, Err(CatalogueError::BuiltIn { .. })));
    assert!(fixture.catalogue.open(&builtin).await.is_ok());
}

#[tokio::test]
async fn hostile_uploads_are_refused_and_leave_nothing() {
    for name in ["../x.list", "/etc/passwd", "a/b.list", "..", "", "x\n.list", "-x.list", ".upload-1", "a b.list"] {
        assert!(matches!(Place::new("source", Some("apt"), None, name), Err(CatalogueError::Refused { .. })), "{name}");
    }
    for mirror in ["../..", "a/b", ".."] {
        assert!(Place::new("source", Some("apt"), Some(mirror), "x.list").is_err(), "{mirror}");
    }
    assert!(Place::new("source", None, None, "unknown.txt").is_err());
    assert!(Place::new("source", Some("npm"), None, "x.list").is_err());
    assert!(Place::new("evil", None, None, "a.txt").is_err());
    let fixture = fixture();
    let place = Place::new("source", None, None, "big.list").unwrap();
    let big = vec![b'x'; usize::try_from(MAX_MIRROR_BYTES).unwrap() + 1];
    assert!(matches!(fixture.catalogue.store(&place, &big[..]).await, Err(CatalogueError::TooLarge { .. })));
    let left: Vec<_> = std::fs::read_dir(fixture.directory.path().join("source/apt/custom")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_older_file() {
    let fixture = fixture();
    let place = Place::new("python", None, None, "Python-3.8.1.tgz").unwrap();
    fixture.catalogue.store(&place, &b"old"[..]).await.unwrap();
    let broken = broken_reader();
    assert!(matches!(fixture.catalogue.store(&place, broken).await, Err(CatalogueError::Io { .. })));
    let directory = fixture.directory.path().join("tools/python");
    assert_eq!(std::fs::read(directory.join("Python-3.8.1.tgz")).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 1);
}

/// Some bytes, then an error.
fn broken_reader() -> impl tokio::io::AsyncRead + Unpin + Send {
    let chunks = [Ok(bytes::Bytes::from_static(b"new")), Err(std::io::Error::other("connection lost"))];
    tokio_util::io::StreamReader::new(futures_util::stream::iter(chunks))
}

/// A release of each distribution that a mirror serves, as its os-release says it, and the file for it.
const RELEASES: [(SourceInstaller, &str, &str); 20] = [
    (SourceInstaller::Apt, "ubuntu-18.04.list", "18.04.6 LTS (Bionic Beaver)"),
    (SourceInstaller::Apt, "ubuntu-20.04.list", "20.04.6 LTS (Focal Fossa)"),
    (SourceInstaller::Apt, "ubuntu-22.04.list", "22.04.4 LTS (Jammy Jellyfish)"),
    (SourceInstaller::Apt, "ubuntu-24.04.sources", "24.04.1 LTS (Noble Numbat)"),
    (SourceInstaller::Apt, "debian-11.list", "11 (bullseye)"),
    (SourceInstaller::Apt, "debian-12.list", "12 (bookworm)"),
    (SourceInstaller::Apt, "debian-13.sources", "13 (trixie)"),
    (SourceInstaller::Yum, "Centos-7.repo", "7 (Core)"),
    (SourceInstaller::Yum, "Centos-8.repo", "8"),
    (SourceInstaller::Yum, "Rocky-8.repo", "8.10 (Green Obsidian)"),
    (SourceInstaller::Yum, "Rocky-9.repo", "9.4 (Blue Onyx)"),
    (SourceInstaller::Yum, "Alma-8.repo", "8.10 (Cerulean Leopard)"),
    (SourceInstaller::Yum, "Alma-9.repo", "9.4 (Seafoam Ocelot)"),
    (SourceInstaller::Yum, "openEuler-20.03-SP3.repo", "20.03 (LTS-SP3)"),
    (SourceInstaller::Yum, "openEuler-20.03-SP4.repo", "20.03 (LTS-SP4)"),
    (SourceInstaller::Yum, "openEuler-22.03.repo", "22.03 LTS"),
    (SourceInstaller::Yum, "openEuler-22.03-SP4.repo", "22.03 (LTS-SP4)"),
    (SourceInstaller::Yum, "openEuler-24.03.repo", "24.03 (LTS)"),
    (SourceInstaller::Yum, "openEuler-24.03-SP1.repo", "24.03 (LTS-SP1)"),
    (SourceInstaller::Pip, "pip.conf", "any"),
];

#[tokio::test]
async fn every_built_in_mirror_resolves_and_fits_its_own_release_alone() {
    let fixture = fixture();
    for (installer, file, version) in RELEASES {
        let offered: Vec<_> = builtin::files(installer).into_iter().filter(|found| found.name == file).collect();
        assert!(!offered.is_empty(), "{file}");
        for found in offered {
            let mirror = fixture.catalogue.mirror_file(installer, &choice(found.mirror, file)).await.unwrap();
            let text = String::from_utf8(mirror.bytes.to_vec()).unwrap();
            let is_deb822 = text.starts_with("Types: deb\n");
            assert_eq!(is_deb822, file.ends_with(".sources"), "{}/{file}", found.mirror);
            assert!(text.contains("://mirrors.") || text.contains("://pypi."), "{}/{file}", found.mirror);
        }
        assert!(fits(installer, file, version), "{file} on {version}");
        let others = RELEASES.iter().filter(|(of, ..)| *of == installer && installer != SourceInstaller::Pip);
        for (_, other, other_version) in others {
            let release = |name: &str| {
                name.split('-')
                    .nth(1)
                    .unwrap_or_default()
                    .trim_end_matches(char::is_alphabetic)
                    .trim_end_matches('.')
                    .to_owned()
            };
            assert_eq!(
                fits(installer, file, other_version),
                release(file) == release(other),
                "{file} on {other_version}"
            );
        }
    }
    for installer in SourceInstaller::ALL {
        for file in builtin::files(installer) {
            let is_known =
                installer == SourceInstaller::Conda || RELEASES.iter().any(|(_, name, _)| *name == file.name);
            assert!(is_known || file.name.starts_with("openEuler-22.03-SP"), "{}", file.name);
        }
    }
    for mirror in ["163", "ali", "qinghua", "ustc"] {
        for file in ["ubuntu-24.04.sources", "debian-13.sources"] {
            assert!(builtin::text(SourceInstaller::Apt, mirror, file).is_some(), "{mirror}/{file}");
        }
        for file in ["Centos-7.repo", "Centos-8.repo"] {
            assert!(builtin::text(SourceInstaller::Yum, mirror, file).is_some(), "{mirror}/{file}");
        }
    }
}

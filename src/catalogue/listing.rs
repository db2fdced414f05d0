//! What the catalogue holds, as clients list it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::{Catalogue, CatalogueError, InstallerKind, SourceInstaller, builtin, inside, upload};
use crate::request::FileName;

/// Mirror files of one type, such as `ali`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceGroup {
    /// The mirror's directory.
    #[serde(rename = "type")]
    pub mirror: String,
    /// File names, sorted.
    pub name: Vec<String>,
}

/// Mirror files by tool, types and files sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceListing {
    /// For apt.
    pub apt: Vec<SourceGroup>,
    /// For yum and dnf.
    pub yum: Vec<SourceGroup>,
    /// For pip.
    pub pip: Vec<SourceGroup>,
    /// For conda.
    pub conda: Vec<SourceGroup>,
}

/// Installer files, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SoftwareListing {
    /// Source tarballs of Python.
    pub python: Vec<String>,
    /// `get-pip.py`.
    pub pip: Vec<String>,
    /// Miniconda and Anaconda.
    pub conda: Vec<String>,
}

/// Installer files that a recipe may choose from by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installers {
    /// Source tarballs of Python.
    pub python: Vec<FileName>,
    /// For pip of Python 3, uv among them.
    pub pip3: Vec<FileName>,
    /// Miniconda and Anaconda.
    pub conda: Vec<FileName>,
}

impl Catalogue {
    /// Mirror files in `source_dir` and built in. What cannot be read or asked for is left out.
    pub async fn list_source(&self) -> Result<SourceListing, CatalogueError> {
        self.blocking(|catalogue| {
            let groups = |installer| catalogue.groups(installer);
            Ok(SourceListing {
                apt: groups(SourceInstaller::Apt),
                yum: groups(SourceInstaller::Yum),
                pip: groups(SourceInstaller::Pip),
                conda: groups(SourceInstaller::Conda),
            })
        })
        .await
    }

    /// Installer files in `tools_dir`.
    pub async fn list_software(&self) -> Result<SoftwareListing, CatalogueError> {
        self.blocking(|catalogue| {
            let files = |kind: InstallerKind| names(&catalogue.tools_dir.join(kind.directory()), true);
            let mut pip = files(InstallerKind::Pip { python_major: 2 });
            pip.extend(files(InstallerKind::Pip { python_major: 3 }));
            Ok(SoftwareListing {
                python: files(InstallerKind::Python).into_iter().collect(),
                pip: pip.into_iter().collect(),
                conda: files(InstallerKind::Conda).into_iter().collect(),
            })
        })
        .await
    }

    /// Installer files in `tools_dir` by what they are for.
    pub async fn installers(&self) -> Result<Installers, CatalogueError> {
        self.blocking(|catalogue| {
            let files = |kind: InstallerKind| {
                let names = names(&catalogue.tools_dir.join(kind.directory()), true);
                names.iter().filter_map(|name| name.parse().ok()).collect()
            };
            Ok(Installers {
                python: files(InstallerKind::Python),
                pip3: files(InstallerKind::Pip { python_major: 3 }),
                conda: files(InstallerKind::Conda),
            })
        })
        .await
    }

    fn groups(&self, installer: SourceInstaller) -> Vec<SourceGroup> {
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in builtin::files(installer) {
            groups.entry(file.mirror.to_owned()).or_default().insert(file.name);
        }
        let directory = self.source_dir.join(installer.name());
        for mirror in names(&directory, false) {
            let files = names(&directory.join(&mirror), true);
            if !files.is_empty() {
                groups.entry(mirror).or_default().extend(files);
            }
        }
        let group =
            |(mirror, files): (String, BTreeSet<String>)| SourceGroup { mirror, name: files.into_iter().collect() };
        groups.into_iter().map(group).collect()
    }
}

/// Names in a directory that a request could use: of files, or else of directories.
fn names(directory: &Path, of_files: bool) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return BTreeSet::new() };
    let usable = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let name: FileName = entry.file_name().to_str()?.parse().ok()?;
        let is_wanted = if of_files {
            !upload::is_temporary(name.as_str()) && inside(directory, &entry.path()).is_some()
        } else {
            entry.path().is_dir()
        };
        is_wanted.then(|| name.as_str().to_owned())
    };
    entries.filter_map(usable).collect()
}

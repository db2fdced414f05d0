//! OS packages: one step for all of them, with lists and archives in a cache mount.
//!
//! The cache is private to a build: builds at the same time neither wait for apt's lock nor share a file that another
//! one is writing.

use super::draft::{CacheScope, Draft};
use super::shell::words;
use crate::catalogue::MirrorFile;
use crate::dockerfile::Sharing;
use crate::image::PackageTool;
use crate::request::OsPackage;

/// Everything that one step installs.
#[derive(Debug, Default)]
pub(super) struct Installation {
    wanted: Vec<String>,
    is_pinned: bool,
}

impl Installation {
    /// The client's packages, sorted so that equal lists are equal steps.
    pub(super) fn of_request(packages: &[OsPackage], tool: PackageTool) -> Self {
        let joint = if tool == PackageTool::Apt { "=" } else { "-" };
        let write = |package: &OsPackage| match &package.version {
            Some(version) => format!("{}{joint}{version}", package.name),
            None => package.name.to_string(),
        };
        let mut wanted: Vec<String> = packages.iter().map(write).collect();
        wanted.sort();
        wanted.dedup();
        Self { wanted, is_pinned: packages.iter().any(|package| package.version.is_some()) }
    }

    /// Adds packages of ours unless the client chose a version of them.
    pub(super) fn add(&mut self, names: &[&str]) {
        for name in names {
            let is_there =
                |wanted: &String| wanted == name || wanted.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
            if !self.wanted.iter().any(is_there) {
                self.wanted.push((*name).to_owned());
            }
        }
        self.wanted.sort();
    }

    /// Writes the step, if there is anything to install.
    pub(super) fn write(&self, draft: &mut Draft, tool: PackageTool, scope: &CacheScope, mirror: Option<&MirrorFile>) {
        if self.wanted.is_empty() {
            return;
        }
        let packages = words(&self.wanted);
        let (mount, cache) = match tool {
            PackageTool::Apt => scope.mount("apt", mirror, Sharing::Private),
            PackageTool::Yum => scope.mount("yum", mirror, Sharing::Private),
            PackageTool::Dnf => scope.mount("dnf", mirror, Sharing::Private),
        };
        let steps = match tool {
            PackageTool::Apt => {
                // docker-clean in official images removes archives; directories of our own are out of its reach.
                let options = format!(
                    "-o Dir::Cache={cache} -o Dir::Cache::archives={cache}/archives -o Dir::State::lists={cache}/lists -o APT::Keep-Downloaded-Packages=true -o Acquire::Retries=3"
                );
                let downgrades = if self.is_pinned { " -o APT::Get::allow-downgrades=true" } else { "" };
                vec![
                    format!("mkdir -p {cache}/archives/partial {cache}/lists/partial"),
                    "export DEBIAN_FRONTEND=noninteractive".to_owned(),
                    format!("apt-get {options} update"),
                    format!(
                        "apt-get {options} install -y --no-install-recommends -o Dpkg::Use-Pty=0{downgrades} {packages}"
                    ),
                ]
            }
            // yum 3 otherwise ends well as long as it could install one of several packages.
            PackageTool::Yum => vec![format!(
                "yum -y --setopt=cachedir={cache} --setopt=keepcache=1 --setopt=tsflags=nodocs --setopt=skip_missing_names_on_install=False install {packages}"
            )],
            PackageTool::Dnf => vec![format!(
                "dnf -y --setopt=cachedir={cache} --setopt=keepcache=1 --setopt=tsflags=nodocs --setopt=install_weak_deps=False install {packages}"
            )],
        };
        draft.run(vec![mount], steps);
    }
}

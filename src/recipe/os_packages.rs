//! OS packages: one step for all of them, with lists and archives in a cache mount.
//!
//! The cache is private to a build: builds at the same time neither wait for apt's lock nor share a file that another
//! one is writing.

use super::draft::{CacheScope, Draft};
use super::shell::{word, words};
use crate::catalogue::MirrorFile;
use crate::dockerfile::{Origin, Sharing};
use crate::image::PackageTool;
use crate::request::OsPackage;

const OVER: &str = include_str!("install_over.sh");

/// Everything that one step installs.
#[derive(Debug, Default)]
pub(super) struct Installation {
    wanted: Vec<String>,
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
        Self { wanted }
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

    /// Everything that is wanted, as the tool is told.
    pub(super) fn list(&self) -> &[String] {
        &self.wanted
    }

    /// Writes the step, if there is anything to install.
    pub(super) fn write(&self, draft: &mut Draft, tool: PackageTool, scope: &CacheScope, mirror: Option<&MirrorFile>) {
        write(draft, &self.wanted, tool, scope, mirror);
    }
}

/// Options of every `apt-get`, given the cache's directory. docker-clean in official images removes archives and turns off
/// apt's own caches; directories of ours are out of its reach. What apt makes of the lists alone is kept as well, what it
/// makes of them and of what is installed is not: that differs from base to base.
fn apt_options(cache: &str) -> String {
    format!(
        "-o Dir::Cache={cache} -o Dir::Cache::archives={cache}/archives -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache={cache}/srcpkgcache.bin -o Dir::State::lists={cache}/lists -o APT::Keep-Downloaded-Packages=true -o Acquire::Retries=3 -o Dpkg::Use-Pty=0"
    )
}

/// The installation reads the lists anyway, and need not where nothing has changed: otherwise `update` throws away what
/// is kept of them and reads them all (apt, `ListUpdate`), which took half of the time of a small installation.
const APT_UPDATE: &str = "-o pkgCacheFile::Generate=false update";

/// Whether a list names versions, which may be older than what is there.
fn is_pinned(packages: &[String], tool: PackageTool) -> bool {
    tool == PackageTool::Apt && packages.iter().any(|package| package.contains('='))
}

/// Writes the step of a list that stands for itself.
pub(super) fn write(
    draft: &mut Draft,
    packages: &[String],
    tool: PackageTool,
    scope: &CacheScope,
    mirror: Option<&MirrorFile>,
) {
    if packages.is_empty() {
        return;
    }
    let is_pinned = is_pinned(packages, tool);
    let packages = words(packages);
    let (mount, cache) = match tool {
        PackageTool::Apt => scope.mount("apt", mirror, Sharing::Private),
        PackageTool::Yum => scope.mount("yum", mirror, Sharing::Private),
        PackageTool::Dnf => scope.mount("dnf", mirror, Sharing::Private),
    };
    let steps = match tool {
        PackageTool::Apt => {
            let options = apt_options(&cache);
            let downgrades = if is_pinned { " -o APT::Get::allow-downgrades=true" } else { "" };
            vec![
                format!("mkdir -p {cache}/archives/partial {cache}/lists/partial"),
                "export DEBIAN_FRONTEND=noninteractive".to_owned(),
                format!("apt-get {options} {APT_UPDATE}"),
                format!("apt-get {options} install -y --no-install-recommends{downgrades} {packages}"),
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

/// Writes the step of a list over an earlier step, with apt. `base` is what a build from scratch would start from.
pub(super) fn write_over(
    draft: &mut Draft,
    packages: &[String],
    number: usize,
    scope: &CacheScope,
    mirror: Option<&MirrorFile>,
    base: Origin,
) {
    let (cache_mount, cache) = scope.mount("apt", mirror, Sharing::Private);
    let downgrades = if is_pinned(packages, PackageTool::Apt) { "-o APT::Get::allow-downgrades=true" } else { "" };
    let program = OVER
        .replace("@MARK@", super::ONE_FULL_STEP)
        .replace("@OPTIONS@", &apt_options("$cache"))
        .replace("@UPDATE@", APT_UPDATE)
        .replace("@DOWNGRADES@", downgrades);
    let (program_mount, program) = draft.bind(&format!("os/install-over-{number}.sh"), program);
    let (base_mount, root) = draft.whole(base);
    draft.run(
        vec![cache_mount, program_mount, base_mount],
        [format!("sh {} {root}/var/lib/dpkg/status {cache} {}", word(&program), words(packages))],
    );
}

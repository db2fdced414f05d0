//! Which files of the catalogue a request takes.

use super::choices::{Choices, CondaChoice, PythonChoice, decide, os_text, python_version};
use super::{RecipeError, RecipeOptions};
use crate::catalogue::{InstallerKind, SourceInstaller, fits};
use crate::image::{ImageDescriptor, PackageTool};
use crate::request::{BuildRequest, FileName, OsInstaller, SourceChoice};

/// Files to fetch from the catalogue before [`plan`](super::plan()).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NeededFiles {
    /// Mirror files.
    pub sources: Vec<(SourceInstaller, SourceChoice)>,
    /// Installer files.
    pub installers: Vec<(InstallerKind, FileName)>,
}

/// Files that the request itself names, so that a missing one can be refused before the base is known. The source for
/// OS packages goes by the installer named beside it, else by its own name.
pub fn named_files(request: &BuildRequest) -> NeededFiles {
    let mut sources = Vec::new();
    if let Some(source) = &request.os_packages.source {
        let installer = match request.os_packages.installer {
            Some(OsInstaller::Apt) => Some(SourceInstaller::Apt),
            Some(OsInstaller::Yum) => Some(SourceInstaller::Yum),
            None => SourceInstaller::of_file(source.file.as_str()),
        };
        sources.extend(installer.map(|installer| (installer, source.clone())));
    }
    sources.extend(request.pip.source.iter().map(|source| (SourceInstaller::Pip, source.clone())));
    sources.extend(request.conda.source.iter().map(|source| (SourceInstaller::Conda, source.clone())));
    let mut installers = Vec::new();
    if let Some(python) = &request.python {
        installers.push((InstallerKind::Python, python.tarball.clone()));
    }
    if let Some(installer) = &request.pip.installer {
        installers.push((InstallerKind::Pip { python_major: python_major(request) }, installer.clone()));
    }
    installers.extend(request.conda.installer.iter().map(|installer| (InstallerKind::Conda, installer.clone())));
    NeededFiles { sources, installers }
}

/// Files that the recipe for this image takes, those we choose ourselves included. A source file for another release is
/// refused here.
pub fn needed_files(
    request: &BuildRequest,
    descriptor: &ImageDescriptor,
    options: &RecipeOptions,
) -> Result<NeededFiles, RecipeError> {
    let choices = decide(request, descriptor, options)?;
    let mut files = named_files(request);
    files.sources.retain(|(installer, _)| !matches!(installer, SourceInstaller::Apt | SourceInstaller::Yum));
    if let Some(source) = &request.os_packages.source {
        check_source(source, descriptor, &choices)?;
        files.sources.insert(0, (os_installer(choices.tool), source.clone()));
    }
    files.installers.retain(|(kind, _)| matches!(kind, InstallerKind::Pip { .. }));
    if let PythonChoice::Source { tarball, .. } = &choices.python {
        files.installers.push((InstallerKind::Python, tarball.clone()));
    }
    if let CondaChoice::Install(installer) = &choices.conda {
        files.installers.push((InstallerKind::Conda, installer.clone()));
    }
    let installs_with_pip = choices.installs_jupyter || !request.pip.software.is_empty();
    if installs_with_pip && let Some(name) = super::uv::file(options, descriptor) {
        files.installers.push((super::uv::KIND, name.clone()));
    }
    Ok(files)
}

/// The tool that a source for OS packages configures.
pub(super) fn os_installer(tool: PackageTool) -> SourceInstaller {
    match tool {
        PackageTool::Apt => SourceInstaller::Apt,
        PackageTool::Yum | PackageTool::Dnf => SourceInstaller::Yum,
    }
}

pub(super) fn check_source(
    source: &SourceChoice,
    descriptor: &ImageDescriptor,
    choices: &Choices,
) -> Result<(), RecipeError> {
    let installer = os_installer(choices.tool);
    let is_for_another = SourceInstaller::of_file(source.file.as_str()).is_some_and(|other| other != installer);
    if is_for_another || !fits(installer, source.file.as_str(), &descriptor.os.version) {
        return Err(RecipeError::SourceMismatch { file: source.file.to_string(), os: os_text(descriptor) });
    }
    Ok(())
}

fn python_major(request: &BuildRequest) -> u8 {
    let version = request.python.as_ref().and_then(|python| python_version(python.tarball.as_str()));
    if version.is_some_and(|version| version.first() == Some(&2)) { 2 } else { 3 }
}

//! What a request means on this image: decisions that both the needed files and the steps follow from.

use super::{DefaultPython, RecipeError, RecipeOptions};
use crate::image::{ImageDescriptor, PackageTool};
use crate::request::{AbsolutePath, BuildRequest, FileName, OsInstaller};

/// Where conda is installed by us.
pub(super) const CONDA_PREFIX: &str = "/usr/local/dros/conda";
/// Where a Python is built to when the request names no place.
pub(super) const PYTHON_PREFIX: &str = "/usr/local/dros/python";

/// The Python that pip works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PythonChoice {
    /// pip is not needed.
    None,
    /// The image's own Python 3.
    Present,
    /// The distribution's packages.
    Distribution,
    /// Built from a tarball.
    Source { tarball: FileName, prefix: AbsolutePath },
}

/// The conda that packages go into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CondaChoice {
    /// conda is not needed.
    None,
    /// The image's own, by its prefix.
    Present(String),
    /// Installed from this file.
    Install(FileName),
}

/// All decisions.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    pub(super) tool: PackageTool,
    pub(super) python: PythonChoice,
    pub(super) conda: CondaChoice,
    /// JupyterLab itself must be installed.
    pub(super) installs_jupyter: bool,
    /// pip is used at all.
    pub(super) needs_pip: bool,
}

/// Decides, and refuses what cannot work on this image.
pub(super) fn decide(
    request: &BuildRequest,
    descriptor: &ImageDescriptor,
    options: &RecipeOptions,
) -> Result<Choices, RecipeError> {
    let os = os_text(descriptor);
    let details = &descriptor.details;
    let tool = details.package_tool.ok_or_else(|| RecipeError::UnsupportedBase { os: os.clone() })?;
    check_installer(request, descriptor, tool)?;
    let installs_jupyter = request.jupyter_password.is_some() && !descriptor.jupyter_lab.available;
    let needs_pip = installs_jupyter || request.pip.upgrade || !request.pip.software.is_empty();
    let python = match &request.python {
        Some(python) => PythonChoice::Source { tarball: python.tarball.clone(), prefix: python.prefix.clone() },
        None if !needs_pip => PythonChoice::None,
        None if !details.python3_path.is_empty() => PythonChoice::Present,
        None => default_python(options),
    };
    Ok(Choices { tool, python, conda: conda(request, descriptor, options)?, installs_jupyter, needs_pip })
}

pub(super) fn os_text(descriptor: &ImageDescriptor) -> String {
    format!("{} {}", descriptor.os.name, descriptor.os.version).trim().to_owned()
}

fn check_installer(request: &BuildRequest, descriptor: &ImageDescriptor, tool: PackageTool) -> Result<(), RecipeError> {
    let is_used = request.os_packages.source.is_some() || !request.os_packages.software.is_empty();
    let wanted = match request.os_packages.installer {
        Some(OsInstaller::Apt) if is_used && tool != PackageTool::Apt => "apt",
        Some(OsInstaller::Yum) if is_used && tool == PackageTool::Apt => "yum",
        _ => return Ok(()),
    };
    let found = descriptor.package_manager.name.clone();
    Err(RecipeError::OtherInstaller { wanted, found, os: os_text(descriptor) })
}

fn default_python(options: &RecipeOptions) -> PythonChoice {
    let tarball = match &options.default_python {
        DefaultPython::System => None,
        DefaultPython::Tarball(tarball) => Some(tarball.clone()),
        DefaultPython::Auto => newest(&options.python_tarballs, |name| {
            python_version(name.as_str()).filter(|version| version.first() == Some(&3))
        }),
    };
    // The constant is inside the grammar of install directories.
    match (tarball, PYTHON_PREFIX.parse()) {
        (Some(tarball), Ok(prefix)) => PythonChoice::Source { tarball, prefix },
        _ => PythonChoice::Distribution,
    }
}

fn conda(
    request: &BuildRequest,
    descriptor: &ImageDescriptor,
    options: &RecipeOptions,
) -> Result<CondaChoice, RecipeError> {
    let wanted = &request.conda;
    let is_used = wanted.update || !wanted.software.is_empty();
    if !is_used {
        return Ok(CondaChoice::None);
    }
    let path = descriptor.details.conda_path.as_str();
    if let Some(prefix) = path.strip_suffix("/bin/conda").or_else(|| path.strip_suffix("/condabin/conda"))
        && !wanted.update
    {
        return Ok(CondaChoice::Present(prefix.to_owned()));
    }
    let architecture = descriptor.details.architecture.as_str();
    let installer = match &wanted.installer {
        Some(installer) => installer.clone(),
        None => newest(&options.conda_installers, |name| conda_rank(name.as_str(), architecture)).ok_or_else(|| {
            RecipeError::InstallerMissing {
                needed: "conda software",
                file: "Miniconda3-latest-Linux-x86_64.sh".to_owned(),
                directory: "tools_dir/conda",
            }
        })?,
    };
    if let Some(built_for) = installer_architecture(installer.as_str())
        && !architecture.is_empty()
        && !is_same_machine(built_for, architecture)
    {
        return Err(RecipeError::Architecture {
            installer: installer.to_string(),
            built_for,
            architecture: architecture.to_owned(),
        });
    }
    Ok(CondaChoice::Install(installer))
}

/// The name with the highest rank; names without a rank are left out.
fn newest<K: Ord>(names: &[FileName], rank: impl Fn(&FileName) -> Option<K>) -> Option<FileName> {
    names.iter().filter_map(|name| Some((rank(name)?, name))).max().map(|(_, name)| name.clone())
}

/// `Python-3.7.14.tgz` → `[3, 7, 14]`.
pub(super) fn python_version(tarball: &str) -> Option<Vec<u32>> {
    let digits = tarball.get(..7).filter(|head| head.eq_ignore_ascii_case("python-")).and_then(|_| tarball.get(7..))?;
    let end = digits.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(digits.len());
    let numbers: Vec<u32> = digits[..end].split('.').map_while(|part| part.parse().ok()).collect();
    (numbers.len() >= 2).then_some(numbers)
}

/// Miniconda3 before Anaconda3, `latest` before numbers, high numbers before low ones.
fn conda_rank(name: &str, architecture: &str) -> Option<(bool, bool, Vec<u32>)> {
    let is_mini = name.starts_with("Miniconda3-");
    if !is_mini && !name.starts_with("Anaconda3-") {
        return None;
    }
    if installer_architecture(name).is_some_and(|built_for| !is_same_machine(built_for, architecture)) {
        return None;
    }
    let numbers = name.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok());
    Some((is_mini, name.contains("-latest-"), numbers.collect()))
}

fn installer_architecture(name: &str) -> Option<&'static str> {
    ["x86_64", "aarch64", "ppc64le", "s390x", "armv7l", "x86"]
        .into_iter()
        .find(|architecture| name.contains(architecture))
}

fn is_same_machine(built_for: &str, architecture: &str) -> bool {
    let normal = |name: &str| match name {
        "amd64" => "x86_64".to_owned(),
        "arm64" => "aarch64".to_owned(),
        other => other.to_owned(),
    };
    normal(built_for) == normal(architecture)
}

//! The parsed build request.

use secrecy::SecretString;

use super::{AbsolutePath, CondaPackage, FileName, OsPackage, PipRequirement, VersionText};
use crate::image::ImageReference;

/// What a client wants built, parsed.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// Free text; may be empty.
    pub task_name: String,
    /// The image to make.
    pub target: ImageReference,
    /// Free text; may be empty.
    pub description: String,
    /// Where to report the end; absent means nowhere.
    pub callback_url: Option<CallbackUrl>,
    /// The image to start from.
    pub base: ImageReference,
    /// Free text for the image's label, control characters refused.
    pub maintainer: String,
    /// A Python to build from a source tarball.
    pub python: Option<PythonFromSource>,
    /// OS packages and their mirror.
    pub os_packages: OsPackages,
    /// pip packages and their mirror.
    pub pip: PipPackages,
    /// conda packages and their mirror.
    pub conda: CondaPackages,
    /// SSH root password; absent means no SSH.
    pub ssh_password: Option<SecretString>,
    /// JupyterLab password; absent means no JupyterLab.
    pub jupyter_password: Option<SecretString>,
    /// Build even when the same request was built before.
    pub force: bool,
    /// Oldest age in seconds at which an earlier result still counts; absent means any age.
    pub refresh_after_seconds: Option<u64>,
    /// Install pip packages with pip itself, whatever else could.
    pub plain_pip: bool,
}

/// A Python to build from source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonFromSource {
    /// A tarball's name in `tools_dir/python`, such as `Python-3.7.14.tgz`.
    pub tarball: FileName,
    /// Where it is installed, `/usr/local/dros/python` by default.
    pub prefix: AbsolutePath,
}

/// OS packages and their mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsPackages {
    /// What the client calls the installer; it must fit the image.
    pub installer: Option<OsInstaller>,
    /// A mirror file.
    pub source: Option<SourceChoice>,
    /// Packages in the order given, duplicates removed.
    pub software: Vec<OsPackage>,
}

/// The installer a client names for OS packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OsInstaller {
    /// `apt`
    Apt,
    /// `yum` (also `dnf`)
    Yum,
}

/// pip packages and their mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PipPackages {
    /// A `get-pip.py` to install pip with.
    pub installer: Option<FileName>,
    /// Whether pip itself is upgraded even when nothing is installed with it.
    pub upgrade: bool,
    /// A mirror file.
    pub source: Option<SourceChoice>,
    /// Requirements in the order given, duplicates removed.
    pub software: Vec<PipRequirement>,
}

/// conda packages and their mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CondaPackages {
    /// `Miniconda3-…-Linux-x86_64.sh` or `Anaconda3-…`.
    pub installer: Option<FileName>,
    /// Whether conda itself is (re)installed.
    pub update: bool,
    /// A mirror file.
    pub source: Option<SourceChoice>,
    /// Specifications in the order given, duplicates removed.
    pub software: Vec<CondaPackage>,
    /// The Python of the environment, such as `3.8`; the first of the versions asked for.
    pub python_version: Option<VersionText>,
}

/// A mirror file: `source_dir/<installer>/<type>/<file_name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceChoice {
    /// The mirror's directory, such as `ali`.
    pub mirror: FileName,
    /// The file in it, such as `ubuntu-18.04.list`.
    pub file: FileName,
}

/// A receiver's address, shown as it was written: clients compare what they read with what they sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackUrl {
    written: String,
    url: url::Url,
}

impl CallbackUrl {
    pub(super) fn new(written: &str, url: url::Url) -> Self {
        Self { written: written.to_owned(), url }
    }

    /// The address to call.
    pub fn url(&self) -> &url::Url {
        &self.url
    }
}

impl std::fmt::Display for CallbackUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.written)
    }
}

//! What the settings and the daemon say about recipes.

use crate::engine::Builder;
use crate::request::FileName;

/// Which Python is installed when pip is needed and the image has no Python 3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DefaultPython {
    /// The newest tarball in `tools_dir`, else the distribution's.
    #[default]
    Auto,
    /// The distribution's.
    System,
    /// This tarball.
    Tarball(FileName),
}

/// What installs pip requirements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PipTool {
    /// pip itself.
    #[default]
    Pip,
    /// uv on interpreters that it serves, and pip on the others and where uv cannot be had. It comes from one of these
    /// files of `tools_dir/pip/pip3` that fits the machine, else from pip's index.
    Auto(Vec<FileName>),
}

/// Who shares package caches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sharers {
    /// All trusted bases.
    #[default]
    Trusted,
    /// The builds from one base that is not trusted, and named by this.
    OneBase(String),
}

impl Sharers {
    /// Their part of a cache's name.
    pub(super) fn scope(&self) -> &str {
        match self {
            Self::Trusted => "shared",
            Self::OneBase(name) => name,
        }
    }
}

/// What the settings, the catalogue and the daemon say.
#[derive(Debug, Clone)]
pub struct RecipeOptions {
    /// Which builder reads the Dockerfile.
    pub builder: Builder,
    /// With whom the base shares package caches.
    pub sharers: Sharers,
    /// Which Python goes into an image without one.
    pub default_python: DefaultPython,
    /// Source tarballs of Python in the catalogue.
    pub python_tarballs: Vec<FileName>,
    /// conda installers in the catalogue.
    pub conda_installers: Vec<FileName>,
    /// What installs pip requirements.
    pub pip_tool: PipTool,
}

impl Default for RecipeOptions {
    fn default() -> Self {
        Self {
            builder: Builder::BuildKit,
            sharers: Sharers::Trusted,
            default_python: DefaultPython::Auto,
            python_tarballs: Vec::new(),
            conda_installers: Vec::new(),
            pip_tool: PipTool::Pip,
        }
    }
}

//! What mirrors and installers are for, and where each kind lies.

use std::path::PathBuf;
use std::str::FromStr;

/// The tool that a mirror file configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceInstaller {
    /// apt
    Apt,
    /// yum and dnf
    Yum,
    /// pip
    Pip,
    /// conda
    Conda,
}

impl SourceInstaller {
    /// All, in the order of listings.
    pub const ALL: [Self; 4] = [Self::Apt, Self::Yum, Self::Pip, Self::Conda];

    /// Its directory and its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Yum => "yum",
            Self::Pip => "pip",
            Self::Conda => "conda",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Apt => "apt source",
            Self::Yum => "yum source",
            Self::Pip => "pip source",
            Self::Conda => "conda source",
        }
    }

    /// The tool that files of this name are for.
    pub fn of_file(name: &str) -> Option<Self> {
        let ends_with = |extension: &str| name.to_ascii_lowercase().ends_with(extension);
        if ends_with(".list") || ends_with(".sources") {
            Some(Self::Apt)
        } else if ends_with(".repo") {
            Some(Self::Yum)
        } else if ends_with("pip.conf") || ends_with("pip.ini") {
            Some(Self::Pip)
        } else if ends_with("condarc") {
            Some(Self::Conda)
        } else {
            None
        }
    }
}

impl FromStr for SourceInstaller {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dnf" => Ok(Self::Yum),
            text => Self::ALL.into_iter().find(|installer| installer.name() == text).ok_or(()),
        }
    }
}

/// What an installer file installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstallerKind {
    /// A source tarball of Python.
    Python,
    /// `get-pip.py`, one per major version of Python.
    Pip {
        /// 2 or 3.
        python_major: u8,
    },
    /// Miniconda or Anaconda.
    Conda,
}

impl InstallerKind {
    /// Its directory below `tools_dir`.
    pub(super) fn directory(self) -> PathBuf {
        match self {
            Self::Python => "python".into(),
            Self::Pip { python_major: 2 } => "pip/pip2".into(),
            Self::Pip { .. } => "pip/pip3".into(),
            Self::Conda => "conda".into(),
        }
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Pip { .. } => "pip",
            Self::Conda => "conda",
        }
    }
}

//! Why no recipe can be written.

use crate::cause::Cause;
use crate::dockerfile::RenderError;
use crate::explanation::{Explanation, Said};

/// Why a request cannot be met on this base image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// The mirror file is for another release.
    #[error("the source file {file} does not fit {os}: the numbers in its name are not in the image's version")]
    SourceMismatch {
        /// The file's name.
        file: String,
        /// The image's distribution and version.
        os: String,
    },
    /// apt was asked for where there is yum, or the other way round.
    #[error("the request installs packages with {wanted}, but the base image ({os}) has {found}")]
    OtherInstaller {
        /// What the request names.
        wanted: &'static str,
        /// What the image has.
        found: String,
        /// The image's distribution and version.
        os: String,
    },
    /// The installer runs on another machine.
    #[error("{installer} is for {built_for}, but the base image is for {architecture}")]
    Architecture {
        /// The installer's name.
        installer: String,
        /// The architecture in its name.
        built_for: &'static str,
        /// The image's.
        architecture: String,
    },
    /// Something must be installed and there is nothing to install it with.
    #[error("{needed} needs {file}, which is not in {directory}")]
    InstallerMissing {
        /// What needs it.
        needed: &'static str,
        /// Which file.
        file: String,
        /// Where it should lie.
        directory: &'static str,
    },
    /// The base image has no package manager that we know.
    #[error("the base image ({os}) has neither apt nor yum nor dnf")]
    UnsupportedBase {
        /// The image's distribution and version.
        os: String,
    },
    /// A build from the base image would take files that are not there.
    #[error(
        "the base image runs ONBUILD {trigger} in every build from it, which needs files that no request brings: build it once by itself and use the result as the base"
    )]
    OnBuild {
        /// The instruction.
        trigger: String,
    },
    /// A value of the base image cannot stand in a Dockerfile.
    #[error("the Dockerfile cannot be written")]
    Render(#[from] RenderError),
}

impl RecipeError {
    /// The cause for people and machines.
    pub fn cause(&self) -> Cause {
        match self {
            Self::SourceMismatch { .. } => Cause::SourceMismatch,
            Self::OtherInstaller { .. }
            | Self::Architecture { .. }
            | Self::UnsupportedBase { .. }
            | Self::OnBuild { .. }
            | Self::Render(_) => Cause::UnsupportedBase,
            Self::InstallerMissing { .. } => Cause::InstallerMissing,
        }
    }
}

impl From<RecipeError> for Explanation {
    fn from(error: RecipeError) -> Self {
        let said = match error {
            RecipeError::SourceMismatch { file, os } => Said::SourceMismatch { file, os },
            RecipeError::OtherInstaller { wanted, found, os } => {
                Said::OtherInstaller { wanted: wanted.to_owned(), found, os }
            }
            RecipeError::Architecture { installer, built_for, architecture } => {
                Said::OtherArchitecture { installer, built_for: built_for.to_owned(), architecture }
            }
            RecipeError::InstallerMissing { needed, file, directory } => {
                Said::InstallerMissing { needed: needed.to_owned(), file, directory: directory.to_owned() }
            }
            RecipeError::UnsupportedBase { os } => Said::NoPackageManager { os },
            RecipeError::OnBuild { trigger } => Said::OnBuild { trigger },
            RecipeError::Render(error) => Said::Unwritable { words: error.to_string() },
        };
        said.into()
    }
}

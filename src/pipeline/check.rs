//! The base image is inspected and held against the request.

use futures_util::FutureExt as _;

use super::Pipeline;
use super::failure::StageFailure;
use super::files::find_files;
use super::inspection::InspectionError;
use super::run::Run;
use crate::catalogue::CatalogueError;
use crate::explanation::{Explanation, Said};
use crate::image::{ImageConfig, ImageDescriptor};
use crate::inspect::InspectError;
use crate::recipe::{RecipeError, RecipeOptions, ResolvedFiles, needed_files};
use crate::task::StageName;

/// A base image that fits its request, and the files that the request takes.
pub struct Checked {
    /// What the daemon knows of the base.
    pub base: ImageConfig,
    /// What is inside it.
    pub descriptor: ImageDescriptor,
    /// What settings, catalogue and daemon say.
    pub options: RecipeOptions,
    /// Mirror and installer files.
    pub files: ResolvedFiles,
}

/// Inspects the base, asks the registry whether a push would succeed, and finds the request's files.
pub async fn check(pipeline: &Pipeline, run: &Run, base: ImageConfig) -> Result<Checked, StageFailure> {
    let engine = run.docker.engine.as_ref();
    let describe = || pipeline.inspections.describe(engine, &run.request.base, &base);
    // The registry is asked while the base is inspected: neither needs the other's answer.
    let (described, preflight) = tokio::join!(
        run.retrying(StageName::Check, describe),
        pipeline.registries.preflight(&run.harbor, &run.docker, &run.request.target).boxed(),
    );
    let (descriptor, is_kept) = described?;
    pipeline.metrics.base_described(is_kept);
    let origin = if is_kept { "known from an earlier inspection" } else { "inspected now" };
    run.feed.log(StageName::Check, format!("{}: {origin}", run.request.base));
    for (part, version) in [
        ("os", format!("{} {}", descriptor.os.name, descriptor.os.version)),
        ("package manager", descriptor.package_manager.version.clone()),
        ("python", descriptor.python.version.join(", ")),
        ("pip", descriptor.pip.version.join(", ")),
        ("conda", descriptor.conda.version.clone()),
        ("sshd", descriptor.sshd.version.clone()),
        ("JupyterLab", descriptor.jupyter_lab.version.clone()),
    ] {
        let version = if version.trim().is_empty() { "none".to_owned() } else { version };
        run.feed.log(StageName::Check, format!("  {part}: {version}"));
    }
    for line in preflight? {
        run.feed.log(StageName::Check, line);
    }
    let installers = pipeline.catalogue.installers().await?;
    let options = || pipeline.recipe_options(&run.request, &run.harbor, &run.docker, &base, &installers);
    let options = run.retrying(StageName::Check, options).await?;
    let needed = needed_files(&run.request, &descriptor, &options)?;
    let files = find_files(&pipeline.catalogue, &needed).await?;
    Ok(Checked { base, descriptor, options, files })
}

impl From<RecipeError> for StageFailure {
    fn from(error: RecipeError) -> Self {
        Self::new(error.cause(), Explanation::from(error))
    }
}

impl From<CatalogueError> for StageFailure {
    fn from(error: CatalogueError) -> Self {
        let cause = error.cause();
        match error {
            CatalogueError::Missing { kind, name } => {
                Self::new(cause, Said::FileMissing { kind: kind.to_owned(), name })
            }
            CatalogueError::TooLarge { name, limit_bytes } => {
                Self::new(cause, Said::FileTooLarge { name, limit_bytes })
            }
            CatalogueError::Io { .. } | CatalogueError::Refused { .. } | CatalogueError::BuiltIn { .. } => {
                let words = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                Self::new(cause, Explanation::quoted(format!("{error}{words}")))
            }
        }
    }
}

impl From<InspectionError> for StageFailure {
    fn from(error: InspectionError) -> Self {
        let error = match error {
            InspectionError::Inspect(error) => error,
            InspectionError::Store(error) => return error.into(),
        };
        let cause = error.cause();
        let said = match error {
            InspectError::NoShell { image, found } => Said::NoShell { image, found },
            InspectError::Unsupported { image, found } => Said::UnsupportedBase { image, found },
            InspectError::Incomplete { image, exit_code, last_line } => {
                Said::InspectionCutOff { image, exit_code, last_line }
            }
            InspectError::Engine { image, source } => Said::InspectionRefused { image, words: source.message },
        };
        Self::new(cause, said)
    }
}

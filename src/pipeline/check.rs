//! The base image is inspected and held against the request.

use super::Pipeline;
use super::failure::StageFailure;
use super::files::find_files;
use super::inspection::InspectionError;
use super::run::Run;
use crate::catalogue::CatalogueError;
use crate::image::{ImageConfig, ImageDescriptor};
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
    let (descriptor, is_kept) = run.retrying(StageName::Check, describe).await?;
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
    for line in pipeline.registries.preflight(&run.harbor, &run.docker, &run.request.target).await? {
        run.feed.log(StageName::Check, line);
    }
    let options = || pipeline.recipe_options(&run.request, &run.harbor, &run.docker, &base);
    let options = run.retrying(StageName::Check, options).await?;
    let needed = needed_files(&run.request, &descriptor, &options)?;
    let files = find_files(&pipeline.catalogue, &needed).await?;
    Ok(Checked { base, descriptor, options, files })
}

impl From<RecipeError> for StageFailure {
    fn from(error: RecipeError) -> Self {
        Self::new(error.cause(), error.to_string())
    }
}

impl From<CatalogueError> for StageFailure {
    fn from(error: CatalogueError) -> Self {
        Self::new(error.cause(), error.to_string())
    }
}

impl From<InspectionError> for StageFailure {
    fn from(error: InspectionError) -> Self {
        match error {
            InspectionError::Inspect(error) => {
                let words = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                Self::new(error.cause(), format!("{error}{words}"))
            }
            InspectionError::Store(error) => error.into(),
        }
    }
}

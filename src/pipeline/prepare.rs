//! Dockerfile and build context are written.

use secrecy::SecretString;

use super::check::Checked;
use super::failure::StageFailure;
use super::run::Run;
use super::workspace::DOCKERFILE;
use crate::cause::Cause;
use crate::engine::Builder;
use crate::explanation::Explanation;
use crate::image::{ImageConfig, ImageDescriptor, ImageReference};
use crate::recipe::{Recipe, RecipeError, RecipeInput, RecipeOptions, ResolvedFiles, jupyter_hash_form, plan};
use crate::request::BuildRequest;
use crate::secret::{SecretError, jupyter_password_hash, ssh_password_hash};
use crate::task::{StageName, TaskId};

/// Repository of the names under which inspected bases are held on the daemon. `.invalid` is reserved (RFC 2606), so a
/// missing name fails instead of being fetched from somewhere.
const PIN_REPOSITORY: &str = "fastbuild.invalid/base";

/// A recipe and the builder that reads it.
pub struct Prepared {
    /// The recipe.
    pub recipe: Recipe,
    /// The builder.
    pub builder: Builder,
}

/// Pins the base, writes the recipe and shows it in the task's directory.
pub async fn prepare(run: &Run, checked: Checked) -> Result<Prepared, StageFailure> {
    let pin = pin_of(&checked.base)?;
    let image_id = checked.base.image_id.as_ref().map(ToString::to_string).unwrap_or_default();
    run.retrying(StageName::Prepare, || run.docker.engine.tag(&image_id, &pin)).await?;
    let (request, id) = (&run.request, Some(run.id()));
    let recipe = write(request, id, &pin, &checked.base, &checked.descriptor, &checked.options, &checked.files).await?;
    for note in &recipe.plan {
        run.feed.log(StageName::Prepare, note.to_string());
    }
    for warning in &recipe.warnings {
        run.feed.log(StageName::Prepare, format!("WARNING: {warning}"));
    }
    let text = recipe.text().map_err(RecipeError::from)?;
    let builder = match checked.options.builder {
        Builder::BuildKit => "BuildKit",
        Builder::Classic => "the classic builder",
    };
    run.feed
        .log(StageName::Prepare, format!("the Dockerfile is written for {builder}: {} lines", text.lines().count()));
    let written = tokio::fs::write(run.directory.join(DOCKERFILE), text).await;
    written.map_err(|error| StageFailure::unwritable("the Dockerfile cannot be written", &error))?;
    Ok(Prepared { builder: checked.options.builder, recipe })
}

/// The recipe of a request that nobody builds.
pub async fn preview_recipe(
    request: &BuildRequest,
    base: &ImageConfig,
    descriptor: &ImageDescriptor,
    options: &RecipeOptions,
    files: &ResolvedFiles,
) -> Result<Recipe, StageFailure> {
    write(request, None, &pin_of(base)?, base, descriptor, options, files).await
}

fn pin_of(base: &ImageConfig) -> Result<ImageReference, StageFailure> {
    let unknown =
        || StageFailure::new(Cause::DaemonLost, Explanation::quoted("the daemon did not say the base image's id"));
    let id = base.image_id.as_ref().ok_or_else(unknown)?;
    format!("{PIN_REPOSITORY}:{}", id.hex()).parse().map_err(|_| unknown())
}

async fn write(
    request: &BuildRequest,
    task_id: Option<TaskId>,
    pin: &ImageReference,
    base: &ImageConfig,
    descriptor: &ImageDescriptor,
    options: &RecipeOptions,
    files: &ResolvedFiles,
) -> Result<Recipe, StageFailure> {
    let form = jupyter_hash_form(request, descriptor);
    let ssh_hash = hashed(request.ssh_password.clone(), |password| ssh_password_hash(&password)).await?;
    let jupyter_hash =
        hashed(request.jupyter_password.clone(), move |password| jupyter_password_hash(&password, form)).await?;
    let input = RecipeInput {
        request,
        descriptor,
        base,
        base_pin: pin,
        files,
        ssh_hash: ssh_hash.as_deref(),
        jupyter_hash: jupyter_hash.as_deref(),
        task_id: task_id.map_or(0, |id| id.0),
        options,
    };
    Ok(plan(&input)?)
}

/// Hashing takes a while on purpose; it must not hold up others.
async fn hashed(
    password: Option<SecretString>,
    hash: impl FnOnce(SecretString) -> Result<String, SecretError> + Send + 'static,
) -> Result<Option<String>, StageFailure> {
    let Some(password) = password else { return Ok(None) };
    let failed = |error: &dyn std::error::Error| StageFailure::internal("a password cannot be hashed", error);
    let hashed = tokio::task::spawn_blocking(move || hash(password)).await.map_err(|error| failed(&error))?;
    hashed.map(Some).map_err(|error| failed(&error))
}

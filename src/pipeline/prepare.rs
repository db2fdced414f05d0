//! Dockerfile and build context are written.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::Pipeline;
use super::check::Checked;
use super::failure::StageFailure;
use super::layering::Layered;
use super::pins::PinHold;
use super::run::Run;
use crate::cause::Cause;
use crate::engine::{Builder, DOCKERFILE};
use crate::explanation::{Explanation, Said};
use crate::image::{Digest, ImageConfig, ImageReference, base_pin, installer_pin};
use crate::recipe::{Chains, Recipe, RecipeError, RecipeInput, jupyter_hash_form, plan};
use crate::request::BuildRequest;
use crate::secret::{SecretError, jupyter_password_hash, ssh_password_hash};
use crate::task::{StageName, TaskId};

/// A recipe and the builder that reads it.
pub struct Prepared {
    /// The recipe that stands for itself.
    pub recipe: Recipe,
    /// The same over what an earlier image installed.
    pub layered: Option<Layered>,
    /// The builder.
    pub builder: Builder,
    /// The base's id on the daemon.
    pub base_id: Digest,
    /// Digests of the mirror files, JSON.
    pub mirror_digests: String,
    base_pin: ImageReference,
    /// Where the base can be pulled from: by its digest where that is known.
    base_source: ImageReference,
    /// Names on the Docker server that the build takes from.
    _holds: Vec<PinHold>,
}

impl Prepared {
    /// Gives the base the name that the recipe calls it by, again; an image that is gone comes from its registry.
    pub async fn provide_base(&self, run: &Run) -> Result<(), StageFailure> {
        let engine = run.docker.engine.as_ref();
        let present = run.retrying(StageName::Build, || engine.inspect_image(self.base_id.as_str())).await?;
        if present.is_none() {
            run.feed.log(StageName::Build, format!("pulling {} again", self.base_source));
            let account = run.harbor.account_for(&self.base_source);
            let sink = run.feed.sink(StageName::Build);
            let pulling = || engine.pull(&self.base_source, account.as_ref(), &sink);
            let pulled = run.retrying(StageName::Build, pulling).await?;
            if pulled.image_id.as_ref() != Some(&self.base_id) {
                let image = self.base_source.to_string();
                return Err(StageFailure::new(Cause::BaseNotFound, Said::BaseReplaced { image }));
            }
        }
        pin(run, StageName::Build, &self.base_id, &self.base_pin).await
    }
}

/// Pins the base, writes the recipe and shows it in the task's directory.
pub async fn prepare(pipeline: &Pipeline, run: &Run, checked: Checked) -> Result<Prepared, StageFailure> {
    let base_id = id_of(&checked.base)?;
    let base_pin = base_pin(&base_id);
    let base_source = source_of(&run.request.base, &checked.base);
    let mut holds = vec![pipeline.pins.hold(&base_pin)];
    pin(run, StageName::Prepare, &base_id, &base_pin).await?;
    let writer = Writer::new(&run.request, Some(run.id()), &base_pin, &checked).await?;
    let recipe = writer.plan(Chains::default())?;
    holds.extend(recipe.installers.iter().map(|file| pipeline.pins.hold(&installer_pin(&file.digest))));
    for note in &recipe.plan {
        run.feed.log(StageName::Prepare, note.to_string());
    }
    for warning in &recipe.warnings {
        run.feed.log(StageName::Prepare, format!("WARNING: {warning}"));
    }
    let layered = pipeline.layered(run, &base_id, &recipe, |earlier| writer.plan(earlier)).await?;
    let builder = match checked.options.builder {
        Builder::BuildKit => "BuildKit",
        Builder::Classic => "the classic builder",
    };
    let shown = layered.as_ref().map_or(&recipe, |layered| &layered.recipe);
    let lines = show(run, shown).await?;
    run.feed.log(StageName::Prepare, format!("the Dockerfile is written for {builder}: {lines} lines"));
    let mirrors: BTreeMap<&str, &str> =
        checked.files.sources.iter().map(|(installer, file)| (installer.name(), file.digest.as_str())).collect();
    let mirror_digests = serde_json::json!(mirrors).to_string();
    let builder = checked.options.builder;
    Ok(Prepared { recipe, layered, builder, base_id, mirror_digests, base_pin, base_source, _holds: holds })
}

/// Lays a recipe's Dockerfile into the task's directory, where people see it; how many lines it has.
pub async fn show(run: &Run, recipe: &Recipe) -> Result<usize, StageFailure> {
    let text = recipe.text().map_err(RecipeError::from)?;
    let lines = text.lines().count();
    let written = tokio::fs::write(run.directory.join(DOCKERFILE), text).await;
    written.map_err(|error| StageFailure::unwritable("the Dockerfile cannot be written", &error))?;
    Ok(lines)
}

/// The recipe of a request that nobody builds.
pub async fn preview_recipe(request: &BuildRequest, checked: &Checked) -> Result<Recipe, StageFailure> {
    let pin = base_pin(&id_of(&checked.base)?);
    Ok(Writer::new(request, None, &pin, checked).await?.plan(Chains::default())?)
}

async fn pin(run: &Run, stage: StageName, base_id: &Digest, name: &ImageReference) -> Result<(), StageFailure> {
    Ok(run.retrying(stage, || run.docker.engine.tag(base_id.as_str(), name)).await?)
}

/// The base by the digest that its registry knows it by, else by its name.
fn source_of(name: &ImageReference, base: &ImageConfig) -> ImageReference {
    let repository = name.name();
    let known = base.repository_digests.iter().filter_map(|known| known.parse::<ImageReference>().ok());
    known.into_iter().find(|known| known.name() == repository).unwrap_or_else(|| name.clone())
}

fn id_of(base: &ImageConfig) -> Result<Digest, StageFailure> {
    let unknown =
        || StageFailure::new(Cause::DaemonLost, Explanation::quoted("the daemon did not say the base image's id"));
    base.image_id.clone().ok_or_else(unknown)
}

/// Writes recipes of one request; its passwords are hashed once.
struct Writer<'task> {
    request: &'task BuildRequest,
    task_id: Option<TaskId>,
    pin: &'task ImageReference,
    checked: &'task Checked,
    ssh_hash: Option<String>,
    jupyter_hash: Option<String>,
}

impl<'task> Writer<'task> {
    async fn new(
        request: &'task BuildRequest,
        task_id: Option<TaskId>,
        pin: &'task ImageReference,
        checked: &'task Checked,
    ) -> Result<Self, StageFailure> {
        let form = jupyter_hash_form(request, &checked.descriptor);
        let ssh_hash = hashed(request.ssh_password.clone(), |password| ssh_password_hash(&password)).await?;
        let jupyter = request.jupyter_password.clone();
        let jupyter_hash = hashed(jupyter, move |password| jupyter_password_hash(&password, form)).await?;
        Ok(Self { request, task_id, pin, checked, ssh_hash, jupyter_hash })
    }

    fn plan(&self, earlier: Chains) -> Result<Recipe, RecipeError> {
        plan(&RecipeInput {
            request: self.request,
            descriptor: &self.checked.descriptor,
            base: &self.checked.base,
            base_pin: self.pin,
            files: &self.checked.files,
            ssh_hash: self.ssh_hash.as_deref(),
            jupyter_hash: self.jupyter_hash.as_deref(),
            task_id: self.task_id.map_or(0, |id| id.0),
            options: &self.checked.options,
            earlier,
        })
    }
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

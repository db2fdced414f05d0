//! What a recipe is made from, and what it is.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::chain::{Chains, Extends, Marks};
use super::needed::check_source;
use super::planner::Planner;
use super::{RecipeError, RecipeOptions, Remark};
use crate::catalogue::{InstallerFile, MirrorFile, SourceInstaller};
use crate::dockerfile::{Dialect, Dockerfile, Instruction, RenderError};
use crate::engine::{Builder, ContextContent, ContextFile, DOCKERFILE};
use crate::image::{ImageConfig, ImageDescriptor, ImageReference};
use crate::request::BuildRequest;

/// Files of the catalogue, fetched after [`needed_files`](super::needed_files).
#[derive(Debug, Clone, Default)]
pub struct ResolvedFiles {
    /// Mirror files.
    pub sources: Vec<(SourceInstaller, MirrorFile)>,
    /// Installer files.
    pub installers: Vec<InstallerFile>,
}

/// All that a recipe is made from.
#[derive(Debug, Clone)]
pub struct RecipeInput<'input> {
    /// What is wanted.
    pub request: &'input BuildRequest,
    /// What is in the base.
    pub descriptor: &'input ImageDescriptor,
    /// How the base starts.
    pub base: &'input ImageConfig,
    /// The name under which the base is pinned on the daemon.
    pub base_pin: &'input ImageReference,
    /// Files of the catalogue.
    pub files: &'input ResolvedFiles,
    /// SHA-512-crypt hash of root's password; needed when the request has one.
    pub ssh_hash: Option<&'input str>,
    /// JupyterLab's password hash; needed when the request has one.
    pub jupyter_hash: Option<&'input str>,
    /// The task, for the label.
    pub task_id: i64,
    /// Settings.
    pub options: &'input RecipeOptions,
    /// What an earlier image of the same base installed and is rendered first; one of [`Chains::over`].
    pub earlier: Chains,
}

/// A Dockerfile with everything its build takes.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The instructions; the last one sets the labels.
    pub dockerfile: Dockerfile,
    /// The build context without the Dockerfile.
    pub context: Vec<ContextFile>,
    /// Installers whose images must be on the Docker server, as `installer_pin` names them, before the build starts.
    pub installers: Vec<InstallerFile>,
    /// The labels that the last instruction sets.
    pub labels: BTreeMap<String, String>,
    /// What was chosen and why, for people.
    pub plan: Vec<Remark>,
    /// What may surprise, for people.
    pub warnings: Vec<Remark>,
    /// What a person can log in to: `WebSSH, JupyterLab`.
    pub interaction: String,
    /// Its package lists, step by step.
    pub chains: Chains,
    /// Which of them may be installed over an earlier image's.
    pub extends: Extends,
    /// A text in the step that installs over an earlier image's, when there is one.
    pub own_step: Option<String>,
    pub(super) marks: Marks,
    pub(super) builder: Builder,
    pub(super) secret_paths: Vec<String>,
}

impl Recipe {
    /// The Dockerfile's text.
    pub fn text(&self) -> Result<String, RenderError> {
        self.dockerfile.render(self.dialect())
    }

    /// The build context with the Dockerfile in it.
    pub fn build_context(&self) -> Result<Vec<ContextFile>, RenderError> {
        let content = ContextContent::Bytes(self.text()?.into());
        let dockerfile = ContextFile { path: DOCKERFILE.to_owned(), mode: 0o644, content };
        Ok(std::iter::once(dockerfile).chain(self.context.iter().cloned()).collect())
    }

    /// A digest over what determines the image, without names, ids, labels of the task and password hashes, which are
    /// salted: whoever makes a build key of it adds something that stands for the passwords.
    pub fn fingerprint(&self) -> Result<String, RenderError> {
        let mut hasher = Sha256::new();
        self.hash(&mut hasher, &self.dockerfile.instructions, |_| true)?;
        Ok(hex::encode(hasher.finalize()))
    }

    /// Takes in some of the instructions and the files of the context that they take.
    pub(super) fn hash(
        &self,
        hasher: &mut Sha256,
        instructions: &[Instruction],
        takes: impl Fn(&str) -> bool,
    ) -> Result<(), RenderError> {
        let steps = instructions
            .iter()
            .filter(|instruction| !matches!(instruction, Instruction::Label(_) | Instruction::Comment(_)));
        let text = Dockerfile { instructions: steps.cloned().collect() }.render(self.dialect())?;
        hasher.update(text.as_bytes());
        for file in self.context.iter().filter(|file| takes(&file.path)) {
            hasher.update(format!("\0{}\0{:o}\0", file.path, file.mode));
            match &file.content {
                _ if self.secret_paths.contains(&file.path) => {}
                ContextContent::Bytes(bytes) => hasher.update(Sha256::digest(bytes)),
                ContextContent::Exact { digest, .. } => hasher.update(digest.as_str()),
                // No recipe has one: what lies under a path may change.
                ContextContent::File(path) => hasher.update(path.as_os_str().as_encoded_bytes()),
            }
        }
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        match self.builder {
            Builder::BuildKit => Dialect::BuildKit,
            Builder::Classic => Dialect::Classic,
        }
    }
}

/// Writes the recipe.
pub fn plan(input: &RecipeInput<'_>) -> Result<Recipe, RecipeError> {
    // Such a trigger would take files of our build context, which are not what its author meant.
    let takes_files = |trigger: &&String| {
        let keyword = trigger.split_whitespace().next().unwrap_or_default();
        keyword.eq_ignore_ascii_case("copy") || keyword.eq_ignore_ascii_case("add")
    };
    if let Some(trigger) = input.base.on_build.iter().find(takes_files) {
        return Err(RecipeError::OnBuild { trigger: trigger.clone() });
    }
    let planner = Planner::new(input)?;
    if let Some(source) = &input.request.os_packages.source {
        check_source(source, input.descriptor, &planner.choices)?;
    }
    planner.write()
}

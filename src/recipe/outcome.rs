//! A finished recipe: its Dockerfile, its context, and what makes two of them equal.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::dockerfile::{Dialect, Dockerfile, Instruction, RenderError};
use crate::engine::{Builder, ContextContent, ContextFile};
use crate::image::Digest;

/// A Dockerfile with everything its build takes.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The instructions; the last one sets the labels.
    pub dockerfile: Dockerfile,
    /// The build context without the Dockerfile.
    pub context: Vec<ContextFile>,
    /// The labels that the last instruction sets.
    pub labels: BTreeMap<String, String>,
    /// What was chosen and why, for people.
    pub plan: Vec<String>,
    /// What may surprise, for people.
    pub warnings: Vec<String>,
    /// What a person can log in to: `WebSSH, JupyterLab`.
    pub interaction: String,
    /// Which builder reads it.
    pub(super) builder: Builder,
    /// Digests of the context files that are not held in memory.
    pub(super) digests: BTreeMap<String, Digest>,
    /// Context files that hold password hashes.
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
        let dockerfile = ContextFile { path: "Dockerfile".to_owned(), mode: 0o644, content };
        Ok(std::iter::once(dockerfile).chain(self.context.iter().cloned()).collect())
    }

    /// A digest over what determines the image, without names, ids, labels of the task and password hashes, which are
    /// salted: whoever makes a build key of it adds something that stands for the passwords.
    pub fn fingerprint(&self) -> Result<String, RenderError> {
        let mut hasher = Sha256::new();
        let steps = self
            .dockerfile
            .instructions
            .iter()
            .filter(|instruction| !matches!(instruction, Instruction::Label(_) | Instruction::Comment(_)));
        let text = Dockerfile { instructions: steps.cloned().collect() }.render(self.dialect())?;
        hasher.update(text.as_bytes());
        for file in &self.context {
            hasher.update(format!("\0{}\0{:o}\0", file.path, file.mode));
            match &file.content {
                _ if self.secret_paths.contains(&file.path) => {}
                ContextContent::Bytes(bytes) => hasher.update(Sha256::digest(bytes)),
                ContextContent::File(_) => {
                    hasher.update(self.digests.get(&file.path).map(Digest::as_str).unwrap_or_default());
                }
            }
        }
        Ok(hex::encode(hasher.finalize()))
    }

    fn dialect(&self) -> Dialect {
        match self.builder {
            Builder::BuildKit => Dialect::BuildKit,
            Builder::Classic => Dialect::Classic,
        }
    }
}

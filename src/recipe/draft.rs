//! A recipe while it is being written.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Remark;
use crate::catalogue::{InstallerFile, MirrorFile};
use crate::dockerfile::{Command, Instruction, Mount, Sharing};
use crate::engine::{ContextContent, ContextFile};
use crate::image::{Digest, ImageDetails};

/// Directory of bind-mounted context files inside a build step.
const MOUNT_DIRECTORY: &str = "/tmp/fastbuild";
/// Directory of cache mounts inside a build step.
const CACHE_DIRECTORY: &str = "/var/cache/fastbuild";

/// Instructions, context and notes so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Instructions of the stage that is being written.
    pub(super) instructions: Vec<Instruction>,
    /// Context files by path.
    pub(super) context: BTreeMap<String, ContextFile>,
    /// Digests of the context files that are not held in memory.
    pub(super) digests: BTreeMap<String, Digest>,
    /// Context files that hold password hashes.
    pub(super) secret_paths: Vec<String>,
    /// What every step starts with.
    pub(super) prelude: Option<String>,
    /// What was chosen and why.
    pub(super) notes: Vec<Remark>,
    /// What may surprise.
    pub(super) warnings: Vec<Remark>,
}

impl Draft {
    /// Adds a build step.
    pub(super) fn run<T: Into<String>>(&mut self, mounts: Vec<Mount>, steps: impl IntoIterator<Item = T>) {
        let steps = self.prelude.iter().cloned().chain(steps.into_iter().map(Into::into));
        self.instructions.push(Instruction::Run { mounts, command: Command::steps(steps) });
    }

    /// Adds a context file and copies it into the image.
    pub(super) fn copy(&mut self, path: &str, mode: u32, content: impl Into<Bytes>, destination: &str) {
        self.add(path, mode, content);
        self.instructions.push(Instruction::Copy {
            from: None,
            sources: vec![path.to_owned()],
            destination: destination.to_owned(),
        });
    }

    /// Adds a context file that a build step sees and no layer holds; returns the mount and the path in the step.
    pub(super) fn bind(&mut self, path: &str, content: impl Into<Bytes>) -> (Mount, String) {
        self.add(path, 0o600, content);
        bind_mount(path)
    }

    /// The same for a password's hash.
    pub(super) fn bind_secret(&mut self, path: &str, content: String) -> (Mount, String) {
        self.secret_paths.push(path.to_owned());
        self.bind(path, content)
    }

    /// The same for a mirror file.
    pub(super) fn bind_mirror(&mut self, directory: &str, file: &MirrorFile) -> (Mount, String) {
        let name = file.choice.file.as_str().trim_start_matches('.');
        self.bind(&format!("mirrors/{directory}/{name}"), file.bytes.clone())
    }

    /// The same for an installer, streamed from where it lies.
    pub(super) fn bind_installer(&mut self, file: &InstallerFile) -> (Mount, String) {
        let path = format!("installers/{}", file.name);
        let content = ContextContent::File(file.path.clone());
        self.digests.insert(path.clone(), file.digest.clone());
        self.context.insert(path.clone(), ContextFile { path: path.clone(), mode: 0o600, content });
        bind_mount(&path)
    }

    pub(super) fn note(&mut self, remark: Remark) {
        self.notes.push(remark);
    }

    pub(super) fn warn(&mut self, remark: Remark) {
        self.warnings.push(remark);
    }

    fn add(&mut self, path: &str, mode: u32, content: impl Into<Bytes>) {
        let file = ContextFile { path: path.to_owned(), mode, content: ContextContent::Bytes(content.into()) };
        self.context.insert(path.to_owned(), file);
    }
}

fn bind_mount(path: &str) -> (Mount, String) {
    let target = format!("{MOUNT_DIRECTORY}/{path}");
    (Mount::Bind { from: None, source: path.to_owned(), target: target.clone() }, target)
}

/// Scope of package caches: who shares them, which OS release, which machine.
#[derive(Debug, Clone)]
pub(super) struct CacheScope(String);

impl CacheScope {
    pub(super) fn new(scope: &str, details: &ImageDetails) -> Self {
        let parts = [scope, &details.os_id, &details.os_version_id, &details.architecture].map(id_part);
        Self(parts.join("-"))
    }

    /// A cache mount for one tool, apart for each mirror file; returns the directory in the step as well.
    pub(super) fn mount(&self, tool: &str, mirror: Option<&MirrorFile>, sharing: Sharing) -> (Mount, String) {
        let mirror = mirror.map_or("own", |file| file.digest.hex().get(..12).unwrap_or_default());
        let target = format!("{CACHE_DIRECTORY}/{tool}");
        let id = format!("fastbuild-{tool}-{}-{mirror}", self.0);
        (Mount::Cache { id, target: target.clone(), sharing }, target)
    }
}

/// Words of the base image cannot break out of a cache's name.
fn id_part(text: &str) -> String {
    let keep =
        |character: char| if character.is_ascii_alphanumeric() || "._".contains(character) { character } else { '_' };
    text.chars().take(40).map(keep).collect()
}

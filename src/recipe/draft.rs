//! A recipe while it is being written.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Remark;
use super::chain::Marks;
use crate::catalogue::{InstallerFile, MirrorFile};
use crate::dockerfile::{Command, Instruction, Mount, Origin, Sharing};
use crate::engine::{Builder, ContextContent, ContextFile};
use crate::image::{ImageDetails, installer_pin};

/// Where a build step has what is mounted: files of the context, and caches. What BuildKit mounts something on stays in
/// the layer as an empty directory, but for `/dev`, which every container has for itself. The classic builder mounts
/// nothing, it copies and removes.
#[derive(Debug, Clone, Copy)]
struct Places {
    files: &'static str,
    caches: &'static str,
}

impl Places {
    const fn of(builder: Builder) -> Self {
        match builder {
            Builder::BuildKit => Self { files: "/dev/fastbuild", caches: "/dev/fastbuild/cache" },
            Builder::Classic => Self { files: "/tmp/fastbuild", caches: "/var/cache/fastbuild" },
        }
    }
}

/// Whether a step by this name uses a cache of packages, as every step that installs some does.
pub fn installs_packages(step_name: &str) -> bool {
    [Builder::BuildKit, Builder::Classic].iter().any(|&builder| step_name.contains(Places::of(builder).caches))
}

/// The one file of an installer's image.
pub const INSTALLER_PATH: &str = "/installer";
/// From this size on an installer is not sent with every context.
const TRAVELS_ONCE_BYTES: u64 = 128 * 1024;

/// Instructions, context and notes so far.
#[derive(Debug)]
pub(super) struct Draft {
    places: Places,
    /// Instructions of the stage that is being written.
    pub(super) instructions: Vec<Instruction>,
    /// Context files by path.
    pub(super) context: BTreeMap<String, ContextFile>,
    /// Installers that are bound from images of their own on the Docker server, by file name.
    pub(super) installers: BTreeMap<String, InstallerFile>,
    /// Where the package steps end.
    pub(super) marks: Marks,
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
    pub(super) fn new(builder: Builder, prelude: Option<String>) -> Self {
        Self {
            places: Places::of(builder),
            prelude,
            instructions: Vec::new(),
            context: BTreeMap::new(),
            installers: BTreeMap::new(),
            marks: Marks::default(),
            secret_paths: Vec::new(),
            notes: Vec::new(),
            warnings: Vec::new(),
        }
    }

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
        self.bind_mount(path)
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

    /// The same for an installer: a small one is streamed from where it lies, a big one is on the Docker server already
    /// when the build starts (see `pipeline::installers`).
    pub(super) fn bind_installer(&mut self, file: &InstallerFile) -> (Mount, String) {
        let path = format!("installers/{}", file.name);
        if file.size_bytes < TRAVELS_ONCE_BYTES {
            let content = ContextContent::Exact { path: file.path.clone(), digest: file.digest.clone() };
            self.context.insert(path.clone(), ContextFile { path: path.clone(), mode: 0o600, content });
            return self.bind_mount(&path);
        }
        let image = installer_pin(&file.digest);
        if self.installers.insert(file.name.to_string(), file.clone()).is_none() {
            self.note(Remark::TravelsOnce {
                file: file.name.to_string(),
                size_bytes: file.size_bytes,
                image: image.to_string(),
            });
        }
        let comment = format!("{} of tools_dir lies on the Docker server as the image {image}", file.name);
        self.instructions.push(Instruction::Comment(comment));
        let target = format!("{}/{path}", self.places.files);
        let mount =
            Mount::Bind { from: Some(Origin::Image(image)), source: INSTALLER_PATH.to_owned(), target: target.clone() };
        (mount, target)
    }

    pub(super) fn note(&mut self, remark: Remark) {
        self.notes.push(remark);
    }

    pub(super) fn warn(&mut self, remark: Remark) {
        self.warnings.push(remark);
    }

    /// A mount of everything in an image or stage, and where it is in the step.
    pub(super) fn whole(&self, of: Origin) -> (Mount, String) {
        let target = format!("{}/base", self.places.files);
        (Mount::Whole { of, target: target.clone() }, target)
    }

    /// A mount of one file of another stage, which the step then waits for, and where it is in the step.
    pub(super) fn of_stage(&self, stage: &str, path: &str) -> (Mount, String) {
        let target = format!("{}/{stage}{path}", self.places.files);
        let from = Some(Origin::Stage(stage.to_owned()));
        (Mount::Bind { from, source: path.to_owned(), target: target.clone() }, target)
    }

    fn bind_mount(&self, path: &str) -> (Mount, String) {
        let target = format!("{}/{path}", self.places.files);
        (Mount::Bind { from: None, source: path.to_owned(), target: target.clone() }, target)
    }

    fn add(&mut self, path: &str, mode: u32, content: impl Into<Bytes>) {
        let file = ContextFile { path: path.to_owned(), mode, content: ContextContent::Bytes(content.into()) };
        self.context.insert(path.to_owned(), file);
    }
}

/// Scope of package caches: who shares them, which OS release, which machine.
#[derive(Debug, Clone)]
pub(super) struct CacheScope {
    name: String,
    places: Places,
}

impl CacheScope {
    pub(super) fn new(scope: &str, details: &ImageDetails, builder: Builder) -> Self {
        let parts = [scope, &details.os_id, &details.os_version_id, &details.architecture].map(id_part);
        Self { name: parts.join("-"), places: Places::of(builder) }
    }

    /// A cache mount for one tool, apart for each mirror file; returns the directory in the step as well.
    pub(super) fn mount(&self, tool: &str, mirror: Option<&MirrorFile>, sharing: Sharing) -> (Mount, String) {
        let mirror = mirror.map_or("own", |file| file.digest.hex().get(..12).unwrap_or_default());
        let target = format!("{}/{tool}", self.places.caches);
        let id = format!("fastbuild-{tool}-{}-{mirror}", self.name);
        (Mount::Cache { id, target: target.clone(), sharing }, target)
    }
}

/// Words of the base image cannot break out of a cache's name.
fn id_part(text: &str) -> String {
    let keep =
        |character: char| if character.is_ascii_alphanumeric() || "._".contains(character) { character } else { '_' };
    text.chars().take(40).map(keep).collect()
}

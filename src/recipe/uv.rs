//! uv in pip's place: which interpreters it serves, and the step that uses it.
//!
//! The step runs `install.py` with the interpreter itself. Only there pip's settings are known (files of the base and
//! the mirror file together), and only there it shows whether uv can be had; without it the same step goes on with pip.

use super::draft::{CacheScope, Draft};
use super::environment::PIP_SOURCES;
use super::pip::{self, Interpreter};
use super::shell::word;
use super::{PipTool, RecipeOptions};
use crate::catalogue::{InstallerFile, InstallerKind, MirrorFile};
use crate::dockerfile::{Mount, Origin, Sharing};
use crate::engine::Builder;
use crate::image::ImageDescriptor;
use crate::request::FileName;

const PROGRAM: &str = include_str!("install.py");
const PROGRAM_PATH: &str = "pip/install.py";

/// How the steps of one recipe use uv.
#[derive(Debug, Clone)]
pub(super) struct Use<'recipe> {
    /// A wheel or program of `tools_dir`.
    pub(super) file: Option<&'recipe InstallerFile>,
    /// Whether bytecode is compiled: users that cannot write would compile anew at every start.
    pub(super) compiles: bool,
    /// What pip itself is to meet after the first installation.
    pub(super) upgrades_pip: Option<&'static str>,
    /// Whether a stage of its own fetches uv, for which the first installation waits.
    pub(super) has_stage: bool,
}

/// The stage that fetches uv while the OS packages are installed.
pub(super) const STAGE: &str = "uv";
/// What the stage leaves behind: an empty file, or when it failed. The step that takes it runs after the stage.
const FETCHED: &str = "/fastbuild-uv";

/// Whether BuildKit's name of a step says that it belongs to that stage.
pub fn is_of_stage(step_name: &str) -> bool {
    step_name.strip_prefix('[').and_then(|rest| rest.strip_prefix(STAGE)).is_some_and(|rest| rest.starts_with(' '))
}

/// The step of that stage: uv comes into pip's cache, or the step that installs looks for it again.
pub(super) fn fetch(draft: &mut Draft, python: &str, scope: &CacheScope, mirror: Option<&MirrorFile>) {
    let (cache_mount, cache) = scope.mount("pip", mirror, Sharing::Shared);
    let (program_mount, program) = draft.bind(PROGRAM_PATH, PROGRAM);
    let mut mounts = vec![cache_mount, program_mount];
    let mut steps = vec![pip::export(&cache)];
    if let Some(file) = mirror {
        let (mount, path) = draft.bind_mirror("pip", file);
        mounts.push(mount);
        steps.push(format!("unset {}", PIP_SOURCES.join(" ")));
        steps.push(format!("export PIP_CONFIG_FILE={}", word(&path)));
    }
    steps.push(format!("{} {} --cache {cache} --fetch-uv {FETCHED}", word(python), word(&program)));
    draft.run(mounts, steps);
}

impl Use<'_> {
    /// The command with which an interpreter installs a file of requirements, given a cache directory.
    pub(super) fn install(
        &mut self,
        draft: &mut Draft,
        mounts: &mut Vec<Mount>,
        [python, cache, requirements]: [&str; 3],
        over: Option<Origin>,
    ) -> String {
        let (mount, program) = draft.bind(PROGRAM_PATH, PROGRAM);
        mounts.push(mount);
        let fetched = std::mem::take(&mut self.has_stage).then(|| draft.of_stage(STAGE, FETCHED));
        let mut command = format!("{python} {} --cache {cache}", word(&program));
        if let Some(file) = self.file {
            let (mount, path) = draft.bind_installer(file);
            mounts.push(mount);
            command.extend([" --uv ", &word(&path)]);
        }
        if let Some((mount, path)) = fetched {
            mounts.push(mount);
            command.extend([" --fetched ", &word(&path)]);
        }
        if self.compiles {
            command.push_str(" --compile");
        }
        if let Some(requirement) = self.upgrades_pip.take() {
            command.extend([" --upgrade-pip ", &word(requirement)]);
        }
        if let Some(base) = over {
            let (mount, root) = draft.whole(base);
            mounts.push(mount);
            command.extend([" --over ", &root]);
        }
        command.extend([" ", &word(requirements)]);
        command
    }
}

/// Whether uv is to be tried on this interpreter. Where the version is not known before the build, the step finds out.
pub(super) fn serves(options: &RecipeOptions, descriptor: &ImageDescriptor, interpreter: &Interpreter) -> bool {
    let details = &descriptor.details;
    matches!(options.pip_tool, PipTool::Auto(_))
        && machine(&details.architecture).is_some()
        && !details.glibc.is_empty()
        && interpreter.version.is_none_or(|version| version >= (3, 8))
}

/// The file of the catalogue that has uv for this machine. The classic builder would leave it in a layer.
pub(super) fn file<'options>(
    options: &'options RecipeOptions,
    descriptor: &ImageDescriptor,
) -> Option<&'options FileName> {
    let PipTool::Auto(files) = &options.pip_tool else { return None };
    let machine = machine(&descriptor.details.architecture)?;
    let fits = |name: &&FileName| {
        let name = name.as_str();
        name == "uv"
            || (name.starts_with("uv-")
                && name.strip_suffix(".whl").is_some()
                && name.contains(&format!("linux_2_17_{machine}")))
    };
    files.iter().filter(|_| options.builder == Builder::BuildKit).filter(fits).max()
}

/// Where uv's files lie in the catalogue.
pub(super) const KIND: InstallerKind = InstallerKind::Pip { python_major: 3 };

fn machine(architecture: &str) -> Option<&'static str> {
    match architecture {
        "x86_64" | "amd64" => Some("x86_64"),
        "aarch64" | "arm64" => Some("aarch64"),
        _ => None,
    }
}

//! pip: its presence, its upgrade, and the requirements, which travel in a file.

use super::draft::{CacheScope, Draft};
use super::shell::word;
use super::{mirrors, uv};
use crate::catalogue::{InstallerFile, MirrorFile};
use crate::dockerfile::{Mount, Origin, Sharing};
use crate::request::PipRequirement;

/// The Python whose pip is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// Absolute path.
    pub(super) path: String,
    /// Major and minor version, where known.
    pub(super) version: Option<(u32, u32)>,
    /// Where its pip comes from.
    pub(super) pip: PipOrigin,
    /// Whether its OpenSSL is older than 1.1.1.
    pub(super) has_old_openssl: bool,
}

/// Where a Python's pip comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PipOrigin {
    /// Ours or the user's to replace.
    Own,
    /// The distribution's package: it has no record of its files and cannot be uninstalled, only covered.
    Distribution,
    /// It has none.
    Missing,
}

/// Everything a pip step needs beside its packages.
pub(super) struct PipSteps<'recipe> {
    pub(super) interpreter: &'recipe Interpreter,
    pub(super) scope: &'recipe CacheScope,
    pub(super) mirror: Option<&'recipe MirrorFile>,
    /// How uv is used, where it serves.
    pub(super) uv: Option<uv::Use<'recipe>>,
}

/// Requirements as pip reads them, in an order that equal lists share.
pub(super) fn lines(requirements: &[PipRequirement]) -> Vec<String> {
    let mut lines: Vec<String> = requirements.iter().map(ToString::to_string).collect();
    lines.sort_by_key(|line| line.to_ascii_lowercase());
    lines.dedup();
    lines
}

/// The newest pip for a Python, for indexes that do not say so themselves.
fn pip_requirement(version: Option<(u32, u32)>) -> &'static str {
    match version {
        Some((2, _) | (3, 5)) => "pip<21",
        Some((3, minor)) if minor < 5 => "pip<19.2",
        Some((3, 6)) => "pip<22",
        Some((3, 7)) => "pip<24.1",
        Some((3, 8)) => "pip<25.1",
        _ => "pip",
    }
}

/// What pip must know in every step. Unknown variables are no error to an old pip, unknown options are.
pub(super) fn export(cache: &str) -> String {
    format!(
        "export HOME=/root PIP_CACHE_DIR={cache} PIP_BREAK_SYSTEM_PACKAGES=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore"
    )
}

impl PipSteps<'_> {
    /// Makes sure that there is a pip, and a new one. A pip that uv may replace is upgraded together with the packages
    /// that `follow`, which saves a step.
    pub(super) fn provide(&mut self, draft: &mut Draft, installer: Option<&InstallerFile>, follow: bool) {
        if let Some(uv) = &mut self.uv
            && follow
            && installer.is_none()
            && self.interpreter.pip == PipOrigin::Own
        {
            uv.upgrades_pip = Some(pip_requirement(self.interpreter.version));
            return;
        }
        let python = word(&self.interpreter.path);
        let requirement = word(pip_requirement(self.interpreter.version));
        let (mut mounts, mut steps, _) = self.begin();
        let install = format!("{python} -m pip install --upgrade");
        match (installer, self.interpreter.pip) {
            (Some(file), _) => {
                let (mount, path) = draft.bind_installer(file);
                mounts.push(mount);
                steps.push(format!("{python} {} {requirement}", word(&path)));
            }
            (None, PipOrigin::Missing) => {
                steps.push(format!("{python} -m ensurepip"));
                steps.push(format!("{install} {requirement}"));
            }
            (None, PipOrigin::Distribution) => steps.push(format!("{install} --ignore-installed {requirement}")),
            (None, PipOrigin::Own) => steps.push(format!("{install} {requirement}")),
        }
        draft.run(mounts, steps);
    }

    /// Installs a list of requirements.
    pub(super) fn install(&mut self, draft: &mut Draft, lines: &[String]) {
        self.write(draft, "pip/requirements.txt", lines, None);
    }

    /// Installs JupyterLab beside the requirements, so that the resolver sees all of them.
    pub(super) fn install_jupyter(&mut self, draft: &mut Draft, lines: &[String], extra: &[&str]) {
        let lines: Vec<String> = lines.iter().cloned().chain(extra.iter().map(|&line| line.to_owned())).collect();
        self.write(draft, "pip/jupyter-requirements.txt", &lines, None);
    }

    /// Installs a list over an earlier step. `base` is what a build from scratch would start from.
    pub(super) fn install_over(&mut self, draft: &mut Draft, lines: &[String], number: usize, base: Origin) {
        if let Some(uv) = &mut self.uv {
            uv.upgrades_pip = Some(pip_requirement(self.interpreter.version));
        }
        self.write(draft, &format!("pip/requirements-{number}.txt"), lines, Some(base));
    }

    fn write(&mut self, draft: &mut Draft, name: &str, lines: &[String], over: Option<Origin>) {
        let (mut mounts, mut steps, cache) = self.begin();
        let (mount, path) = draft.bind(name, lines.join("\n") + "\n");
        mounts.push(mount);
        let python = word(&self.interpreter.path);
        match &mut self.uv {
            Some(uv) => steps.push(uv.install(draft, &mut mounts, [&python, &cache, &path], over)),
            None => steps.push(format!("{python} -m pip install -r {}", word(&path))),
        }
        draft.run(mounts, steps);
    }

    /// The cache, and what pip must know.
    fn begin(&self) -> (Vec<Mount>, Vec<String>, String) {
        let (mount, cache) = self.scope.mount("pip", self.mirror, Sharing::Shared);
        let mut steps = vec![export(&cache)];
        if self.mirror.is_some() {
            // The chosen mirror counts, whatever files and variables of the base say.
            steps.push(format!("export PIP_CONFIG_FILE={}", mirrors::PIP_FILE));
        }
        (vec![mount], steps, cache)
    }
}

//! The stages beside the result's own: what is compiled, installed or fetched in them comes into the image alone.

use super::choices::{CondaChoice, PythonChoice};
use super::draft::Draft;
use super::os_packages::Installation;
use super::planner::Planner;
use super::{RecipeError, conda, python_source, uv};
use crate::catalogue::{InstallerKind, SourceInstaller};
use crate::dockerfile::{Instruction, Origin};
use crate::engine::Builder;

/// The stage that a compilation and the result share.
pub(super) const SYSTEM: &str = "system";

/// What runs a step unless an image says otherwise.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

pub(super) fn default_shell() -> Instruction {
    Instruction::Shell(DEFAULT_SHELL.map(str::to_owned).to_vec())
}

impl Planner<'_> {
    /// Opens a stage on the base; its steps run as root.
    fn open_stage(&self, stages: &mut Vec<Instruction>, alias: &str) {
        let origin = Origin::Image(self.input.base_pin.clone());
        stages.push(Instruction::From { origin, alias: Some(alias.to_owned()) });
        stages.extend(self.changes_shell().then(default_shell));
        stages.extend(self.changes_user.then(|| Instruction::User("root".to_owned())));
    }

    /// Whether the base's steps run in another shell than ours are written for.
    pub(super) fn changes_shell(&self) -> bool {
        let shell = &self.input.base.shell;
        !shell.is_empty() && shell != &DEFAULT_SHELL
    }

    /// With a Python from source: a stage with mirrors and headers that both the compilation and the result start from.
    pub(super) fn python_stage(
        &self,
        draft: &mut Draft,
        stages: &mut Vec<Instruction>,
    ) -> Result<Option<&'static str>, RecipeError> {
        let PythonChoice::Source { tarball, prefix } = &self.choices.python else { return Ok(None) };
        let file = self.installer(InstallerKind::Python, tarball.as_str(), "tools_dir/python")?;
        self.open_stage(stages, SYSTEM);
        self.mirror_steps(draft);
        let mut headers = Installation::default();
        headers.add(python_source::packages(self.choices.tool));
        headers.write(draft, self.choices.tool, &self.scope, self.os_mirror());
        stages.append(&mut draft.instructions);
        stages.push(Instruction::From {
            origin: Origin::Stage(SYSTEM.to_owned()),
            alias: Some(python_source::STAGE.to_owned()),
        });
        python_source::build(draft, file, prefix);
        python_source::warn_about_openssl(draft, self.input.descriptor, tarball.as_str());
        stages.append(&mut draft.instructions);
        Ok(Some(SYSTEM))
    }

    pub(super) fn conda_stage(&self, draft: &mut Draft, stages: &mut Vec<Instruction>) -> Result<(), RecipeError> {
        let CondaChoice::Install(installer) = &self.choices.conda else { return Ok(()) };
        let file = self.installer(InstallerKind::Conda, installer.as_str(), "tools_dir/conda")?;
        self.open_stage(stages, conda::STAGE);
        conda::install(draft, file, self.input.descriptor);
        stages.append(&mut draft.instructions);
        Ok(())
    }

    /// Fetches uv while the OS packages are installed, where the base has what that takes.
    pub(super) fn uv_stage(&self, draft: &mut Draft, stages: &mut Vec<Instruction>) {
        if self.has_uv_stage() {
            self.open_stage(stages, uv::STAGE);
            uv::fetch(draft, &self.interpreter().path, &self.scope, self.mirror(SourceInstaller::Pip));
            stages.append(&mut draft.instructions);
        }
    }

    pub(super) fn has_uv_stage(&self) -> bool {
        self.input.options.builder == Builder::BuildKit
            && self.choices.python == PythonChoice::Present
            && !self.input.descriptor.details.pip3_version.is_empty()
            && self.uses_uv()
            && self.installs_with_pip()
            && self.uv_file().is_none()
            && !self.own_lists().os.is_empty()
    }
}

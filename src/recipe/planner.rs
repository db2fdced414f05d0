//! The order of a recipe's steps: each by its own module, from what seldom changes to what always does.

use super::chain::{Chains, Extends, continued};
use super::choices::{CONDA_PREFIX, Choices, CondaChoice, PythonChoice, decide, python_version};
use super::draft::{CacheScope, Draft};
use super::environment::Environment;
use super::finish::is_other_user;
use super::os_packages::Installation;
use super::pip::{Interpreter, PipOrigin, PipSteps};
use super::plan::{Recipe, RecipeInput};
use super::services::Services;
use super::stages::{SYSTEM, default_shell};
use super::{
    RecipeError, Remark, conda, finish, jupyter, mirrors, os_packages, pip, python_source, sshd, start_script, uv,
};
use crate::catalogue::{InstallerFile, InstallerKind, MirrorFile, SourceInstaller};
use crate::dockerfile::{Dockerfile, Instruction, Origin};
use crate::engine::Builder;
use crate::image::PackageTool;

/// Writes one recipe.
pub(super) struct Planner<'input> {
    pub(super) input: &'input RecipeInput<'input>,
    pub(super) choices: Choices,
    pub(super) scope: CacheScope,
    pub(super) changes_user: bool,
    services: Services,
}

impl<'input> Planner<'input> {
    pub(super) fn new(input: &'input RecipeInput<'input>) -> Result<Self, RecipeError> {
        Ok(Self {
            services: Services::new(input.request, input.descriptor, input.base),
            scope: CacheScope::new(input.options.sharers.scope(), &input.descriptor.details, input.options.builder),
            changes_user: is_other_user(&input.base.user),
            choices: decide(input.request, input.descriptor, input.options)?,
            input,
        })
    }

    pub(super) fn write(&self) -> Result<Recipe, RecipeError> {
        let mut environment = Environment::new(&self.input.base.environment);
        let mut draft = Draft::new(self.input.options.builder, environment.system_path());
        let mut stages = vec![Instruction::Comment(format!("Base image: {}", self.input.request.base))];
        let stage = self.python_stage(&mut draft, &mut stages)?;
        self.conda_stage(&mut draft, &mut stages)?;
        self.uv_stage(&mut draft, &mut stages);
        draft.instructions.clear();
        self.body(&mut draft, &mut environment, stage.is_some())?;
        let changed_user = self.changes_user && (stage.is_some() || !draft.instructions.is_empty());
        let origin = match stage {
            Some(name) => Origin::Stage(name.to_owned()),
            None => Origin::Image(self.input.base_pin.clone()),
        };
        stages.push(Instruction::From { origin, alias: None });
        let changes_shell = self.changes_shell() && (stage.is_some() || !draft.instructions.is_empty());
        if stage.is_none() {
            stages.extend(changes_shell.then(default_shell));
            stages.extend(changed_user.then(|| Instruction::User("root".to_owned())));
        }
        draft.instructions.extend(changes_shell.then(|| Instruction::Shell(self.input.base.shell.clone())));
        finish::start(&mut draft, &self.services, self.input.base, changed_user);
        let labels = finish::labels(&self.services, self.input);
        draft.instructions.push(Instruction::Label(labels.clone().into_iter().collect()));
        let marks = std::mem::take(&mut draft.marks).moved(stages.len());
        stages.append(&mut draft.instructions);
        let own = self.own_lists();
        let recipe = Recipe {
            dockerfile: Dockerfile { instructions: stages },
            context: draft.context.into_values().collect(),
            installers: draft.installers.into_values().collect(),
            labels,
            plan: draft.notes,
            warnings: draft.warnings,
            interaction: self.services.interaction(),
            extends: self.extends(),
            own_step: own_step(&self.input.earlier, &own),
            chains: Chains {
                os: continued(&own.os, &self.input.earlier.os, true),
                pip: continued(&own.pip, &self.input.earlier.pip, true),
            },
            marks,
            builder: self.input.options.builder,
            secret_paths: draft.secret_paths,
        };
        recipe.text()?;
        Ok(recipe)
    }
    pub(super) fn installs_with_pip(&self) -> bool {
        self.choices.installs_jupyter || !self.input.request.pip.software.is_empty()
    }

    /// The steps of the result between its `FROM` and its start.
    fn body(&self, draft: &mut Draft, environment: &mut Environment, has_system: bool) -> Result<(), RecipeError> {
        let request = self.input.request;
        if !has_system {
            self.mirror_steps(draft);
        }
        self.os_steps(draft, has_system);
        let mut first = Vec::new();
        if let PythonChoice::Source { prefix, .. } = &self.choices.python {
            copy_stage(draft, python_source::STAGE, prefix.as_str());
            first.push(format!("{prefix}/bin"));
        }
        let conda_prefix = self.conda_prefix();
        if let CondaChoice::Install(_) = &self.choices.conda {
            copy_stage(draft, conda::STAGE, CONDA_PREFIX);
        }
        let is_fresh = matches!(self.choices.conda, CondaChoice::Install(_));
        let has_environment =
            conda_prefix.is_some() && conda::has_environment(&request.conda, self.input.descriptor, is_fresh);
        let last = conda_prefix.map(|prefix| conda::path_directories(prefix, has_environment)).unwrap_or_default();
        if !first.is_empty() || !last.is_empty() {
            environment.extend_path(&first, &last);
        }
        if self.services.needs_script() || !first.is_empty() {
            environment.provide_locale(self.input.descriptor);
        }
        if self.mirror(SourceInstaller::Pip).is_some() {
            environment.clear_pip_sources();
        }
        let changes = environment.changes();
        if !changes.is_empty() {
            draft.instructions.push(Instruction::Env(changes));
        }
        if let Some(prefix) = conda_prefix {
            self.conda_steps(draft, environment, prefix, is_fresh, has_environment);
        }
        let python = self.pip_steps(draft)?;
        draft.marks.packages = draft.instructions.len();
        self.service_steps(draft, environment, &python, !first.is_empty() || conda_prefix.is_some());
        Ok(())
    }

    /// The package lists that the request alone gives.
    pub(super) fn own_lists(&self) -> Chains {
        let one = |list: Vec<String>| if list.is_empty() { Vec::new() } else { vec![list] };
        Chains { os: one(self.installation().list().to_vec()), pip: one(pip::lines(&self.input.request.pip.software)) }
    }

    fn extends(&self) -> Extends {
        let has_mounts = self.input.options.builder == Builder::BuildKit;
        Extends { os: has_mounts && self.choices.tool == PackageTool::Apt, pip: has_mounts && self.uses_uv() }
    }

    pub(super) fn uses_uv(&self) -> bool {
        self.choices.needs_pip && uv::serves(self.input.options, self.input.descriptor, &self.interpreter())
    }

    /// The OS packages, after those of an earlier image where there is one.
    fn os_steps(&self, draft: &mut Draft, has_system: bool) {
        let (tool, mirror) = (self.choices.tool, self.os_mirror());
        let steps = continued(&self.own_lists().os, &self.input.earlier.os, true);
        for (index, list) in steps.iter().enumerate() {
            if index == 0 {
                os_packages::write(draft, list, tool, &self.scope, mirror);
            } else {
                let base = if has_system {
                    Origin::Stage(SYSTEM.to_owned())
                } else {
                    Origin::Image(self.input.base_pin.clone())
                };
                os_packages::write_over(draft, list, index + 1, &self.scope, mirror, base);
            }
            draft.marks.os.push(draft.instructions.len());
        }
        draft.marks.packages = draft.instructions.len();
    }

    pub(super) fn mirror_steps(&self, draft: &mut Draft) {
        if let Some(file) = self.os_mirror() {
            mirrors::os(draft, self.choices.tool, file);
        }
    }

    /// The client's OS packages and those that our own steps need.
    fn installation(&self) -> Installation {
        let tool = self.choices.tool;
        let mut installation = Installation::of_request(&self.input.request.os_packages.software, tool);
        if self.input.request.ssh_password.is_some() && !self.input.descriptor.sshd.available {
            installation.add(sshd::packages(tool));
        }
        match &self.choices.python {
            PythonChoice::Distribution => installation.add(&DISTRIBUTION_PYTHON),
            PythonChoice::Present if self.choices.needs_pip && self.lacks_distribution_pip() => {
                installation.add(&["python3-pip"]);
            }
            _ => {}
        }
        installation
    }

    /// Whether the image's Python is the distribution's and has no pip, and no get-pip.py will bring one.
    fn lacks_distribution_pip(&self) -> bool {
        let details = &self.input.descriptor.details;
        let is_distributions =
            details.python3_path.starts_with("/usr/bin/") || details.python3_path.starts_with("/bin/");
        is_distributions && details.pip3_version.is_empty() && self.input.request.pip.installer.is_none()
    }

    fn conda_prefix(&self) -> Option<&str> {
        match &self.choices.conda {
            CondaChoice::None => None,
            CondaChoice::Present(prefix) => Some(prefix),
            CondaChoice::Install(_) => Some(CONDA_PREFIX),
        }
    }

    fn conda_steps(
        &self,
        draft: &mut Draft,
        environment: &Environment,
        prefix: &str,
        is_fresh: bool,
        has_environment: bool,
    ) {
        let request = self.input.request;
        let mirror = self.mirror(SourceInstaller::Conda);
        if let Some(file) = mirror {
            mirrors::conda(draft, file);
        }
        let serves_jupyter = self.services.after.as_ref().is_some_and(|program| program.jupyter);
        let is_kernel = serves_jupyter && has_environment;
        conda::packages(
            draft,
            &conda::PackageStep {
                wanted: &request.conda,
                descriptor: self.input.descriptor,
                prefix,
                is_fresh,
                is_kernel,
                scope: &self.scope,
                mirror,
            },
        );
        if has_environment {
            conda::login_shells(draft, prefix);
        }
        if is_kernel {
            conda::kernel(draft, prefix, environment.path());
        }
    }

    /// pip, its packages and JupyterLab; returns the interpreter's path.
    fn pip_steps(&self, draft: &mut Draft) -> Result<String, RecipeError> {
        let request = self.input.request;
        let mirror = self.mirror(SourceInstaller::Pip);
        let interpreter = self.interpreter();
        if let Some(file) = mirror {
            mirrors::pip(draft, file, &interpreter.path);
        }
        if !self.choices.needs_pip {
            return Ok(interpreter.path);
        }
        let uses_uv = self.uses_uv();
        let uv = uses_uv.then(|| uv::Use {
            file: self.uv_file(),
            compiles: self.changes_user,
            upgrades_pip: None,
            has_stage: self.has_uv_stage(),
        });
        let mut steps = PipSteps { interpreter: &interpreter, scope: &self.scope, mirror, uv };
        let installer = match &request.pip.installer {
            Some(name) => {
                let is_pip =
                    |file: &&InstallerFile| matches!(file.kind, InstallerKind::Pip { .. }) && file.name == *name;
                Some(self.input.files.installers.iter().find(is_pip).ok_or_else(|| RecipeError::InstallerMissing {
                    needed: "pip",
                    file: name.to_string(),
                    directory: "tools_dir/pip",
                })?)
            }
            None => None,
        };
        let installs = self.installs_with_pip();
        if uses_uv && installs {
            draft.note(Remark::Uv);
        }
        steps.provide(draft, installer, installs);
        let own = self.own_lists().pip;
        for (index, list) in continued(&own, &self.input.earlier.pip, true).iter().enumerate() {
            if index == 0 {
                steps.install(draft, list);
            } else {
                let base = match &self.choices.python {
                    PythonChoice::Source { .. } => Origin::Stage(python_source::STAGE.to_owned()),
                    _ => Origin::Image(self.input.base_pin.clone()),
                };
                steps.install_over(draft, list, index + 1, base);
            }
            draft.marks.pip.push(draft.instructions.len());
        }
        if self.choices.installs_jupyter {
            let list = own.last().map(Vec::as_slice).unwrap_or_default();
            steps.install_jupyter(draft, list, &jupyter::requirements(&interpreter));
        }
        Ok(interpreter.path)
    }

    pub(super) fn uv_file(&self) -> Option<&InstallerFile> {
        let name = uv::file(self.input.options, self.input.descriptor)?;
        self.input.files.installers.iter().find(|file| file.kind == uv::KIND && file.name == *name)
    }

    pub(super) fn interpreter(&self) -> Interpreter {
        let details = &self.input.descriptor.details;
        let minor = |numbers: &[u32]| Some((*numbers.first()?, *numbers.get(1)?));
        let parse = |text: &str| text.split('.').map_while(|part| part.parse().ok()).collect::<Vec<u32>>();
        let has_old_openssl = python_source::has_old_openssl(self.input.descriptor);
        match &self.choices.python {
            PythonChoice::Source { tarball, prefix } => Interpreter {
                path: format!("{prefix}/bin/python"),
                version: python_version(tarball.as_str()).as_deref().and_then(minor),
                pip: PipOrigin::Own,
                has_old_openssl,
            },
            PythonChoice::Distribution => Interpreter {
                path: "/usr/bin/python3".to_owned(),
                version: None,
                pip: PipOrigin::Distribution,
                has_old_openssl,
            },
            PythonChoice::Present | PythonChoice::None => Interpreter {
                path: details.python3_path.clone(),
                version: minor(&parse(&details.python3_version)),
                pip: if self.lacks_distribution_pip() || is_distributions(&details.pip3_location) {
                    PipOrigin::Distribution
                } else if details.pip3_version.is_empty() {
                    PipOrigin::Missing
                } else {
                    PipOrigin::Own
                },
                has_old_openssl: is_old_openssl(&details.python3_openssl).unwrap_or(has_old_openssl),
            },
        }
    }

    fn service_steps(&self, draft: &mut Draft, environment: &Environment, python: &str, has_new_path: bool) {
        let request = self.input.request;
        let needs_script = self.services.needs_script();
        let serves_ssh = self.services.after.as_ref().is_some_and(|program| program.ssh);
        if let Some(after) = self.services.after.as_ref().filter(|_| needs_script) {
            start_script::write(draft, after, python);
            let services = self.services.interaction();
            draft.note(Remark::StartScript { script: crate::inspect::START_SCRIPT, services });
        } else if self.services.after.is_some() {
            draft.note(Remark::ServesAlready);
        }
        if has_new_path || (needs_script && serves_ssh) {
            environment.write(draft);
        }
        if request.ssh_password.is_some() {
            if !self.services.before.as_ref().is_some_and(|program| program.ssh) {
                sshd::prepare(draft, !self.input.descriptor.sshd.available);
            }
            if let Some(hash) = self.input.ssh_hash {
                sshd::password(draft, hash);
            }
        }
        if let (Some(_), Some(hash)) = (&request.jupyter_password, self.input.jupyter_hash) {
            let user = self.services.after.as_ref().map(|program| program.user.as_str()).unwrap_or_default();
            jupyter::password(draft, hash, user, self.input.descriptor.jupyter_lab.available);
        }
    }

    pub(super) fn os_mirror(&self) -> Option<&MirrorFile> {
        self.mirror(super::needed::os_installer(self.choices.tool))
    }

    pub(super) fn mirror(&self, installer: SourceInstaller) -> Option<&MirrorFile> {
        self.input.files.sources.iter().find(|(of, _)| *of == installer).map(|(_, file)| file)
    }

    pub(super) fn installer(
        &self,
        kind: InstallerKind,
        name: &str,
        directory: &'static str,
    ) -> Result<&InstallerFile, RecipeError> {
        let found = self.input.files.installers.iter().find(|file| file.kind == kind && file.name.as_str() == name);
        found.ok_or_else(|| RecipeError::InstallerMissing { needed: kind.name(), file: name.to_owned(), directory })
    }
}

/// What tells the step that installs over an earlier image's from those that the cache serves.
fn own_step(earlier: &Chains, own: &Chains) -> Option<String> {
    let grows = |own: &[Vec<String>], earlier: &[Vec<String>]| {
        let steps = continued(own, earlier, true).len();
        (!earlier.is_empty() && steps > earlier.len()).then_some(steps)
    };
    let os = grows(&own.os, &earlier.os).map(|number| format!("os/install-over-{number}.sh"));
    os.or_else(|| grows(&own.pip, &earlier.pip).map(|number| format!("pip/requirements-{number}.txt")))
}

/// Takes a directory from another stage to the same place.
fn copy_stage(draft: &mut Draft, stage: &str, directory: &str) {
    draft.instructions.push(Instruction::Copy {
        from: Some(Origin::Stage(stage.to_owned())),
        sources: vec![directory.to_owned()],
        destination: directory.to_owned(),
    });
}

/// The distribution's Python and pip are called the same in both families.
const DISTRIBUTION_PYTHON: [&str; 2] = ["python3", "python3-pip"];

fn is_distributions(pip_location: &str) -> bool {
    pip_location.starts_with("/usr/lib/") || pip_location.starts_with("/usr/lib64/")
}

/// `OpenSSL 1.1.1k  FIPS 25 Mar 2021` → not older than 1.1.1; nothing when it says no version.
fn is_old_openssl(text: &str) -> Option<bool> {
    let version = text.strip_prefix("OpenSSL ")?.split_whitespace().next()?;
    let mut numbers = version.split('.').map(|part| {
        part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap_or_default()
    });
    let version = [numbers.next()?, numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()];
    Some(version < [1, 1, 1])
}

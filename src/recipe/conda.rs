//! conda: installed in a stage of its own, its packages in the environment `default`.

use super::Remark;
use super::choices::CONDA_PREFIX;
use super::draft::{CacheScope, Draft};
use super::shell::{word, words};
use crate::catalogue::{InstallerFile, MirrorFile};
use crate::dockerfile::Sharing;
use crate::image::ImageDescriptor;
use crate::request::CondaPackages;

/// The stage's name.
pub(super) const STAGE: &str = "conda";

const ENVIRONMENT: &str = "default";

/// Runs the installer.
pub(super) fn install(draft: &mut Draft, file: &InstallerFile, descriptor: &ImageDescriptor) {
    let (mount, path) = draft.bind_installer(file);
    let shell = if descriptor.details.has_bash { "/bin/bash" } else { "/bin/sh" };
    let update = if is_in_our_place(descriptor) { " -u" } else { "" };
    draft.run(
        vec![mount],
        [
            "export HOME=/root".to_owned(),
            format!("mkdir -p {}", word("/usr/local/dros")),
            format!("{shell} {} -b{update} -p {CONDA_PREFIX}", word(&path)),
        ],
    );
    draft.note(Remark::CondaInstalled { file: file.name.to_string(), prefix: CONDA_PREFIX });
}

/// Whether the environment `default` will be there.
pub(super) fn has_environment(wanted: &CondaPackages, descriptor: &ImageDescriptor, is_fresh: bool) -> bool {
    !wanted.software.is_empty() || wanted.python_version.is_some() || exists(descriptor, is_fresh)
}

/// Whether the base has it, in the conda that is used: a new one in another place starts empty.
fn exists(descriptor: &ImageDescriptor, is_fresh: bool) -> bool {
    let environments = descriptor.conda.environments.as_deref().unwrap_or_default();
    let is_same_conda = !is_fresh || is_in_our_place(descriptor);
    is_same_conda && environments.iter().any(|name| name == ENVIRONMENT)
}

fn is_in_our_place(descriptor: &ImageDescriptor) -> bool {
    descriptor.details.conda_path.strip_prefix(CONDA_PREFIX).is_some_and(|rest| rest.starts_with('/'))
}

/// What the package step needs to know.
pub(super) struct PackageStep<'recipe> {
    pub(super) wanted: &'recipe CondaPackages,
    pub(super) descriptor: &'recipe ImageDescriptor,
    /// Where conda is.
    pub(super) prefix: &'recipe str,
    /// Whether this conda was just installed.
    pub(super) is_fresh: bool,
    /// Whether JupyterLab will run the environment as a kernel.
    pub(super) is_kernel: bool,
    pub(super) scope: &'recipe CacheScope,
    pub(super) mirror: Option<&'recipe MirrorFile>,
}

/// Installs the packages, creating the environment where there is none.
pub(super) fn packages(draft: &mut Draft, step: &PackageStep<'_>) {
    let PackageStep { wanted, descriptor, prefix, is_fresh, is_kernel, scope, mirror } = *step;
    let mut specifications: Vec<String> = wanted.software.iter().map(ToString::to_string).collect();
    let asked_python = specifications.iter().any(|text| {
        text.strip_prefix("python")
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-_.".contains(c)))
    });
    let exists = exists(descriptor, is_fresh);
    match &wanted.python_version {
        Some(version) if !asked_python => specifications.push(format!("python={version}")),
        None if !asked_python && !exists => specifications.push("python".to_owned()),
        _ => {}
    }
    if is_kernel && !specifications.iter().any(|text| text.starts_with("ipykernel")) {
        specifications.push("ipykernel".to_owned());
    }
    specifications.sort();
    specifications.dedup();
    if specifications.is_empty() {
        return;
    }
    let (mount, cache) = scope.mount("conda", mirror, Sharing::Private);
    let verb = if exists { "install" } else { "create" };
    draft.run(
        vec![mount],
        [
            format!("export HOME=/root CONDA_PKGS_DIRS={cache}/pkgs"),
            solver(prefix, mirror),
            format!(
                "{} {verb} --yes --name {ENVIRONMENT} {}",
                word(&format!("{prefix}/bin/conda")),
                words(&specifications)
            ),
        ],
    );
    if !exists {
        draft.note(Remark::CondaEnvironment { environment: ENVIRONMENT });
    }
}

/// Makes libmamba the solver where this conda has it and it loads; a conda without it keeps its own, and a mirror file
/// that names a solver is obeyed.
fn solver(prefix: &str, mirror: Option<&MirrorFile>) -> String {
    let names_solver = |file: &MirrorFile| {
        String::from_utf8_lossy(&file.bytes).lines().any(|line| line.trim_start().starts_with("solver"))
    };
    if mirror.is_some_and(names_solver) {
        return ":".to_owned();
    }
    let python = word(&format!("{prefix}/bin/python"));
    format!("if {python} -c 'import conda_libmamba_solver' >/dev/null 2>&1; then export CONDA_SOLVER=libmamba; fi")
}

/// The kernel of the environment for JupyterLab.
pub(super) fn kernel(draft: &mut Draft, prefix: &str, path: &str) {
    let environment = format!("{prefix}/envs/{ENVIRONMENT}");
    let kernel = serde_json::json!({
        "argv": [format!("{environment}/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python (conda default)",
        "language": "python",
        "env": {
            "PATH": format!("{environment}/bin:{path}"),
            "CONDA_DEFAULT_ENV": ENVIRONMENT,
            "CONDA_PREFIX": environment,
        },
    });
    draft.copy(
        "conda/kernel.json",
        0o644,
        format!("{kernel:#}\n"),
        "/usr/local/share/jupyter/kernels/conda-default/kernel.json",
    );
}

/// Makes the environment active in login shells. Without conda's own functions its programs still go first.
pub(super) fn login_shells(draft: &mut Draft, prefix: &str) {
    let (functions, environment) =
        (word(&format!("{prefix}/etc/profile.d/conda.sh")), format!("{prefix}/envs/{ENVIRONMENT}"));
    let directory = word(&environment);
    let text = format!(
        "# FastBuild: the conda environment '{ENVIRONMENT}' is active in login shells.\n\
         if [ -r {functions} ]; then\n\
         \t. {functions}\n\
         \tconda activate {ENVIRONMENT} 2>/dev/null || :\n\
         elif [ -d {directory}/bin ]; then\n\
         \tPATH={directory}/bin:$PATH\n\
         \tCONDA_DEFAULT_ENV={ENVIRONMENT} CONDA_PREFIX={directory}\n\
         \texport PATH CONDA_DEFAULT_ENV CONDA_PREFIX\n\
         fi\n"
    );
    draft.copy("conda/profile.sh", 0o644, text, "/etc/profile.d/fastbuild-conda.sh");
}

/// Directories at the end of PATH: they shadow nothing of the image.
pub(super) fn path_directories(prefix: &str, has_environment: bool) -> Vec<String> {
    let environment = has_environment.then(|| format!("{prefix}/envs/{ENVIRONMENT}/bin"));
    environment.into_iter().chain([format!("{prefix}/bin")]).collect()
}

//! Build contexts as they reach the builder. With `FASTBUILD_RECIPE_DIRECTORY` set they stay there, to be built by hand:
//! `docker build DIRECTORY/NAME` with the base tagged `fastbuild.invalid/base:NAME`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fixture::*;
use crate::engine::{Builder, ContextContent};
use crate::request::OsInstaller;
use crate::secret::{JupyterHash, jupyter_password_hash, ssh_password_hash};

fn cases() -> Vec<(&'static str, Case)> {
    let password = "Alkaid123456".into();
    let ssh_hash = ssh_password_hash(&password).unwrap();
    let jupyter_hash = jupyter_password_hash(&password, JupyterHash::Argon2).unwrap();
    let services = |mut case: Case, pin: &str| {
        case.pin = format!("fastbuild.invalid/base:{pin}").parse().unwrap();
        case.ssh_hash.clone_from(&ssh_hash);
        case.jupyter_hash.clone_from(&jupyter_hash);
        case
    };
    let user = |mut case: Case| {
        case.base.user = "app".to_owned();
        case.base.working_directory = "/home/app".to_owned();
        case.base.entrypoint = vec!["/usr/local/bin/app-start".to_owned()];
        case.base.command = ["serve", "--port", "8080"].map(ToOwned::to_owned).to_vec();
        case.base.environment = vec!["BASE_GREETING=hello".to_owned()];
        case
    };
    let classic = |mut case: Case| {
        case.options.builder = Builder::Classic;
        case
    };
    let from_tools = |mut case: Case| {
        case.installer_directory = std::env::var_os("FASTBUILD_TOOLS_DIRECTORY").map_or("/tools".into(), PathBuf::from);
        case
    };
    let everything = || {
        case(debian())
            .os(OsInstaller::Apt, &[("tree", ""), ("less", "")])
            .pip(&[("requests", "2.31.0")])
            .ssh()
            .jupyter()
    };
    let mut yum = case(rocky()).os(OsInstaller::Yum, &[("lab-world", "1.0")]);
    yum.descriptor.details.glibc = "2.36".to_owned();
    vec![
        ("trivial", services(case(debian()), "debian")),
        ("everything", services(everything(), "debian")),
        ("classic", services(classic(everything()), "debian")),
        ("uid1000", services(user(case(debian()).ssh().jupyter()), "uid1000")),
        ("uid1000-plain", services(user(case(debian()).os(OsInstaller::Apt, &[("tree", "")])), "uid1000")),
        ("rpm", services(yum, "rpm")),
        ("source", services(from_tools(case(debian()).python("Python-3.11.2.tgz").pip(&[("requests", "")])), "debian")),
        (
            "conda",
            services(
                from_tools(
                    case(debian()).conda(Some("Miniconda3-latest-Linux-x86_64.sh"), &[("numpy", ">=1.0")]).ssh(),
                ),
                "debian",
            ),
        ),
    ]
}

fn write(case: &Case, directory: &Path) {
    for file in case.plan().unwrap().build_context().unwrap() {
        let path = directory.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match file.content {
            ContextContent::Bytes(bytes) => std::fs::write(&path, bytes).unwrap(),
            ContextContent::Exact { path: source, .. } if source.exists() => {
                std::fs::copy(source, &path).unwrap();
            }
            ContextContent::File(_) | ContextContent::Exact { .. } => std::fs::write(&path, "#!/bin/sh\n").unwrap(),
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file.mode)).unwrap();
    }
}

#[test]
fn every_script_in_a_context_is_one_for_the_shell() {
    let temporary = tempfile::tempdir().unwrap();
    let root = std::env::var_os("FASTBUILD_RECIPE_DIRECTORY").map_or(temporary.path().to_owned(), PathBuf::from);
    let mut scripts = 0;
    for (name, case) in cases() {
        let directory = root.join(name);
        write(&case, &directory);
        for script in ["fastbuild/start.sh", "environment/profile.sh", "conda/profile.sh"] {
            let path = directory.join(script);
            if path.exists() {
                let check = Command::new("/bin/sh").arg("-n").arg(&path).output().unwrap();
                assert!(check.status.success(), "{name}/{script}: {}", String::from_utf8_lossy(&check.stderr));
                scripts += 1;
            }
        }
        let text = std::fs::read_to_string(directory.join("Dockerfile")).unwrap();
        for command in run_commands(&text) {
            let check = Command::new("/bin/sh").args(["-n", "-c", &command]).output().unwrap();
            assert!(check.status.success(), "{name}: {command}: {}", String::from_utf8_lossy(&check.stderr));
            scripts += 1;
        }
    }
    assert!(scripts > 30, "{scripts}");
}

/// Commands of `RUN` in shell form, as the shell gets them.
fn run_commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let commands = joined.lines().filter_map(|line| line.strip_prefix("RUN "));
    let without_flags = commands
        .map(|line| line.split_whitespace().skip_while(|word| word.starts_with("--")).collect::<Vec<_>>().join(" "));
    without_flags.filter(|command| !command.starts_with('[')).collect()
}

//! conda, with a stand-in for its installer: the way from `tools_dir` to `conda create`, not a real conda.

use std::time::Duration;

use crate::lab;
use crate::support::{Container, RequestShape, TestService, fetch_again, forget};

/// What the service calls of an installer: `-b -p PREFIX`; what it calls of its conda: `create` and `install`.
const INSTALLER: &str = r#"#!/bin/sh
set -eu
[ "$1" = -b ] && [ "$2" = -p ] || { echo "unexpected arguments: $*" >&2; exit 2; }
mkdir -p "$3/bin"
cat >"$3/bin/conda" <<'CONDA'
#!/bin/sh
set -eu
case ${1:-} in
--version) echo conda 4.12.0; exit 0 ;;
info) exit 0 ;;
create) ;;
*) echo "unexpected: $*" >&2; exit 2 ;;
esac
prefix=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$prefix/envs/default/bin"
echo "$*" >"$prefix/envs/default/created-with"
echo "${CONDA_SOLVER:-own}" >"$prefix/envs/default/solved-by"
printf '#!/bin/sh\necho Python 3.9.7\n' >"$prefix/envs/default/bin/python"
chmod 0755 "$prefix/envs/default/bin/python"
CONDA
chmod 0755 "$3/bin/conda"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_installer_of_the_catalogue_makes_the_environment_default() {
    let service = TestService::configured().await;
    let installer = "Miniconda3-4.12.0-Linux-x86_64.sh";
    service.lay(&format!("tools/conda/{installer}"), INSTALLER);
    service.lay("source/conda/lab/.condarc", "channels: [lab]\n");
    let target = lab::unique_name("conda");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, "")
        .conda(&["numpy 1.26.0", "scipy"], installer)
        .source("conda", "lab", ".condarc")
        .ssh("conda-secret")
        .build();
    service.build(&request, Duration::from_mins(5)).await;
    fetch_again(&target).await;
    let container = Container::run(&target.to_string(), &[]).await;
    let created = container.exec(&["cat", "/usr/local/dros/conda/envs/default/created-with"]).await;
    assert_eq!(created, "create --yes --name default numpy=1.26.0 python scipy");
    assert_eq!(container.exec(&["cat", "/root/.condarc"]).await, "channels: [lab]");
    assert_eq!(container.exec(&["conda", "--version"]).await, "conda 4.12.0");
    container.wait_for_port(22).await;
    let (_, version) = container.ssh("conda-secret", "bash -lc 'python -V'").await;
    assert_eq!(version, "Python 3.9.7", "the environment is active in a login shell");
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

/// An installer whose Python has the module, or has none.
fn with_solver(module: &str) -> String {
    let python =
        format!(r#"printf '#!/bin/sh\n[ "$2" = "import {module}" ]\n' >"$3/bin/python"; chmod 0755 "$3/bin/python""#);
    format!("{INSTALLER}{python}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn libmamba_solves_where_the_installer_has_it() {
    let service = TestService::configured().await;
    let installer = "Miniconda3-23.11.0-Linux-x86_64.sh";
    service.lay("source/conda/own/.condarc", "channels: [lab]\nsolver: classic\n");
    for (module, source, solver) in [
        ("conda_libmamba_solver", "", "libmamba"),
        ("something_else", "", "own"),
        ("conda_libmamba_solver", "own", "own"),
    ] {
        service.lay(&format!("tools/conda/{installer}"), &with_solver(module));
        let target = lab::unique_name("conda");
        let mut shape = RequestShape::platform(&lab::base("debian:12"), &target, "").conda(&["numpy"], installer);
        if !source.is_empty() {
            shape = shape.source("conda", source, ".condarc");
        }
        service.build(&shape.build(), Duration::from_mins(5)).await;
        let container = Container::run(&target.to_string(), &["sleep", "600"]).await;
        let seen = container.exec(&["cat", "/usr/local/dros/conda/envs/default/solved-by"]).await;
        assert_eq!(seen, solver, "{module} {source}");
        container.remove().await;
        forget(&target).await;
    }
    service.stop().await;
}

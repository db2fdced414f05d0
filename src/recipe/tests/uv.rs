//! Where uv takes pip's place.

use super::fixture::*;
use crate::catalogue::InstallerKind;
use crate::engine::Builder;
use crate::recipe::{Chains, PipTool, needed_files};
use crate::request::OsInstaller;

const WHEEL: &str = "uv-0.9.1-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";

fn with_uv(files: &[&str]) -> Case {
    let mut case = case(debian_with_python()).pip(&[("requests", "2.31.0"), ("numpy", "")]);
    case.descriptor.details.pip3_location = "/usr/local/lib/python3.11/dist-packages/pip".to_owned();
    case.options.pip_tool = PipTool::Auto(files.iter().map(|name| name.parse().unwrap()).collect());
    case
}

fn text(case: &Case) -> String {
    case.plan().unwrap().text().unwrap()
}

#[test]
fn uv_from_the_catalogue() {
    let case = with_uv(&["uv-0.8.0-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", WHEEL]).jupyter();
    let text = text(&case);
    insta::assert_snapshot!(text);
}

#[test]
fn the_wheel_is_fetched_only_when_pip_installs_something() {
    let wheels = |case: &Case| {
        let needed = needed_files(&case.request, &case.descriptor, &case.options).unwrap();
        needed.installers.into_iter().map(|(kind, name)| (kind, name.to_string())).collect::<Vec<_>>()
    };
    let mut case = with_uv(&[WHEEL]);
    assert_eq!(wheels(&case), [(InstallerKind::Pip { python_major: 3 }, WHEEL.to_owned())]);
    case.options.builder = Builder::Classic;
    assert!(wheels(&case).is_empty(), "the classic builder would leave it in a layer");
    case = with_uv(&[WHEEL]);
    case.request.pip.software.clear();
    assert!(wheels(&case).is_empty());
}

#[test]
fn pip_stays_where_uv_does_not_serve() {
    assert!(text(&with_uv(&[])).contains("install.py --cache"));
    let changes: [fn(&mut Case); 5] = [
        |case| case.options.pip_tool = PipTool::Pip,
        |case| case.descriptor.details.python3_version = "3.7.9".to_owned(),
        |case| case.descriptor.details.architecture = "riscv64".to_owned(),
        |case| case.descriptor.details.glibc = String::new(),
        |case| case.request.python = with_uv(&[]).python("Python-2.7.18.tgz").request.python,
    ];
    for change in changes {
        let mut case = with_uv(&[]);
        change(&mut case);
        let text = text(&case);
        assert!(!text.contains("install.py") && text.contains(" -m pip install -r "), "{text}");
    }
}

#[test]
fn bytecode_is_compiled_for_users_that_cannot_write_it() {
    assert!(!text(&with_uv(&[])).contains("--compile"));
    let mut case = with_uv(&[]);
    case.base.user = "app".to_owned();
    assert!(text(&case).contains("install.py --cache /dev/fastbuild/cache/pip --compile "));
}

#[test]
fn a_pip_of_the_distribution_is_covered_by_pip_itself() {
    let mut case = with_uv(&[]);
    case.descriptor.details.pip3_location = "/usr/lib/python3/dist-packages/pip".to_owned();
    let text = text(&case);
    assert!(text.contains("-m pip install --upgrade --ignore-installed pip"), "{text}");
    assert!(!text.contains("--upgrade-pip"), "{text}");
}

#[test]
fn uv_is_fetched_while_os_packages_are_installed() {
    let beside = || with_uv(&[]).os(OsInstaller::Apt, &[("tree", "")]);
    let with_stage = text(&beside());
    assert!(with_stage.contains(" AS uv\n") && with_stage.contains("--fetch-uv"), "{with_stage}");
    assert_eq!(with_stage.matches("--mount=type=bind,from=uv,").count(), 1, "one step waits for it: {with_stage}");
    let mirrored = text(&beside().pip_source("aliyun"));
    assert!(mirrored.contains("PIP_NO_INDEX \\\n && export PIP_CONFIG_FILE=/dev/fastbuild/mirrors/pip/"), "{mirrored}");

    let os_alone = |case: &Case| case.plan().unwrap().trunk(&chains_of_os(case)).unwrap();
    let mut without_pip = beside();
    without_pip.request.pip.software.clear();
    assert_eq!(os_alone(&beside()), os_alone(&without_pip), "what the OS packages lie on is the same");

    let changes: [fn(&mut Case); 4] = [
        |case| case.request.os_packages.software.clear(),
        |case| case.options.builder = Builder::Classic,
        |case| case.options.pip_tool = PipTool::Pip,
        |case| case.descriptor.details.pip3_version.clear(),
    ];
    for change in changes {
        let mut case = beside();
        change(&mut case);
        assert!(!text(&case).contains("--fetch-uv"), "{}", text(&case));
    }
    assert!(!text(&with_uv(&[WHEEL]).os(OsInstaller::Apt, &[("tree", "")])).contains("--fetch-uv"), "it lies at hand");
}

fn chains_of_os(case: &Case) -> Chains {
    Chains { os: case.plan().unwrap().chains.os, pip: Vec::new() }
}

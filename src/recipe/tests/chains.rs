//! Recipes over what an earlier image of the same base installed, and installers that lie on the Docker server.

use super::fixture::*;
use crate::engine::Builder;
use crate::recipe::{Chains, Extends, PipTool, Sharers};
use crate::request::OsInstaller;

fn with(os: &[&'static str], pip: &[&'static str]) -> Case {
    let pairs = |names: &[&'static str]| names.iter().map(|&name| (name, "")).collect::<Vec<_>>();
    let mut case = case(debian_with_python()).os(OsInstaller::Apt, &pairs(os)).pip(&pairs(pip));
    case.descriptor.details.pip3_location = "/usr/local/lib/python3.11/dist-packages/pip".to_owned();
    case.options.pip_tool = PipTool::Auto(Vec::new());
    case
}

#[test]
fn a_list_over_an_earlier_one() {
    let earlier = with(&["tree"], &["numpy", "scipy"]).plan().unwrap();
    let mut case = with(&["tree"], &["numpy", "requests", "scipy"]);
    let plain = case.plan().unwrap();
    let over = plain.chains.over(&earlier.chains, plain.extends);
    assert_eq!(over.as_slice(), std::slice::from_ref(&earlier.chains));
    case.earlier.clone_from(&over[0]);
    let recipe = case.plan().unwrap();
    assert_eq!(recipe.own_step.as_deref(), Some("pip/requirements-2.txt"));
    assert_eq!(recipe.trunk(&over[0]).unwrap(), earlier.trunk(&over[0]).unwrap(), "the very same steps");
    assert_ne!(plain.trunk(&plain.chains).unwrap(), earlier.trunk(&over[0]).unwrap());
    insta::assert_snapshot!(recipe.text().unwrap());
}

#[test]
fn os_packages_over_earlier_ones() {
    let earlier = with(&["tree"], &["numpy"]).plan().unwrap();
    let mut case = with(&["less", "tree"], &["numpy"]);
    let plain = case.plan().unwrap();
    let over = plain.chains.over(&earlier.chains, plain.extends);
    let os = Chains { os: earlier.chains.os.clone(), pip: Vec::new() };
    assert_eq!(over.as_slice(), std::slice::from_ref(&os), "pip's step lies on that of the OS");
    case.earlier = os.clone();
    let recipe = case.plan().unwrap();
    assert_eq!(recipe.own_step.as_deref(), Some("os/install-over-2.sh"));
    assert_eq!(recipe.trunk(&os).unwrap(), earlier.trunk(&os).unwrap());
    insta::assert_snapshot!(recipe.text().unwrap());
}

#[test]
fn whatever_lies_below_changes_the_trunk() {
    let trunk = |case: &Case| {
        let recipe = case.plan().unwrap();
        recipe.trunk(&recipe.chains).unwrap().unwrap()
    };
    let case = || with(&["tree"], &["numpy"]);
    let same = trunk(&case());
    assert_eq!(trunk(&case().jupyter()), trunk(&case().jupyter()));
    let mut other_user = case();
    other_user.request.maintainer = "2048".to_owned();
    assert_eq!(trunk(&other_user), same, "what comes later counts for nothing");
    let mut other_base = case();
    other_base.pin = "fastbuild.invalid/base:other".parse().unwrap();
    let mut other_scope = case();
    other_scope.options.sharers = Sharers::OneBase("b0e51d197a450263".to_owned());
    let mut other_mirror = case().pip_source("aliyun");
    let mirrored = trunk(&other_mirror);
    other_mirror.request.pip.source = None;
    for (what, case) in [("base", other_base), ("scope", other_scope), ("environment", case().ssh())] {
        assert_ne!(trunk(&case), same, "{what}");
    }
    assert_ne!(mirrored, same, "mirror");
}

#[test]
fn only_where_the_result_can_be_compared() {
    let extends = |change: fn(&mut Case)| {
        let mut case = with(&["tree"], &["numpy"]);
        change(&mut case);
        case.plan().unwrap().extends
    };
    assert_eq!(extends(|_| ()), Extends { os: true, pip: true });
    assert_eq!(extends(|case| case.options.builder = Builder::Classic), Extends::default());
    assert_eq!(extends(|case| case.options.pip_tool = PipTool::Pip), Extends { os: true, pip: false });
    let rocky = case(rocky()).os(OsInstaller::Yum, &[("tree", "")]).plan().unwrap();
    assert_eq!(rocky.extends, Extends::default());
}

#[test]
fn a_big_installer_lies_on_the_docker_server() {
    let mut case = case(debian()).conda(Some("Miniconda3-latest-Linux-x86_64.sh"), &[("numpy", "")]);
    let small = case.plan().unwrap();
    assert!(small.installers.is_empty() && small.context.iter().any(|file| file.path.starts_with("installers/")));
    case.installer_bytes = 100 << 20;
    let big = case.plan().unwrap();
    assert!(!big.context.iter().any(|file| file.path.starts_with("installers/")));
    assert_eq!(big.installers.len(), 1);
    assert_ne!(big.fingerprint().unwrap(), small.fingerprint().unwrap());
    insta::assert_snapshot!(big.text().unwrap().split("\n\n").take(2).collect::<Vec<_>>().join("\n\n"));
    case.options.builder = Builder::Classic;
    let text = case.plan().unwrap().text().unwrap();
    assert!(text.contains("COPY --from=fastbuild.invalid/installer:bbbb"), "{text}");
}

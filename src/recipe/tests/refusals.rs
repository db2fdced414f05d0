//! Requests that cannot be met on their base image.

use super::fixture::*;
use crate::cause::Cause;
use crate::recipe::{DefaultPython, RecipeError, named_files, needed_files};
use crate::request::OsInstaller;

fn refused(case: &Case) -> RecipeError {
    case.plan().unwrap_err()
}

#[test]
fn a_source_for_another_release_is_refused_by_both_names() {
    let error = refused(&case(ubuntu()).os_source("ali", "ubuntu-18.04.list"));
    assert_eq!(error.cause(), Cause::SourceMismatch);
    let text = error.to_string();
    assert!(text.contains("ubuntu-18.04.list") && text.contains("Ubuntu 20.04.6 LTS (Focal Fossa)"), "{text}");
    assert!(case(ubuntu()).os_source("ali", "ubuntu-20.04.list").plan().is_ok());
    assert_eq!(refused(&case(debian()).os_source("ali", "Centos-12.repo")).cause(), Cause::SourceMismatch);
}

#[test]
fn apt_on_a_yum_image_is_refused_but_naming_it_alone_is_not() {
    let error = refused(&case(rocky()).os(OsInstaller::Apt, &[("tree", "")]));
    assert_eq!(error.cause(), Cause::UnsupportedBase);
    assert!(error.to_string().contains("apt") && error.to_string().contains("Rocky 9.4"), "{error}");
    assert!(case(rocky()).os(OsInstaller::Apt, &[]).plan().is_ok());
    assert!(matches!(
        refused(&case(debian()).os(OsInstaller::Yum, &[("tree", "")])),
        RecipeError::OtherInstaller { .. }
    ));
}

#[test]
fn an_installer_for_another_machine_is_refused() {
    let mut descriptor = debian();
    descriptor.details.architecture = "aarch64".to_owned();
    let arm = case(descriptor).conda(Some("Miniconda3-latest-Linux-x86_64.sh"), &[]);
    let error = refused(&arm);
    assert_eq!(error.cause(), Cause::UnsupportedBase);
    assert!(error.to_string().contains("x86_64") && error.to_string().contains("aarch64"), "{error}");
}

#[test]
fn conda_software_takes_the_newest_installer_that_runs_here() {
    let mut case = case(debian()).conda(None, &[("numpy", "")]);
    let error = refused(&case);
    assert_eq!(error.cause(), Cause::InstallerMissing);
    case.options.conda_installers = [
        "Anaconda3-2024.02-1-Linux-x86_64.sh",
        "Miniconda3-py39_4.9.2-Linux-x86_64.sh",
        "Miniconda3-py310_23.1.0-1-Linux-x86_64.sh",
        "Miniconda3-latest-Linux-aarch64.sh",
    ]
    .map(|name| name.parse().unwrap())
    .to_vec();
    let needed = needed_files(&case.request, &case.descriptor, &case.options).unwrap();
    assert_eq!(needed.installers[0].1.as_str(), "Miniconda3-py310_23.1.0-1-Linux-x86_64.sh");
}

#[test]
fn the_default_python_follows_the_setting() {
    let mut case = case(debian()).pip(&[("requests", "")]);
    case.options.python_tarballs = vec!["Python-3.9.1.tgz".parse().unwrap(), "Python-3.10.0.tgz".parse().unwrap()];
    let tarballs = |case: &Case| needed_files(&case.request, &case.descriptor, &case.options).unwrap().installers;
    assert_eq!(tarballs(&case)[0].1.as_str(), "Python-3.10.0.tgz");
    case.options.default_python = DefaultPython::System;
    assert!(tarballs(&case).is_empty());
    case.options.default_python = DefaultPython::Tarball("Python-3.9.1.tgz".parse().unwrap());
    assert_eq!(tarballs(&case)[0].1.as_str(), "Python-3.9.1.tgz");
    case.descriptor = debian_with_python();
    assert!(tarballs(&case).is_empty(), "the image has a Python");
}

#[test]
fn a_base_without_a_package_manager_is_refused() {
    let mut descriptor = debian();
    descriptor.details.package_tool = None;
    assert_eq!(refused(&case(descriptor)).cause(), Cause::UnsupportedBase);
}

#[test]
fn named_files_are_known_before_the_base_is() {
    let case = case(debian())
        .os_source("ali", "debian-12.list")
        .pip_source("ali")
        .python("Python-2.7.18.tgz")
        .conda(Some("Miniconda3-latest-Linux-x86_64.sh"), &[]);
    let named = named_files(&case.request);
    assert_eq!((named.sources.len(), named.installers.len()), (2, 2));
}

#[test]
fn the_fingerprint_ignores_what_differs_per_task_and_notices_the_rest() {
    let fingerprint = |case: &Case| case.plan().unwrap().fingerprint().unwrap();
    let make =
        || case(debian()).os(OsInstaller::Apt, &[("tree", ""), ("less", "")]).os_source("ali", "debian-12.list").ssh();
    let first = fingerprint(&make());
    let mut other = make();
    other.request.maintainer = "2002".to_owned();
    other.request.base = "other.example/base:2".parse().unwrap();
    other.request.os_packages.software.reverse();
    other.ssh_hash = "$6$other$salt".to_owned();
    assert_eq!(fingerprint(&other), first);
    let mut changed = make();
    changed.mirror_text.push_str("deb http://more.example/ x main\n");
    assert_ne!(fingerprint(&changed), first);
    let mut changed = make();
    changed.pin = "fastbuild.invalid/base:other".parse().unwrap();
    assert_ne!(fingerprint(&changed), first);
    assert_ne!(fingerprint(&make().jupyter()), first);
}

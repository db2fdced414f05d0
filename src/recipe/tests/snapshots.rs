//! Each kind of request once, whole.

use super::fixture::*;
use crate::engine::Builder;
use crate::request::OsInstaller;

#[test]
fn trivial() {
    let mut case = case(debian());
    case.base.entrypoint = vec!["/opt/base/start.sh".to_owned()];
    case.base.user = "app".to_owned();
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn apt_pip_ssh_and_jupyter_on_debian() {
    let case = case(debian())
        .os(OsInstaller::Apt, &[("tree", ""), ("curl", "7.88.1-10+deb12u8")])
        .os_source("ali", "debian-12.list")
        .pip(&[("requests", "2.31.0"), ("numpy", "")])
        .pip_source("qinghua")
        .ssh()
        .jupyter();
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn yum_on_rocky_9() {
    let mut case =
        case(rocky()).os(OsInstaller::Yum, &[("git", "2.43.0"), ("tree", "")]).os_source("ali", "Rocky-9.repo").ssh();
    case.mirror_text = "[baseos]\nbaseurl=http://mirror.example/\n".to_owned();
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn centos_7_with_old_openssl() {
    let case = case(centos7()).os(OsInstaller::Yum, &[("git", "")]).pip(&[("requests", "")]).ssh().jupyter();
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn conda_on_ubuntu() {
    let mut case = case(ubuntu())
        .conda(Some("Miniconda3-latest-Linux-x86_64.sh"), &[("numpy", "1.24"), ("conda-forge::xarray", ">=2023")])
        .jupyter();
    case.request.conda.source = Some(source("ali", ".condarc"));
    case.request.conda.python_version = Some("3.8".parse().unwrap());
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn conda_of_the_base() {
    let mut descriptor = ubuntu();
    descriptor.conda.available = true;
    descriptor.conda.environments = Some(vec!["base".to_owned(), "default".to_owned()]);
    descriptor.details.conda_path = "/opt/conda/bin/conda".to_owned();
    insta::assert_snapshot!(whole(&case(descriptor).conda(None, &[("numpy", "")]).plan().unwrap()));
}

#[test]
fn python_from_source() {
    let case =
        case(debian()).python("Python-3.11.2.tgz").pip(&[("requests", "")]).os(OsInstaller::Apt, &[("tree", "")]);
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn pip_on_an_externally_managed_python() {
    insta::assert_snapshot!(whole(&case(debian_with_python()).pip(&[("requests[socks]", "")]).plan().unwrap()));
}

#[test]
fn a_base_that_is_not_root() {
    let mut case = case(debian_with_python()).os(OsInstaller::Apt, &[("tree", "")]).ssh().jupyter();
    case.base.user = "1000:1000".to_owned();
    case.base.working_directory = "/home/app".to_owned();
    case.base.entrypoint = vec!["/bin/sh".to_owned(), "-c".to_owned(), "exec it's \"$0\"\n@USER@".to_owned()];
    case.base.command = vec!["serve".to_owned(), "two words".to_owned()];
    case.base.environment =
        vec!["PATH=/opt/app/bin:/usr/bin:/bin".to_owned(), "CUDA_HOME=/usr/local/cuda #1".to_owned()];
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn a_base_that_is_not_root_without_services() {
    let mut case = case(debian_with_python()).os(OsInstaller::Apt, &[("tree", "")]);
    case.base.user = "app".to_owned();
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn no_python_in_the_base_and_a_tarball_in_the_catalogue() {
    let mut case = case(debian()).pip(&[("requests", "")]);
    case.options.python_tarballs = ["Python-3.9.1.tgz", "Python-3.10.2.tgz", "Python-2.7.18.tgz", "notes.txt"]
        .map(|name| name.parse().unwrap())
        .to_vec();
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn the_classic_builder() {
    let mut case = case(debian_with_python())
        .os(OsInstaller::Apt, &[("tree", "")])
        .os_source("ali", "debian-12.list")
        .pip(&[("requests", "")])
        .ssh();
    case.options.builder = Builder::Classic;
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn jupyter_added_to_an_image_of_ours_with_ssh() {
    let (descriptor, base) = ours_with_ssh();
    let mut case = case(descriptor).jupyter();
    case.base = base;
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

#[test]
fn a_new_ssh_password_on_an_image_of_ours() {
    let (descriptor, base) = ours_with_ssh();
    let mut case = case(descriptor).ssh();
    case.base = base;
    insta::assert_snapshot!(whole(&case.plan().unwrap()));
}

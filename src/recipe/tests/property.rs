//! Hostile requests: thousands of documents with hostile texts in every field go through request parsing, planning and
//! rendering. What was not refused must read back as exactly the intended instructions, in both dialects.

use proptest::prelude::*;
use serde_json::json;

use super::fixture::*;
use crate::fuzzing::assert_intended;
use crate::image::ImageDescriptor;
use crate::request::BuildRequest;
use crate::secret::PlatformCipher;

/// Texts that mean something to a shell, to a Dockerfile, to apt, to pip or to a path.
const HOSTILE: [&str; 44] = [
    "; rm -rf /",
    "&& id",
    "| sh",
    "`id`",
    "$(id)",
    "${PATH}",
    "$PATH",
    "\nRUN id",
    "\r\nRUN id",
    "\\\nRUN id",
    "\\",
    "\"",
    "'",
    "' ; id ; '",
    "\" ; id ; \"",
    "<<EOF",
    "> /etc/passwd",
    "#",
    "# syntax=evil",
    "--privileged",
    "-o=APT::x",
    "--index-url=http://evil",
    "-r /etc/passwd",
    "-e .",
    "@ http://evil/x.whl",
    "file:///etc/passwd",
    "../../etc/passwd",
    "/etc/shadow",
    "..",
    ".",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "~root",
    "\0",
    "\u{2028}RUN id",
    "\u{202e}",
    "é",
    "=1.0",
    "==",
    ">=1,<2; python_version<'3'",
    "name[extra]",
    "\tRUN id",
];

const HONEST: [&str; 12] = [
    "numpy",
    "tree",
    "1.0",
    "7.88.1-10+deb12u8",
    "requests",
    "libstdc++6",
    "debian-12.list",
    "pip.conf",
    "ali",
    "3.8",
    "Python-3.11.2.tgz",
    "Miniconda3-latest-Linux-x86_64.sh",
];

fn text() -> impl Strategy<Value = String> {
    let honest = proptest::sample::select(HONEST.to_vec()).prop_map(str::to_owned);
    let hostile = proptest::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned);
    let glued = (proptest::sample::select(HONEST.to_vec()), proptest::sample::select(HOSTILE.to_vec()))
        .prop_map(|(honest, hostile)| format!("{honest}{hostile}"));
    prop_oneof![6 => honest, 1 => Just(String::new()), 1 => hostile, 1 => glued, 1 => any::<String>()]
}

/// One field in four hostile, the rest as given: with every field hostile nothing would get past parsing.
fn mostly(value: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![9 => Just(value.to_owned()), 1 => text()]
}

fn software() -> impl Strategy<Value = serde_json::Value> {
    let version = prop_oneof![3 => Just(String::new()), 2 => Just("1.0".to_owned()), 1 => text()];
    let name = prop_oneof![4 => mostly("numpy"), 1 => text()];
    proptest::collection::vec((name, version), 0..3)
        .prop_map(|list| list.into_iter().map(|(name, version)| json!({ "name": name, "version": version })).collect())
}

fn installer(name: &'static str, target: &'static str, file: &'static str) -> impl Strategy<Value = serde_json::Value> {
    let target = prop_oneof![3 => Just(String::new()), 1 => mostly(target)];
    let source = prop_oneof![2 => Just((String::new(), String::new())), 1 => (mostly("ali"), mostly(file))];
    (mostly(name), target, source, software(), any::<bool>()).prop_map(|(name, target, (mirror, file), software, update)| {
        json!({
            "installer_name": name,
            "install": { "present": "", "update": update && !target.is_empty(), "target": target, "install_loc": "" },
            "source": { "installer_name": "", "type": mirror, "file_name": file },
            "software_list": software,
            "python_version": [],
        })
    })
}

fn document() -> impl Strategy<Value = Vec<u8>> {
    let python = prop_oneof![4 => Just((String::new(), String::new())),
        1 => (mostly("Python-3.11.2.tgz"), mostly("/usr/local/dros/python"))];
    let maintainer = prop_oneof![1 => Just("1001".to_owned()), 1 => text()];
    (
        maintainer,
        python,
        installer("apt", "", "debian-12.list"),
        installer("pip", "get-pip.py", "pip.conf"),
        installer("conda", "Miniconda3-latest-Linux-x86_64.sh", ".condarc"),
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(|(maintainer, (tarball, prefix), apt, pip, conda, (ssh, jupyter))| {
            let secret = |wanted: bool| if wanted { "j7yC3VEVGFAJIRmnel+XVA==" } else { "" };
            json!({
                "webSSHSecret": secret(ssh),
                "jupyterLabSecret": secret(jupyter),
                "task_data": { "task_name": "t", "target_image_name": "harbor.example.cn/t/x:1", "callback_url": "" },
                "dockerfile_json": {
                    "base_image": "harbor.example.cn/base/debian:12",
                    "maintainer": maintainer,
                    "image_installer_config": {
                        "python_env": { "present": "", "target": tarball, "install_loc": prefix },
                        "package_manager_installer_config": apt,
                        "pip_installer_config": pip,
                        "conda_installer_config": conda,
                    },
                },
            })
            .to_string()
            .into_bytes()
        })
}

/// Start programs, users and variables of a hostile base image.
fn base_words() -> impl Strategy<Value = (Vec<String>, Vec<String>, String, String)> {
    let words = || proptest::collection::vec(text(), 0..3);
    (words(), words(), prop_oneof![2 => Just(String::new()), 1 => Just("app".to_owned()), 1 => text()], text())
}

fn descriptors() -> impl Strategy<Value = ImageDescriptor> {
    prop_oneof![Just(debian()), Just(debian_with_python())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_requests_never_add_an_instruction(
        body in document(),
        descriptor in descriptors(),
        (entrypoint, command, user, value) in base_words(),
    ) {
        let cipher = PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
        let Ok(request) = BuildRequest::parse(&body, &cipher) else { return Ok(()) };
        let mut case = case(descriptor);
        case.request = request;
        case.base.entrypoint = entrypoint;
        case.base.command = command;
        case.base.user = user;
        case.base.environment = vec![format!("APP={value}"), "PATH=/usr/bin:/bin".to_owned()];
        let Ok(recipe) = case.plan() else { return Ok(()) };
        assert_intended(&recipe);
    }
}

/// How many of the property's documents get past parsing, or it would prove nothing.
#[test]
fn enough_of_the_hostile_documents_are_accepted() {
    use proptest::strategy::ValueTree as _;
    let cipher = PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..300)
        .filter(|_| {
            let body = document().new_tree(&mut runner).unwrap().current();
            BuildRequest::parse(&body, &cipher).is_ok()
        })
        .count();
    assert!((60..290).contains(&accepted), "{accepted} of 300");
}

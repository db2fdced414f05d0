//! What the values mean.

use secrecy::ExposeSecret;

use super::*;
use crate::request::{OsInstaller, Reason};

#[test]
fn a_full_request_is_understood() {
    let mut document = platform();
    for (pointer, value) in [
        ("/python_env", json!({"present": ["python3(Python 3.11.2)"], "target": "Python-3.7.14.tgz"})),
        ("/package_manager_installer_config/source", json!({"type": "ali", "file_name": "ubuntu-20.04.list"})),
        (
            "/package_manager_installer_config/software_list",
            json!([{"name": "vim", "version": ""}, {"name": " g++ "}, {"name": "libc6:i386", "version": "=2.31-0ubuntu9"},
                   {"name": "curl=7.68.0-1"}, {"name": "vim"}, {"name": " ", "version": ""}, {"name": "", "version": null}]),
        ),
        ("/pip_installer_config/install", json!({"present": "", "target": ["", "get-pip.py"]})),
        (
            "/pip_installer_config/software_list",
            json!([{"name": "requests[security, socks]>=2,<3"}, {"name": "numpy", "version": "==1.21.*"},
                   {"name": "typing_extensions; python_version < '3.8' and (os_name=='posix')", "version": "4.0"},
                   {"name": "torch", "version": "1.8.0+cu111"}, {"name": "black", "version": "~=22.1"}]),
        ),
        (
            "/conda_installer_config/install",
            json!({"present": "", "update": false, "target": "Miniconda3-py38_4.9.2-Linux-x86_64.sh"}),
        ),
        ("/conda_installer_config/python_version", json!(["", 3.8])),
        (
            "/conda_installer_config/software_list",
            json!([{"name": "conda-forge::numpy", "version": "1.19.*"}, {"name": "scipy", "version": ">=1.5, <2"},
                   {"name": "_libgcc_mutex=0.1"}, {"name": "six"}, {"name": "zlib", "version": "==1.2.11"}]),
        ),
    ] {
        document = with(document, &format!("{TOOLS}{pointer}"), value);
    }
    let request = parse(&document).unwrap();
    let python = request.python.unwrap();
    assert_eq!((python.tarball.as_str(), python.prefix.as_str()), ("Python-3.7.14.tgz", "/usr/local/dros/python"));

    assert_eq!(request.os_packages.installer, Some(OsInstaller::Apt));
    let source = request.os_packages.source.unwrap();
    assert_eq!((source.mirror.as_str(), source.file.as_str()), ("ali", "ubuntu-20.04.list"));
    let packages: Vec<_> = request
        .os_packages
        .software
        .iter()
        .map(|package| (package.name.as_str(), package.version.as_ref().map_or("", |version| version.as_str())))
        .collect();
    assert_eq!(packages, [("vim", ""), ("g++", ""), ("libc6:i386", "2.31-0ubuntu9"), ("curl", "7.68.0-1")]);

    assert!(request.pip.upgrade);
    assert_eq!(request.pip.installer.unwrap().as_str(), "get-pip.py");
    let requirements: Vec<_> = request.pip.software.iter().map(ToString::to_string).collect();
    assert_eq!(
        requirements,
        [
            "requests[security,socks]>=2,<3",
            "numpy==1.21.*",
            "typing_extensions==4.0; python_version < \"3.8\" and (os_name == \"posix\")",
            "torch==1.8.0+cu111",
            "black~=22.1",
        ]
    );
    let pins: Vec<_> = request.pip.software.iter().map(|requirement| requirement.exact_pin()).collect();
    assert_eq!(pins, [None, None, Some("4.0"), Some("1.8.0+cu111"), None]);
    assert_eq!(request.pip.software[2].normalized_name(), "typing-extensions");

    assert!(!request.conda.update && request.conda.installer.is_some());
    assert_eq!(request.conda.python_version.unwrap().as_str(), "3.8");
    let specifications: Vec<_> = request.conda.software.iter().map(ToString::to_string).collect();
    assert_eq!(
        specifications,
        ["conda-forge::numpy=1.19.*", "scipy>=1.5,<2", "_libgcc_mutex=0.1", "six", "zlib==1.2.11"]
    );
}

#[test]
fn update_absent_follows_the_target() {
    let python = format!("{TOOLS}/python_env");
    for (part, wanted) in [
        (json!({"present": "", "target": "Python-3.7.14.tgz"}), true),
        (json!({"present": "", "target": "Python-3.7.14.tgz", "update": null}), true),
        (json!({"present": "", "target": "Python-3.7.14.tgz", "update": false}), false),
        (json!({"present": "", "target": "", "update": true}), false),
        (json!({"present": "", "target": []}), false),
    ] {
        let request = parse(&with(console(), &python, part.clone())).unwrap();
        assert_eq!(request.python.is_some(), wanted, "{part}");
    }
    let pip = format!("{TOOLS}/pip_installer_config/install");
    assert!(!parse(&with(console(), &pip, json!({"present": "", "target": ""}))).unwrap().pip.upgrade);
    assert!(parse(&with(console(), &pip, json!({"present": "", "target": "", "update": 1}))).unwrap().pip.upgrade);
}

#[test]
fn the_first_place_with_a_password_wins() {
    let password =
        |document: &Value| parse(document).unwrap().ssh_password.map(|password| password.expose_secret().to_owned());
    let inner = format!("{TOOLS}/webSSHSecret");
    assert_eq!(password(&with(console(), &inner, json!(FULL_SECRET))).as_deref(), Some("Alkaid123456"));
    assert_eq!(password(&with(platform(), &inner, json!(""))).as_deref(), Some("Alkaid123456"));
    assert_eq!(password(&with(platform(), "/webSSHSecret", json!("EhbK7QBAQ+DyPSmUS5Ur+Q=="))).as_deref(), Some(" "));
    assert_eq!(password(&with(platform(), "/webSSHSecret", json!(EMPTY_SECRET))), None);
    assert_eq!(password(&without(platform(), "/webSSHSecret")), None);
}

#[test]
fn passwords_that_cannot_work_are_refused_without_being_shown() {
    let line_break = cipher().encrypt(&SecretString::from("pass\nword"));
    let long = cipher().encrypt(&SecretString::from("x".repeat(512)));
    for (secret, reason) in [
        ("Alkaid123456", Reason::Undecryptable),
        ("c2VjcmV0IHBsYWludGV4dA==", Reason::Undecryptable),
        (line_break.as_str(), Reason::Password),
        (long.as_str(), Reason::TooLong),
    ] {
        let document = with(platform(), "/webSSHSecret", json!(secret));
        assert_eq!(refused(&document), [format!("webSSHSecret: {reason:?}")]);
        let error = parse(&document).unwrap_err();
        let said = format!("{error} {error:?} {} {:?}", error.chinese(), error.validation_errors());
        assert!(!said.contains(secret) && said.contains("webSSHSecret"), "{said}");
    }
}

#[test]
fn debug_shows_no_password() {
    let shown = format!("{:?}", parse(&platform()).unwrap());
    assert!(!shown.contains("Alkaid123456") && shown.contains("ssh_password"), "{shown}");
}

#[test]
fn targets_need_a_tag_and_no_digest() {
    let target = |name: &str, tag: Value| {
        with(with(console(), "/image_data/target_image_name", json!(name)), "/image_data/tag", tag)
    };
    for (name, tag, expected) in [
        ("127.0.0.1:30003/a/b:v1", Value::Null, "127.0.0.1:30003/a/b:v1"),
        ("127.0.0.1:30003/a/b", json!("v2"), "127.0.0.1:30003/a/b:v2"),
        ("127.0.0.1/a/b", json!(18), "127.0.0.1/a/b:18"),
        (" 127.0.0.1/a/b:v1 ", json!("other"), "127.0.0.1/a/b:v1"),
    ] {
        assert_eq!(parse(&target(name, tag)).unwrap().target.to_string(), expected);
    }
    let digest = format!("127.0.0.1/a/b:v1@sha256:{}", "a".repeat(64));
    for (name, tag, expected) in [
        ("127.0.0.1/a/b", json!(""), "image_data.target_image_name: TargetTag"),
        ("127.0.0.1:30003/a/b", Value::Null, "image_data.target_image_name: TargetTag"),
        ("127.0.0.1/a/b", json!("v 1"), "image_data.tag: ImageName"),
        (digest.as_str(), Value::Null, "image_data.target_image_name: TargetDigest"),
        ("", json!("v1"), "image_data.target_image_name: ImageName"),
        ("a/../b:v1", Value::Null, "image_data.target_image_name: ImageName"),
    ] {
        assert_eq!(refused(&target(name, tag)), [expected]);
    }
}

#[test]
fn all_refused_fields_are_named_at_once() {
    let mut document = with(console(), "/dockerfile_json/maintainer", json!("me\nRUN id"));
    let software =
        json!([{"name": "a"}, {"name": "b", "version": "1; id"}, {"name": "c$(id)"}, {"name": "", "version": "1"}]);
    document = with(document, &format!("{TOOLS}/pip_installer_config/software_list"), software);
    document = with(document, &format!("{TOOLS}/conda_installer_config/source/file_name"), json!("x"));
    document = with(document, "/image_data/callback_url", json!("ftp://x/y"));
    let pip = "dockerfile_json.image_installer_config.pip_installer_config.software_list";
    assert_eq!(
        refused(&document),
        [
            "image_data.callback_url: CallbackUrl".to_owned(),
            "dockerfile_json.maintainer: ControlCharacter".to_owned(),
            format!("{pip}[1].version: RequirementVersion"),
            format!("{pip}[2].name: Requirement"),
            format!("{pip}[3].name: NameMissing"),
            "dockerfile_json.image_installer_config.conda_installer_config.source.type: SourceIncomplete".to_owned(),
        ]
    );
    let error = parse(&document).unwrap_err();
    assert!(error.english().contains(&format!("{pip}[2].name \"c$(id)\" must be a requirement")), "{error}");
    assert!(error.chinese().contains(&format!("{pip}[2].name \"c$(id)\" 必须是")));
    let detail = serde_json::to_value(error.validation_errors()).unwrap();
    assert_eq!(detail[1]["loc"], json!(["body", "dockerfile_json", "maintainer"]));
    assert_eq!(detail[1]["type"], "value_error");
}

#[test]
fn saved_documents_are_read_again_with_kept_passwords() {
    let saved = crate::request::redacted_document(platform().to_string().as_bytes()).unwrap().to_string();
    let kept = SecretString::from("kept");
    let request = BuildRequest::parse_saved(saved.as_bytes(), Some(kept), None).unwrap();
    assert_eq!(request.ssh_password.unwrap().expose_secret(), "kept");
    assert!(request.jupyter_password.is_none());
}

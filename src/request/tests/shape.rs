//! What the shape may be, and how pydantic v1 names what it may not be.

use super::*;

/// The 422 answer's entries as `path: message (type)`.
fn invalid(document: &Value) -> Vec<String> {
    let Err(error @ RequestError::Invalid(_)) = parse(document) else {
        panic!("not refused by shape: {document}");
    };
    error
        .validation_errors()
        .iter()
        .map(|error| format!("{}: {} ({})", serde_json::to_string(&error.loc).unwrap(), error.message, error.kind))
        .collect()
}

#[test]
fn both_shapes_mean_the_same() {
    let request = parse(&console()).unwrap();
    assert_eq!((request.task_name.as_str(), request.description.as_str()), ("t", "d"));
    assert_eq!(request.callback_url.unwrap().to_string(), "http://127.0.0.1:48102/cb");
    assert!(request.ssh_password.is_none() && request.jupyter_password.is_none());

    let request = parse(&platform()).unwrap();
    assert_eq!(request.target.to_string(), "harbor.example.cn:30003/a/b:v1");
    assert!(request.callback_url.is_none() && request.task_name.is_empty());
    assert!(request.ssh_password.is_some() && request.jupyter_password.is_none());
}

#[test]
fn answers_the_captured_422() {
    let document = without(console(), "/image_data/callback_url");
    let pointer = format!("{TOOLS}/package_manager_installer_config/software_list");
    let document = with(document, &pointer, json!([{"nam": "x"}]));
    let Err(error) = parse(&document) else { panic!("accepted") };
    assert_eq!(
        serde_json::to_value(error.validation_errors()).unwrap(),
        json!([
            {"loc": ["body", "image_data", "callback_url"], "msg": "field required", "type": "value_error.missing"},
            {"loc": ["body", "dockerfile_json", "image_installer_config", "package_manager_installer_config",
                     "software_list", 0, "name"], "msg": "field required", "type": "value_error.missing"},
        ])
    );
}

#[test]
fn an_empty_object_misses_both_parts() {
    assert_eq!(
        invalid(&json!({})),
        [
            r#"["body","image_data"]: field required (value_error.missing)"#,
            r#"["body","dockerfile_json"]: field required (value_error.missing)"#,
        ]
    );
    assert_eq!(invalid(&json!([])), [r#"["body"]: value is not a valid dict (type_error.dict)"#]);
}

#[test]
fn every_required_key_is_required_and_not_null() {
    let mut required = vec!["/dockerfile_json".to_owned()];
    for name in ["base_image", "maintainer", "image_installer_config"] {
        required.push(format!("/dockerfile_json/{name}"));
    }
    required.push(format!("{TOOLS}/python_env"));
    required.extend(["present", "target"].map(|name| format!("{TOOLS}/python_env/{name}")));
    for part in ["package_manager_installer_config", "pip_installer_config", "conda_installer_config"] {
        required.push(format!("{TOOLS}/{part}"));
        for name in ["installer_name", "install", "source", "software_list", "install/present", "install/target"] {
            required.push(format!("{TOOLS}/{part}/{name}"));
        }
        required.extend(["type", "file_name"].map(|name| format!("{TOOLS}/{part}/source/{name}")));
    }
    for (document, part) in [(console(), "/image_data"), (platform(), "/task_data")] {
        let keys = ["task_name", "callback_url", "target_image_name"].map(|name| format!("{part}/{name}"));
        for pointer in required.iter().chain(&keys) {
            let location = format!("[\"body\"{}\"]", pointer.replace('/', "\",\"").replacen('"', "", 1));
            assert_eq!(
                invalid(&without(document.clone(), pointer)),
                [format!("{location}: field required (value_error.missing)")]
            );
            assert_eq!(
                invalid(&with(document.clone(), pointer, Value::Null)),
                [format!("{location}: none is not an allowed value (type_error.none.not_allowed)")]
            );
        }
    }
}

#[test]
fn optional_keys_may_be_absent_or_null_and_unknown_ones_are_ignored() {
    let mut optional = vec![format!("{TOOLS}/python_env/update"), format!("{TOOLS}/python_env/install_loc")];
    for part in ["package_manager_installer_config", "pip_installer_config", "conda_installer_config"] {
        for name in ["install/update", "install/install_loc", "source/installer_name", "delimiter", "python_version"] {
            optional.push(format!("{TOOLS}/{part}/{name}"));
        }
    }
    optional.extend(["image_desc", "webSSHSecret", "jupyterLabSecret"].map(|name| format!("/image_data/{name}")));
    let mut bare = console();
    let mut null = console();
    for pointer in &optional {
        bare = without(bare, pointer);
        null = with(null, pointer, Value::Null);
    }
    for pointer in ["/force", "/refresh_after", "/plain_pip", "/image_data/tag"] {
        null = with(null, pointer, Value::Null);
    }
    parse(&bare).unwrap();
    parse(&null).unwrap();
    parse(&with(console(), "/image_data/unknown", json!({"a": [1]}))).unwrap();
}

#[test]
fn wrong_types_are_named_all_at_once() {
    let pip = format!("{TOOLS}/pip_installer_config");
    let mut document = console();
    for (pointer, value) in [
        ("/image_data/task_name".to_owned(), json!({})),
        ("/image_data/webSSHSecret".to_owned(), json!([])),
        ("/dockerfile_json/maintainer".to_owned(), json!([1])),
        (format!("{TOOLS}/python_env/target"), json!({})),
        (format!("{TOOLS}/python_env/update"), json!("maybe")),
        (format!("{pip}/install"), json!("x")),
        (format!("{pip}/software_list"), json!([7, {"name": null, "version": {}}])),
        (format!("{pip}/python_version"), json!("3.8")),
        (format!("{TOOLS}/conda_installer_config/software_list"), json!({})),
        ("/force".to_owned(), json!(2)),
        ("/refresh_after".to_owned(), json!("soon")),
    ] {
        document = with(document, &pointer, value);
    }
    let tools = r#"["body","dockerfile_json","image_installer_config""#;
    let expected = [
        r#"["body","image_data","task_name"]: str type expected (type_error.str)"#.to_owned(),
        r#"["body","image_data","webSSHSecret"]: str type expected (type_error.str)"#.to_owned(),
        r#"["body","dockerfile_json","maintainer"]: str type expected (type_error.str)"#.to_owned(),
        format!(r#"{tools},"python_env","update"]: value could not be parsed to a boolean (type_error.bool)"#),
        format!(r#"{tools},"python_env","target"]: str type expected (type_error.str)"#),
        format!(r#"{tools},"python_env","target"]: value is not a valid list (type_error.list)"#),
        format!(r#"{tools},"pip_installer_config","install"]: value is not a valid dict (type_error.dict)"#),
        format!(r#"{tools},"pip_installer_config","software_list",0]: value is not a valid dict (type_error.dict)"#),
        format!(
            r#"{tools},"pip_installer_config","software_list",1,"name"]: none is not an allowed value (type_error.none.not_allowed)"#
        ),
        format!(r#"{tools},"pip_installer_config","software_list",1,"version"]: str type expected (type_error.str)"#),
        format!(r#"{tools},"pip_installer_config","python_version"]: value is not a valid list (type_error.list)"#),
        format!(r#"{tools},"conda_installer_config","software_list"]: value is not a valid list (type_error.list)"#),
        r#"["body","force"]: value could not be parsed to a boolean (type_error.bool)"#.to_owned(),
        r#"["body","refresh_after"]: value is not a valid integer (type_error.integer)"#.to_owned(),
    ];
    assert_eq!(invalid(&document), expected);
    assert_eq!(
        invalid(&with(console(), "/refresh_after", json!(-1))),
        [r#"["body","refresh_after"]: ensure this value is greater than or equal to 0 (value_error.number.not_ge)"#]
    );
}

#[test]
fn scalars_are_taken_as_python_takes_them() {
    let pip = format!("{TOOLS}/pip_installer_config");
    let mut document = with(console(), "/dockerfile_json/maintainer", json!(42));
    document =
        with(document, &format!("{pip}/software_list"), json!([{"name": "numpy", "version": 1.21}, {"name": "six"}]));
    document = with(document, &format!("{pip}/install/update"), json!("YES"));
    document = with(document, &format!("{pip}/install/present"), json!(["pip(pip 23)", 3]));
    document = with(document, "/force", json!(1));
    document = with(document, "/plain_pip", json!("true"));
    document = with(document, "/refresh_after", json!("3600"));
    document = with(document, "/image_data/task_name", json!(true));
    let request = parse(&document).unwrap();
    assert_eq!((request.maintainer.as_str(), request.task_name.as_str()), ("42", "True"));
    assert_eq!(request.pip.software[0].to_string(), "numpy==1.21");
    assert!(request.pip.upgrade && request.force && request.plain_pip);
    assert_eq!(request.refresh_after_seconds, Some(3600));
    for (word, truth) in [("on", true), ("t", true), ("0", false), ("off", false), ("False", false), ("n", false)] {
        let document = with(console(), "/force", json!(word));
        assert_eq!(parse(&document).unwrap().force, truth, "{word}");
    }
}

#[test]
fn no_bytes_panic() {
    for body in [
        &b""[..],
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"\"x\"",
        b"{\"image_data\":",
        b"{\"a\":1e999}",
        b"{\"a\":\"\\ud800\"}",
    ] {
        assert!(BuildRequest::parse(body, &cipher()).is_err(), "{body:?}");
    }
}

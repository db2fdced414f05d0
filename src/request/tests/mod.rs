//! Requests as clients send them, whole.

mod hostile;
mod shape;
mod values;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{BuildRequest, RequestError};
use crate::secret::PlatformCipher;

/// The contract's encrypted texts of the empty text and of `Alkaid123456`.
const EMPTY_SECRET: &str = "qkrhxQmWOe5kvpJpplvTuQ==";
const FULL_SECRET: &str = "j7yC3VEVGFAJIRmnel+XVA==";
const TOOLS: &str = "/dockerfile_json/image_installer_config";

fn cipher() -> PlatformCipher {
    PlatformCipher::new(&SecretString::from("c7e71f37dda040fd"), "0000000000000000").unwrap()
}

fn parse(document: &Value) -> Result<BuildRequest, RequestError> {
    BuildRequest::parse(document.to_string().as_bytes(), &cipher())
}

fn installer(name: &str) -> Value {
    json!({
        "installer_name": name,
        "install": {"present": "", "update": false, "target": "", "install_loc": ""},
        "source": {"installer_name": "", "type": "", "file_name": ""},
        "software_list": [], "delimiter": "", "python_version": [],
    })
}

fn dockerfile_json() -> Value {
    json!({
        "base_image": "127.0.0.1/base/ubuntu:20.04",
        "maintainer": "me",
        "image_installer_config": {
            "python_env": {"present": "", "update": false, "target": "", "install_loc": "/usr/local/dros/python"},
            "package_manager_installer_config": installer("apt"),
            "pip_installer_config": installer("pip"),
            "conda_installer_config": installer("conda"),
        },
    })
}

fn console() -> Value {
    json!({
        "image_data": {
            "task_name": "t", "callback_url": "http://127.0.0.1:48102/cb", "target_image_name": "127.0.0.1/t/x:v1",
            "image_desc": "d", "webSSHSecret": EMPTY_SECRET, "jupyterLabSecret": EMPTY_SECRET,
        },
        "dockerfile_json": dockerfile_json(),
    })
}

fn platform() -> Value {
    json!({
        "webSSHSecret": FULL_SECRET, "jupyterLabSecret": EMPTY_SECRET,
        "task_data": {"task_name": "", "target_image_name": "harbor.example.cn:30003/a/b:v1", "callback_url": ""},
        "dockerfile_json": dockerfile_json(),
    })
}

/// The document with one value set or added.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[name] = value;
    document
}

/// The document with one key taken away.
fn without(mut document: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    document
}

/// The refused fields as `location: rule`.
fn refused(document: &Value) -> Vec<String> {
    match parse(document) {
        Err(RequestError::Refused(fields)) => {
            fields.iter().map(|field| format!("{}: {:?}", field.location, field.reason)).collect()
        }
        other => panic!("not refused by value: {other:?}"),
    }
}

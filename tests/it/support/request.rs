//! Build requests in both shapes.

use fastbuild::image::ImageReference;
use fastbuild::secret::PlatformCipher;
use serde_json::{Value, json};

/// A build request under construction.
pub struct RequestShape {
    document: Value,
    is_console: bool,
}

/// A password as the platform sends it, under the default key.
pub fn encrypted(password: &str) -> String {
    let cipher = PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
    cipher.encrypt(&password.into())
}

fn installer(name: &str) -> Value {
    json!({
        "installer_name": name,
        "install": {"present": "", "update": false, "target": "", "install_loc": ""},
        "source": {"installer_name": "", "type": "", "file_name": ""},
        "software_list": [],
        "delimiter": "",
        "python_version": []
    })
}

fn dockerfile_json(base: &ImageReference, installer_name: &str) -> Value {
    json!({
        "base_image": base.to_string(),
        "maintainer": "1024",
        "image_installer_config": {
            "python_env": {"present": "", "update": false, "target": "", "install_loc": "/usr/local/dros/python"},
            "package_manager_installer_config": installer(installer_name),
            "pip_installer_config": installer("pip"),
            "conda_installer_config": installer("conda")
        }
    })
}

impl RequestShape {
    /// The platform's shape.
    pub fn platform(base: &ImageReference, target: &ImageReference, callback_url: &str) -> Self {
        let document = json!({
            "webSSHSecret": encrypted(""),
            "jupyterLabSecret": encrypted(""),
            "task_data": {"task_name": "test", "target_image_name": target.to_string(), "callback_url": callback_url},
            "dockerfile_json": dockerfile_json(base, "apt")
        });
        Self { document, is_console: false }
    }

    /// The console's shape.
    pub fn console(base: &ImageReference, target: &ImageReference, callback_url: &str) -> Self {
        let document = json!({
            "image_data": {
                "task_name": "", "callback_url": callback_url, "target_image_name": target.to_string(),
                "tag": target.tag_or_latest(), "image_desc": "made by a test",
                "webSSHSecret": encrypted(""), "jupyterLabSecret": encrypted("")
            },
            "dockerfile_json": dockerfile_json(base, "apt")
        });
        Self { document, is_console: true }
    }

    /// SSH with this password.
    pub fn ssh(mut self, password: &str) -> Self {
        self.secrets()["webSSHSecret"] = json!(encrypted(password));
        self
    }

    /// JupyterLab with this password.
    pub fn jupyter(mut self, password: &str) -> Self {
        self.secrets()["jupyterLabSecret"] = json!(encrypted(password));
        self
    }

    fn secrets(&mut self) -> &mut Value {
        if self.is_console { &mut self.document["image_data"] } else { &mut self.document }
    }

    /// OS packages, each `name` or `name version`.
    pub fn os_packages(self, installer: &str, packages: &[&str]) -> Self {
        let config = "package_manager_installer_config";
        self.set(config, "installer_name", json!(installer)).software(config, packages)
    }

    /// A package that no other request has. Equal ones share a build, and who waits for it has no slot: only different
    /// ones fill the queue. For scripted engines.
    pub fn distinct(self) -> Self {
        let package = format!("only-{}", hex::encode(rand::random::<[u8; 6]>()));
        self.os_packages("apt", &[&package])
    }

    /// pip packages, each `name` or `name version`.
    pub fn pip(self, packages: &[&str]) -> Self {
        self.software("pip_installer_config", packages)
    }

    /// conda packages, each `name` or `name version`, and perhaps an installer's name.
    pub fn conda(self, packages: &[&str], installer: &str) -> Self {
        self.software("conda_installer_config", packages).edit(|document| {
            document["dockerfile_json"]["image_installer_config"]["conda_installer_config"]["install"]["target"] =
                json!(installer);
        })
    }

    /// A mirror file of an installer (`package_manager`, `pip`, `conda`).
    pub fn source(self, installer: &str, mirror: &str, file: &str) -> Self {
        let source = json!({"installer_name": installer, "type": mirror, "file_name": file});
        self.set(&format!("{installer}_installer_config"), "source", source)
    }

    /// Any change of the document.
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.document);
        self
    }

    fn set(self, config: &str, field: &str, value: Value) -> Self {
        self.edit(|document| document["dockerfile_json"]["image_installer_config"][config][field] = value)
    }

    fn software(self, config: &str, packages: &[&str]) -> Self {
        let list: Vec<Value> = packages
            .iter()
            .map(|package| match package.split_once(' ') {
                Some((name, version)) => json!({"name": name, "version": version}),
                None => json!({"name": package, "version": ""}),
            })
            .collect();
        self.set(config, "software_list", json!(list))
    }

    /// The document.
    pub fn build(self) -> Value {
        self.document
    }
}

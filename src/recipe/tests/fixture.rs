//! Requests, images and files for the tests of recipes.

use std::collections::BTreeMap;

use crate::catalogue::{InstallerFile, InstallerKind, MirrorFile, SourceInstaller};
use crate::engine::ContextContent;
use crate::image::{ImageConfig, ImageDescriptor, ImageDetails, ImageReference, OsFamily, PackageTool};
use crate::recipe::{Chains, Recipe, RecipeError, RecipeInput, RecipeOptions, ResolvedFiles, needed_files, plan};
use crate::request::{
    BuildRequest, CondaPackage, CondaPackages, OsInstaller, OsPackage, OsPackages, PipPackages, PipRequirement,
    PythonFromSource, SourceChoice,
};

pub(super) const PIN: &str = "fastbuild.invalid/base:b0e51d197a450263974e79f37488ad127043d5d78f7241358af864d10a818043";

/// A request, the image it meets, and what else a recipe takes.
pub(super) struct Case {
    pub(super) request: BuildRequest,
    pub(super) descriptor: ImageDescriptor,
    pub(super) base: ImageConfig,
    pub(super) options: RecipeOptions,
    pub(super) pin: ImageReference,
    pub(super) mirror_text: String,
    pub(super) installer_directory: std::path::PathBuf,
    pub(super) installer_bytes: u64,
    pub(super) earlier: Chains,
    pub(super) ssh_hash: String,
    pub(super) jupyter_hash: String,
}

pub(super) fn case(descriptor: ImageDescriptor) -> Case {
    Case {
        request: request(),
        descriptor,
        base: ImageConfig { command: vec!["bash".to_owned()], ..ImageConfig::default() },
        options: RecipeOptions::default(),
        pin: PIN.parse().unwrap(),
        mirror_text: "deb http://mirror.example/debian bookworm main\n".to_owned(),
        installer_directory: "/tools".into(),
        installer_bytes: 1,
        earlier: Chains::default(),
        ssh_hash: "$6$salt$hash".to_owned(),
        jupyter_hash: "argon2:$argon2id$v=19$hash".to_owned(),
    }
}

fn request() -> BuildRequest {
    BuildRequest {
        task_name: String::new(),
        target: "harbor.example.cn/t/image:1".parse().unwrap(),
        description: String::new(),
        callback_url: None,
        base: "harbor.example.cn/base/image:1".parse().unwrap(),
        maintainer: "1001".to_owned(),
        python: None,
        os_packages: OsPackages::default(),
        pip: PipPackages::default(),
        conda: CondaPackages::default(),
        ssh_password: None,
        jupyter_password: None,
        force: false,
        refresh_after_seconds: None,
        plain_pip: false,
    }
}

pub(super) fn source(mirror: &str, file: &str) -> SourceChoice {
    SourceChoice { mirror: mirror.parse().unwrap(), file: file.parse().unwrap() }
}

impl Case {
    pub(super) fn os(mut self, installer: OsInstaller, packages: &[(&str, &str)]) -> Self {
        self.request.os_packages.installer = Some(installer);
        self.request.os_packages.software =
            packages.iter().map(|(name, version)| OsPackage::parse(name, version).unwrap()).collect();
        self
    }

    pub(super) fn os_source(mut self, mirror: &str, file: &str) -> Self {
        self.request.os_packages.source = Some(source(mirror, file));
        self
    }

    pub(super) fn pip(mut self, packages: &[(&str, &str)]) -> Self {
        self.request.pip.software =
            packages.iter().map(|(name, version)| PipRequirement::parse(name, version).unwrap()).collect();
        self
    }

    pub(super) fn pip_source(mut self, mirror: &str) -> Self {
        self.request.pip.source = Some(source(mirror, "pip.conf"));
        self
    }

    pub(super) fn conda(mut self, installer: Option<&str>, packages: &[(&str, &str)]) -> Self {
        self.request.conda.installer = installer.map(|name| name.parse().unwrap());
        self.request.conda.update = installer.is_some();
        self.request.conda.software =
            packages.iter().map(|(name, version)| CondaPackage::parse(name, version).unwrap()).collect();
        self
    }

    pub(super) fn python(mut self, tarball: &str) -> Self {
        let prefix = "/usr/local/dros/python".parse().unwrap();
        self.request.python = Some(PythonFromSource { tarball: tarball.parse().unwrap(), prefix });
        self
    }

    pub(super) fn ssh(mut self) -> Self {
        self.request.ssh_password = Some("Alkaid123456".into());
        self
    }

    pub(super) fn jupyter(mut self) -> Self {
        self.request.jupyter_password = Some("Alkaid123456".into());
        self
    }

    pub(super) fn files(&self) -> Result<ResolvedFiles, RecipeError> {
        let needed = needed_files(&self.request, &self.descriptor, &self.options)?;
        let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap();
        let mirror = |(installer, choice): (SourceInstaller, SourceChoice)| {
            let bytes = match installer {
                SourceInstaller::Apt | SourceInstaller::Yum => self.mirror_text.clone(),
                SourceInstaller::Pip => "[global]\ntimeout = 60\n".to_owned(),
                SourceInstaller::Conda => "channels: [defaults]\n".to_owned(),
            };
            (installer, MirrorFile { choice, bytes: bytes.into(), digest: digest('a') })
        };
        let installer = |(kind, name): (InstallerKind, crate::request::FileName)| InstallerFile {
            kind,
            path: self.installer_directory.join(name.as_str()),
            size_bytes: self.installer_bytes,
            digest: digest('b'),
            name,
        };
        Ok(ResolvedFiles {
            sources: needed.sources.into_iter().map(mirror).collect(),
            installers: needed.installers.into_iter().map(installer).collect(),
        })
    }

    pub(super) fn plan(&self) -> Result<Recipe, RecipeError> {
        let files = self.files()?;
        plan(&RecipeInput {
            request: &self.request,
            descriptor: &self.descriptor,
            base: &self.base,
            base_pin: &self.pin,
            files: &files,
            ssh_hash: self.request.ssh_password.as_ref().map(|_| self.ssh_hash.as_str()),
            jupyter_hash: self.request.jupyter_password.as_ref().map(|_| self.jupyter_hash.as_str()),
            task_id: 1_795_229_647_053,
            options: &self.options,
            earlier: self.earlier.clone(),
        })
    }
}

/// The Dockerfile, the context and the notes in one text.
pub(super) fn whole(recipe: &Recipe) -> String {
    let mut text = recipe.text().unwrap();
    for file in &recipe.context {
        text.extend([format!("\n==== {} {:o}\n", file.path, file.mode)]);
        match &file.content {
            ContextContent::Bytes(bytes) if file.path == "fastbuild/start.sh" => {
                let script = String::from_utf8_lossy(bytes);
                text.extend(
                    script.lines().skip(3).take_while(|line| !line.starts_with("children=")).flat_map(|l| [l, "\n"]),
                );
                text.push_str("…\n");
            }
            ContextContent::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
            ContextContent::File(path) | ContextContent::Exact { path, .. } => {
                text.extend([format!("<{}>\n", path.display())]);
            }
        }
    }
    for (title, lines) in [("plan", &recipe.plan), ("warnings", &recipe.warnings)] {
        text.extend([format!("\n==== {title}\n")]);
        text.extend(lines.iter().map(|line| format!("{line}\n")));
    }
    text.extend([format!("\n==== interaction\n{}\n", recipe.interaction)]);
    text
}

pub(super) fn debian() -> ImageDescriptor {
    image("Debian", "12 (bookworm)", "debian", "12", OsFamily::Debian, PackageTool::Apt, "2.36")
}

pub(super) fn ubuntu() -> ImageDescriptor {
    image("Ubuntu", "20.04.6 LTS (Focal Fossa)", "ubuntu", "20.04", OsFamily::Debian, PackageTool::Apt, "2.31")
}

pub(super) fn rocky() -> ImageDescriptor {
    image("Rocky", "9.4 (Blue Onyx)", "rocky", "9.4", OsFamily::RedHat, PackageTool::Dnf, "2.34")
}

pub(super) fn centos7() -> ImageDescriptor {
    image("Centos", "7 (Core)", "centos", "7", OsFamily::RedHat, PackageTool::Yum, "2.17")
}

/// Debian with its own Python and pip, as PEP 668 marks them.
pub(super) fn debian_with_python() -> ImageDescriptor {
    let mut descriptor = debian();
    descriptor.details.python3_path = "/usr/bin/python3".to_owned();
    descriptor.details.python3_version = "3.11.2".to_owned();
    descriptor.details.pip3_version = "23.0.1".to_owned();
    descriptor.details.pip3_location = "/usr/lib/python3/dist-packages/pip".to_owned();
    descriptor.details.python3_openssl = "OpenSSL 3.0.15 3 Sep 2024".to_owned();
    descriptor.details.externally_managed = true;
    descriptor
}

fn image(
    name: &str,
    version: &str,
    id: &str,
    version_id: &str,
    family: OsFamily,
    tool: PackageTool,
    glibc: &str,
) -> ImageDescriptor {
    let mut descriptor = ImageDescriptor {
        details: ImageDetails {
            os_id: id.to_owned(),
            os_version_id: version_id.to_owned(),
            family: Some(family),
            package_tool: Some(tool),
            architecture: "x86_64".to_owned(),
            glibc: glibc.to_owned(),
            has_bash: true,
            ..ImageDetails::default()
        },
        ..ImageDescriptor::default()
    };
    descriptor.os.name = name.to_owned();
    descriptor.os.version = version.to_owned();
    descriptor.package_manager.name = if tool == PackageTool::Apt { "apt" } else { "yum" }.to_owned();
    descriptor
}

/// An image of ours that serves SSH, made on one that runs a program as another user.
pub(super) fn ours_with_ssh() -> (ImageDescriptor, ImageConfig) {
    let first = {
        let mut case = case(debian()).ssh();
        case.base.entrypoint = vec!["/opt/base/start.sh".to_owned(), "--fixed".to_owned()];
        case.base.user = "app".to_owned();
        case
    };
    let recipe = first.plan().unwrap();
    let mut descriptor = debian_with_python();
    descriptor.details.has_start_script = true;
    descriptor.sshd.available = true;
    let config = ImageConfig {
        entrypoint: vec![crate::inspect::START_SCRIPT.to_owned()],
        command: first.base.command.clone(),
        user: "root".to_owned(),
        labels: recipe.labels.clone().into_iter().collect::<BTreeMap<_, _>>(),
        ..ImageConfig::default()
    };
    (descriptor, config)
}

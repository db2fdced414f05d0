//! Records → [`ImageDescriptor`], in the contract's words.

use super::mirrors::recognise;
use super::operating_system::{package_tool, release};
use super::records::Records;
use crate::image::{
    Artifact, ImageConfig, ImageDescriptor, ImageDetails, ImageReference, Mirrored, OsFamily, PackageTool,
    VersionedList,
};

/// Reads a whole probe.
pub(super) fn descriptor(records: &Records, name: &ImageReference, config: &ImageConfig) -> ImageDescriptor {
    let release = release(records);
    let tool = package_tool(records, &release.id);
    let python3_path = records.text("command.python3");
    let of_python3 = |fact: &str| records.python(fact, &python3_path).unwrap_or_default().to_owned();
    let details = ImageDetails {
        os_id: release.id,
        os_version_id: release.version_id,
        os_codename: release.codename,
        family: tool.map(|(family, _)| family),
        package_tool: tool.map(|(_, tool)| tool),
        architecture: records.text("architecture"),
        glibc: glibc_version(&records.text("glibc")),
        python3_version: of_python3("version"),
        pip3_version: of_python3("pip"),
        pip3_location: of_python3("pip_from"),
        python3_openssl: of_python3("openssl"),
        externally_managed: records.python("managed", &python3_path).is_some(),
        python3_path,
        conda_path: records.text("command.conda"),
        has_bash: records.first("bash").is_some(),
        has_deb822: records.first("deb822").is_some(),
        has_start_script: records.first("start_script").is_some(),
        switch_user_tool: records.text("switch_user"),
    };
    let kernel = records.text("kernel");
    ImageDescriptor {
        image_name: name.to_string(),
        kernel: Artifact { name: "Linux".to_owned(), available: !kernel.is_empty(), version: kernel },
        os: release.artifact,
        package_manager: package_manager(records, tool),
        pip: pips(records),
        conda: conda(records),
        python: pythons(records),
        image_id: config.image_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        sshd: Artifact {
            name: "sshd".to_owned(),
            available: records.first("command.sshd").is_some(),
            version: records.text("sshd_version"),
        },
        jupyter_lab: jupyter_lab(records),
        details,
    }
}

/// `glibc 2.36` or `ldd (Debian GLIBC 2.36-9) 2.36` → `2.36`; musl's ldd names none.
fn glibc_version(line: &str) -> String {
    let last = line.split_whitespace().next_back().unwrap_or_default();
    let is_version = last.contains('.') && last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_version { last.to_owned() } else { String::new() }
}

fn package_manager(records: &Records, tool: Option<(OsFamily, PackageTool)>) -> Mirrored {
    let has_yum = records.all("package_tool").any(|found| found == "yum");
    let name = match tool {
        Some((_, PackageTool::Apt)) => "apt",
        Some(_) if has_yum => "yum",
        Some(_) => "dnf",
        None => "",
    };
    let addresses = if name == "apt" { "address.apt" } else { "address.yum" };
    Mirrored {
        source: recognise(records.all(addresses)),
        environments: None,
        name: name.to_owned(),
        available: tool.is_some(),
        version: records.text(&format!("package_version.{name}")),
    }
}

fn pythons(records: &Records) -> VersionedList {
    let entry = |name: &str| {
        let path = records.first(&format!("command.{name}"))?;
        Some(format!("{name}(Python {})", records.python("version", path)?))
    };
    let version: Vec<String> = ["python", "python2", "python3"].into_iter().filter_map(entry).collect();
    VersionedList { source: None, name: "python".to_owned(), available: !version.is_empty(), version }
}

fn pips(records: &Records) -> VersionedList {
    let entry = |name: &str| {
        records.first(&format!("command.{name}"))?;
        if let Some(line) = records.first(&format!("version.{name}")) {
            return Some(format!("{name}({line})"));
        }
        let python = records.first(&format!("interpreter.{name}"))?;
        let (version, from) = (records.python("pip", python)?, records.python("pip_from", python)?);
        let mut parts = records.python("version", python)?.split('.');
        let minor = format!("{}.{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Some(format!("{name}(pip {version} from {from} (python {minor}))"))
    };
    let version: Vec<String> = ["pip", "pip2", "pip3"].into_iter().filter_map(entry).collect();
    let source = Some(recognise(records.all("address.pip")));
    VersionedList { source, name: "pip".to_owned(), available: !version.is_empty(), version }
}

fn conda(records: &Records) -> Mirrored {
    Mirrored {
        source: recognise(records.all("address.conda")),
        environments: Some(records.all("conda_environment").map(ToOwned::to_owned).collect()),
        name: "conda".to_owned(),
        available: records.first("command.conda").is_some(),
        version: records.text("conda_version"),
    }
}

fn jupyter_lab(records: &Records) -> Artifact {
    let python = records.first("interpreter.jupyter-lab").unwrap_or_default();
    let version = records.python("jupyterlab", python).or_else(|| records.first("jupyter_version"));
    Artifact {
        name: "jupyterlab".to_owned(),
        available: records.first("command.jupyter-lab").is_some(),
        version: version.unwrap_or_default().to_owned(),
    }
}

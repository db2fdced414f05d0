//! Names of distributions as the contract's clients know them, and which family each belongs to.

use super::records::Records;
use crate::image::{Artifact, ImageDescriptor, OsFamily, PackageTool};

/// `ID` of os-release and the name for clients.
const NAMES: [(&str, &str); 16] = [
    ("ubuntu", "Ubuntu"),
    ("debian", "Debian"),
    ("centos", "Centos"),
    ("rocky", "Rocky"),
    ("almalinux", "Alma"),
    ("rhel", "RHEL"),
    ("openeuler", "openEuler"),
    ("anolis", "Anolis"),
    ("kylin", "Kylin"),
    ("ol", "Oracle"),
    ("fedora", "Fedora"),
    ("alinux", "Alinux"),
    ("tencentos", "TencentOS"),
    ("uos", "UOS"),
    ("uniontech", "UOS"),
    ("opencloudos", "OpenCloudOS"),
];

/// The facts of os-release, or of redhat-release where the image is too old to have one.
#[derive(Debug, Default)]
pub(super) struct Release {
    pub(super) id: String,
    pub(super) version_id: String,
    pub(super) codename: String,
    pub(super) artifact: Artifact,
}

pub(super) fn release(records: &Records) -> Release {
    let field =
        |name: &str| records.all("os-release").find_map(|line| unquoted(line.strip_prefix(name)?.strip_prefix('=')?));
    let Some(id) = field("ID") else { return legacy_release(records) };
    let known = NAMES.iter().find(|(known, _)| id.eq_ignore_ascii_case(known)).map(|(_, name)| (*name).to_owned());
    let name = known.or_else(|| field("NAME")).unwrap_or_else(|| id.clone());
    let version_id = field("VERSION_ID").unwrap_or_default();
    let version = field("VERSION").or_else(|| field("PRETTY_NAME")).unwrap_or_else(|| version_id.clone());
    let codename = field("VERSION_CODENAME").or_else(|| field("UBUNTU_CODENAME")).unwrap_or_default();
    Release { id, version_id, codename, artifact: Artifact { name, available: true, version } }
}

/// `CentOS release 6.10 (Final)`.
fn legacy_release(records: &Records) -> Release {
    let Some(line) = records.first("redhat-release") else { return Release::default() };
    let version_start = line.find(|character: char| character.is_ascii_digit()).unwrap_or(line.len());
    let version = line[version_start..].to_owned();
    let version_id = version.split_whitespace().next().unwrap_or_default().to_owned();
    let is_centos = line.to_ascii_lowercase().starts_with("centos");
    let (id, name) = if is_centos { ("centos", "Centos") } else { ("rhel", "RHEL") };
    let artifact = Artifact { name: name.to_owned(), available: true, version };
    Release { id: id.to_owned(), version_id, codename: String::new(), artifact }
}

/// A value of os-release without its quotes; nothing when empty.
fn unquoted(value: &str) -> Option<String> {
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = inner.unwrap_or(value).trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Family and command that installs packages. What the image can run decides; where it has both kinds, os-release does.
pub(super) fn package_tool(records: &Records, id: &str) -> Option<(OsFamily, PackageTool)> {
    let has = |tool: &str| records.all("package_tool").any(|found| found == tool);
    let apt = has("apt-get").then_some((OsFamily::Debian, PackageTool::Apt));
    let yum = has("yum").then_some((OsFamily::RedHat, PackageTool::Yum));
    let red_hat = has("dnf").then_some((OsFamily::RedHat, PackageTool::Dnf)).or(yum);
    if matches!(id.to_ascii_lowercase().as_str(), "debian" | "ubuntu") { apt.or(red_hat) } else { red_hat.or(apt) }
}

/// What an unsupported image is, in words.
pub(super) fn describe(records: &Records, descriptor: &ImageDescriptor) -> String {
    let os = match (&descriptor.os.name, &descriptor.os.version) {
        (name, _) if name.is_empty() => "an image without os-release".to_owned(),
        (name, version) if version.starts_with(name.as_str()) => version.clone(),
        (name, version) => format!("{name} {version}").trim().to_owned(),
    };
    let tools: Vec<&str> = records.all("package_tool").collect();
    if tools.is_empty() { format!("{os} without a package manager") } else { format!("{os} with {}", tools.join(", ")) }
}

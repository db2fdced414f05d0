//! What an inspection found in an image, in the shape that clients read.
//!
//! The JSON form is the contract's image descriptor; `ImageConfig` beside it is what the daemon itself knows of the
//! image and never leaves the service.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A part of an image with one version text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Artifact {
    /// What it is called, such as `Ubuntu` or `sshd`.
    pub name: String,
    /// Whether the image has it.
    pub available: bool,
    /// Its version as the tool itself prints it; empty when absent.
    pub version: String,
}

/// An artifact whose configuration names package mirrors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mirrored {
    /// Mirrors recognised in the tool's configuration: `aliyun`, `163`, `tsinghua`, `ustc`.
    pub source: Vec<String>,
    /// Names of the environments (conda only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// The tool: `apt`, `yum`, `dnf`, `conda`.
    pub name: String,
    /// Whether the image has it.
    pub available: bool,
    /// Its version line.
    pub version: String,
}

/// An artifact that may be there several times, such as `python2` and `python3`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionedList {
    /// Mirrors recognised in the tool's configuration (pip only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Vec<String>>,
    /// The tool: `python` or `pip`.
    pub name: String,
    /// Whether the image has it.
    pub available: bool,
    /// Entries such as `python3(Python 3.11.2)`.
    pub version: Vec<String>,
}

/// The inspection of an image as clients read it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImageDescriptor {
    /// The name under which it was inspected.
    pub image_name: String,
    /// Kernel line of the probe container's host.
    pub kernel: Artifact,
    /// Distribution: `name` is `Ubuntu`, `Centos`, …; `version` is `18.04.6 LTS (Bionic Beaver)`.
    pub os: Artifact,
    /// apt, yum or dnf.
    pub package_manager: Mirrored,
    /// pip.
    pub pip: VersionedList,
    /// conda and its environments.
    pub conda: Mirrored,
    /// Python interpreters.
    pub python: VersionedList,
    /// The daemon's image id, `sha256:…`.
    pub image_id: String,
    /// OpenSSH's server.
    pub sshd: Artifact,
    /// JupyterLab.
    pub jupyter_lab: Artifact,
    /// What recipes need beyond the contract's fields.
    #[serde(default)]
    pub details: ImageDetails,
}

/// Facts a recipe needs that old clients do not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about an image, each a key on the wire")]
pub struct ImageDetails {
    /// `ID` of os-release, such as `debian` or `rocky`.
    pub os_id: String,
    /// `VERSION_ID` of os-release, such as `20.04`.
    pub os_version_id: String,
    /// `VERSION_CODENAME`, such as `focal`; may be empty.
    pub os_codename: String,
    /// The package manager's family; absent when neither apt nor yum nor dnf was found.
    pub family: Option<OsFamily>,
    /// The command that installs OS packages; absent when none was found.
    pub package_tool: Option<PackageTool>,
    /// Machine architecture as `uname -m` prints it, such as `x86_64`.
    pub architecture: String,
    /// glibc's version, such as `2.36`; empty for musl or unknown.
    pub glibc: String,
    /// Absolute path of the `python3` that PATH finds, and its version `3.11.2`; empty when absent.
    pub python3_path: String,
    /// Version of that Python 3, such as `3.11.2`.
    pub python3_version: String,
    /// Version of the pip that belongs to that Python 3; empty when it has none.
    pub pip3_version: String,
    /// Directory of that pip, such as `/usr/lib/python3/dist-packages/pip`; empty when it has none.
    #[serde(default)]
    pub pip3_location: String,
    /// The OpenSSL that Python is linked with, such as `OpenSSL 3.0.15 3 Sep 2024`; empty without ssl.
    #[serde(default)]
    pub python3_openssl: String,
    /// Whether that Python 3 is marked as externally managed (PEP 668).
    pub externally_managed: bool,
    /// Absolute path of conda's executable; empty when absent.
    pub conda_path: String,
    /// Whether `/bin/bash` exists.
    pub has_bash: bool,
    /// Whether `/etc/apt/sources.list.d/*.sources` (deb822) files exist.
    pub has_deb822: bool,
    /// Whether our own start script is in the image, so that its services serve already.
    pub has_start_script: bool,
    /// Whether setpriv, runuser or su exists, first found; empty when none.
    pub switch_user_tool: String,
}

/// Families of distributions that recipes know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OsFamily {
    /// Debian, Ubuntu and their kin.
    Debian,
    /// RHEL, `CentOS`, Rocky, Alma, `openEuler`, Anolis, Kylin and their kin.
    RedHat,
}

/// The command that installs OS packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PackageTool {
    /// apt-get.
    Apt,
    /// yum.
    Yum,
    /// dnf.
    Dnf,
}

/// What the daemon's image inspection says: the part of the base that a recipe must keep or restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The daemon's image id.
    pub image_id: Option<Digest>,
    /// Manifest digests known for it, `repository@sha256:…`.
    pub repository_digests: Vec<String>,
    /// Tags on the daemon.
    pub repository_tags: Vec<String>,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub command: Vec<String>,
    /// `User`; empty means root.
    pub user: String,
    /// `WorkingDir`.
    pub working_directory: String,
    /// `Env`, each `NAME=value`.
    pub environment: Vec<String>,
    /// `Shell`; empty means Docker's own, `/bin/sh -c`.
    #[serde(default)]
    pub shell: Vec<String>,
    /// `StopSignal`; empty means `SIGTERM`.
    #[serde(default)]
    pub stop_signal: String,
    /// `OnBuild`: instructions that a build from this image would run first.
    #[serde(default)]
    pub on_build: Vec<String>,
    /// `Labels`.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Docker's architecture name, such as `amd64`.
    pub architecture: String,
    /// Docker's OS name, such as `linux`.
    pub os: String,
    /// Size on the daemon in bytes.
    pub size_bytes: u64,
}

//! Mirrors that come with the service: Aliyun, Tsinghua, USTC and 163, each where it has the distribution.
//!
//! They are virtual files beside those in `source_dir`; a file of the same name there wins. Addresses of apt and yum
//! are plain HTTP, since base images often have no CA certificates; packages are checked by signature.

use super::SourceInstaller;

/// A virtual file's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BuiltinFile {
    pub(super) mirror: &'static str,
    pub(super) name: String,
    text: String,
}

/// A mirror and what it has, as paths below its host.
struct Mirror {
    name: &'static str,
    host: &'static str,
    rocky: Option<&'static str>,
    has_alma: bool,
    has_open_euler: bool,
    pypi: &'static str,
    has_conda: bool,
}

const MIRRORS: [Mirror; 4] = [
    Mirror {
        name: "ali",
        host: "mirrors.aliyun.com",
        rocky: Some("rockylinux"),
        has_alma: true,
        has_open_euler: true,
        pypi: "https://mirrors.aliyun.com/pypi/simple/",
        has_conda: true,
    },
    Mirror {
        name: "qinghua",
        host: "mirrors.tuna.tsinghua.edu.cn",
        rocky: None,
        has_alma: false,
        has_open_euler: true,
        pypi: "https://pypi.tuna.tsinghua.edu.cn/simple/",
        has_conda: true,
    },
    Mirror {
        name: "ustc",
        host: "mirrors.ustc.edu.cn",
        rocky: Some("rocky"),
        has_alma: false,
        has_open_euler: true,
        pypi: "https://mirrors.ustc.edu.cn/pypi/simple/",
        has_conda: true,
    },
    Mirror {
        name: "163",
        host: "mirrors.163.com",
        rocky: Some("rocky"),
        has_alma: false,
        has_open_euler: false,
        pypi: "https://mirrors.163.com/pypi/simple/",
        has_conda: false,
    },
];

/// Version and code name; deb822 from the release whose own images use it.
const UBUNTU: [(&str, &str, bool); 4] =
    [("18.04", "bionic", false), ("20.04", "focal", false), ("22.04", "jammy", false), ("24.04", "noble", true)];
const DEBIAN: [(&str, &str, bool); 3] = [("11", "bullseye", false), ("12", "bookworm", false), ("13", "trixie", true)];

/// Long-term releases and their service packs.
const OPEN_EULER: [(&str, &str); 9] = [
    ("20.03", "-SP3"),
    ("20.03", "-SP4"),
    ("22.03", ""),
    ("22.03", "-SP1"),
    ("22.03", "-SP2"),
    ("22.03", "-SP3"),
    ("22.03", "-SP4"),
    ("24.03", ""),
    ("24.03", "-SP1"),
];

/// All virtual files for a tool.
pub(super) fn files(installer: SourceInstaller) -> Vec<BuiltinFile> {
    let of_mirror = |mirror: &'static Mirror| {
        let files = match installer {
            SourceInstaller::Apt => apt(mirror),
            SourceInstaller::Yum => yum(mirror),
            SourceInstaller::Pip => vec![("pip.conf".to_owned(), pip(mirror))],
            SourceInstaller::Conda if mirror.has_conda => vec![(".condarc".to_owned(), conda(mirror))],
            SourceInstaller::Conda => Vec::new(),
        };
        files.into_iter().map(|(name, text)| BuiltinFile { mirror: mirror.name, name, text })
    };
    MIRRORS.iter().flat_map(of_mirror).collect()
}

/// The text of one virtual file.
pub(super) fn text(installer: SourceInstaller, mirror: &str, name: &str) -> Option<String> {
    files(installer).into_iter().find(|file| file.mirror == mirror && file.name == name).map(|file| file.text)
}

fn apt(mirror: &Mirror) -> Vec<(String, String)> {
    let host = mirror.host;
    let mut files = Vec::new();
    for (version, codename, is_deb822) in UBUNTU {
        let components = "main restricted universe multiverse";
        let suites = [codename.to_owned(), format!("{codename}-updates"), format!("{codename}-security")];
        let entries = [(format!("http://{host}/ubuntu/"), suites.to_vec())];
        let keyring = "/usr/share/keyrings/ubuntu-archive-keyring.gpg";
        files.push(apt_file("ubuntu", version, is_deb822, &entries, components, keyring));
    }
    for (version, codename, is_deb822) in DEBIAN {
        let components = match version {
            "11" => "main contrib non-free",
            _ => "main contrib non-free non-free-firmware",
        };
        let entries = [
            (format!("http://{host}/debian/"), vec![codename.to_owned(), format!("{codename}-updates")]),
            (format!("http://{host}/debian-security/"), vec![format!("{codename}-security")]),
        ];
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        files.push(apt_file("debian", version, is_deb822, &entries, components, keyring));
    }
    files
}

fn apt_file(
    distribution: &str,
    version: &str,
    is_deb822: bool,
    entries: &[(String, Vec<String>)],
    components: &str,
    keyring: &str,
) -> (String, String) {
    let mut text = String::new();
    for (uri, suites) in entries {
        if is_deb822 {
            let suites = suites.join(" ");
            text.extend([format!(
                "Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: {components}\nSigned-By: {keyring}\n\n"
            )]);
        } else {
            for suite in suites {
                text.extend([format!("deb {uri} {suite} {components}\n")]);
            }
        }
    }
    let extension = if is_deb822 { "sources" } else { "list" };
    (format!("{distribution}-{version}.{extension}"), text.trim_end().to_owned() + "\n")
}

fn yum(mirror: &Mirror) -> Vec<(String, String)> {
    let host = mirror.host;
    let key = |name: &str| format!("file:///etc/pki/rpm-gpg/RPM-GPG-KEY-{name}");
    let centos7 = |part: &str| format!("http://{host}/centos-vault/7.9.2009/{part}/$basearch/");
    let vault8 = |part: &str| format!("http://{host}/centos-vault/8.5.2111/{part}/$basearch/os/");
    let mut files = vec![
        repository(
            "Centos-7.repo",
            &[("base", centos7("os")), ("updates", centos7("updates")), ("extras", centos7("extras"))],
            &key("CentOS-7"),
        ),
        repository(
            "Centos-8.repo",
            &[("baseos", vault8("BaseOS")), ("appstream", vault8("AppStream")), ("extras", vault8("extras"))],
            &key("centosofficial"),
        ),
    ];
    let mut enterprise = |name: &str, path: &str, release: &str, key_name: &str| {
        let part = |part: &str| format!("http://{host}/{path}/{release}/{part}/$basearch/os/");
        // What -devel packages need lies in PowerTools on 8 and in CRB on 9.
        let tools = if release == "8" { ("powertools", part("PowerTools")) } else { ("crb", part("CRB")) };
        let sections =
            [("baseos", part("BaseOS")), ("appstream", part("AppStream")), ("extras", part("extras")), tools];
        files.push(repository(&format!("{name}-{release}.repo"), &sections, &key(key_name)));
    };
    if let Some(path) = mirror.rocky {
        enterprise("Rocky", path, "8", "rockyofficial");
        enterprise("Rocky", path, "9", "Rocky-9");
    }
    if mirror.has_alma {
        enterprise("Alma", "almalinux", "8", "AlmaLinux");
        enterprise("Alma", "almalinux", "9", "AlmaLinux-9");
    }
    if mirror.has_open_euler {
        for (version, pack) in OPEN_EULER {
            let root = format!("http://{host}/openeuler/openEuler-{version}-LTS{pack}");
            let sections = [
                ("OS", format!("{root}/OS/$basearch/")),
                ("everything", format!("{root}/everything/$basearch/")),
                ("EPOL", format!("{root}/EPOL/main/$basearch/")),
                ("update", format!("{root}/update/$basearch/")),
            ];
            let name = format!("openEuler-{version}{pack}.repo");
            files.push(repository(&name, &sections, &format!("{root}/OS/$basearch/RPM-GPG-KEY-openEuler")));
        }
    }
    files
}

fn repository(name: &str, sections: &[(&str, String)], key: &str) -> (String, String) {
    let section = |(section, address): &(&str, String)| {
        format!("[{section}]\nname={section}\nbaseurl={address}\nenabled=1\ngpgcheck=1\ngpgkey={key}\n")
    };
    (name.to_owned(), sections.iter().map(section).collect::<Vec<_>>().join("\n"))
}

fn pip(mirror: &Mirror) -> String {
    let host = mirror.pypi.trim_start_matches("https://").split('/').next().unwrap_or_default();
    format!("[global]\nindex-url = {}\n\n[install]\ntrusted-host = {host}\n", mirror.pypi)
}

fn conda(mirror: &Mirror) -> String {
    let root = format!("https://{}/anaconda", mirror.host);
    format!(
        "channels:\n  - defaults\nshow_channel_urls: true\ndefault_channels:\n  - {root}/pkgs/main\n  - {root}/pkgs/r\n  - {root}/pkgs/msys2\ncustom_channels:\n  conda-forge: {root}/cloud\n  pytorch: {root}/cloud\n"
    )
}

//! Mirror files become the tools' configuration, in the places that the contract names.

use super::Remark;
use super::draft::Draft;
use super::shell::word;
use crate::catalogue::MirrorFile;
use crate::image::PackageTool;

/// Where the base's own apt sources are put aside.
const APT_ASIDE: &str = "/etc/apt/fastbuild.aside";
const YUM_FILE: &str = "/etc/yum.repos.d/Centos-Base-Dros.repo";

/// The mirror for OS packages replaces the base's own.
pub(super) fn os(draft: &mut Draft, tool: PackageTool, file: &MirrorFile) {
    let name = &file.choice;
    let (mount, path) = draft.bind_mirror(if tool == PackageTool::Apt { "apt" } else { "yum" }, file);
    let path = word(&path);
    if tool == PackageTool::Apt {
        // apt knows deb822 by the extension alone.
        let is_deb822 = name.file.as_str().ends_with(".sources") || is_deb822(&file.bytes);
        let target = if is_deb822 { "/etc/apt/sources.list.d/fastbuild.sources" } else { "/etc/apt/sources.list" };
        let put_aside = format!(
            "for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do if [ -e \"$file\" ]; then mv -f \"$file\" {APT_ASIDE}/; fi; done"
        );
        draft.run(
            vec![mount],
            [
                format!("mkdir -p {APT_ASIDE} /etc/apt/sources.list.d"),
                put_aside,
                format!("cp {path} {target}"),
                format!("chmod 0644 {target}"),
            ],
        );
        draft.note(Remark::AptMirror { file: format!("{}/{}", name.mirror, name.file), aside: APT_ASIDE });
    } else {
        draft.run(
            vec![mount],
            [
                "rm -f /etc/yum.repos.d/*.repo".to_owned(),
                format!("cp {path} {YUM_FILE}"),
                format!("chmod 0644 {YUM_FILE}"),
            ],
        );
        draft.note(Remark::YumMirror { file: format!("{}/{}", name.mirror, name.file) });
    }
}

const CONDA_FILE: &str = "/root/.condarc";
/// pip's mirror, in the place that the contract names.
pub(super) const PIP_FILE: &str = "/root/.pip/pip.conf";

/// pip's mirror. Files that pip reads after this one, its newer place for users and that of the interpreter's prefix,
/// are put aside.
pub(super) fn pip(draft: &mut Draft, file: &MirrorFile, interpreter: &str) {
    let (mount, path) = draft.bind_mirror("pip", file);
    let prefix = interpreter.strip_suffix("/bin/python").or_else(|| interpreter.strip_suffix("/bin/python3"));
    let others =
        ["/root/.config/pip/pip.conf".to_owned()].into_iter().chain(prefix.map(|prefix| format!("{prefix}/pip.conf")));
    let mut steps: Vec<String> = others
        .map(|other| word(&other))
        .map(|other| format!("if [ -f {other} ]; then mv -f {other} {other}.fastbuild-aside; fi"))
        .collect();
    steps.extend([
        "mkdir -p /root/.pip".to_owned(),
        format!("cp {} {PIP_FILE}", word(&path)),
        format!("chmod 0644 {PIP_FILE}"),
    ]);
    draft.run(vec![mount], steps);
    note(draft, "pip", file, PIP_FILE);
}

/// conda's mirror: `/root/.condarc`.
pub(super) fn conda(draft: &mut Draft, file: &MirrorFile) {
    let name = file.choice.file.as_str().trim_start_matches('.');
    draft.copy(&format!("mirrors/conda/{name}"), 0o644, file.bytes.clone(), CONDA_FILE);
    note(draft, "conda", file, CONDA_FILE);
}

fn note(draft: &mut Draft, tool: &str, file: &MirrorFile, destination: &str) {
    draft.note(Remark::ToolMirror {
        tool: tool.to_owned(),
        file: format!("{}/{}", file.choice.mirror, file.choice.file),
        destination: destination.to_owned(),
    });
}

fn is_deb822(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).lines().any(|line| line.trim_start().to_ascii_lowercase().starts_with("types:"))
}

//! sshd: its packages, what must change for containers, and root's password.

use super::draft::Draft;
use super::shell::word;
use crate::image::PackageTool;

/// What serves SSH, and what sets the password.
pub(super) fn packages(tool: PackageTool) -> &'static [&'static str] {
    match tool {
        PackageTool::Apt => &["openssh-server"],
        PackageTool::Yum | PackageTool::Dnf => &["openssh-server", "shadow-utils"],
    }
}

/// What our sshd reads in place of the base's own configuration, which may say anything: another port, other users.
pub(super) const CONFIGURATION: &str = "/usr/local/dros/fastbuild/sshd_config";
const TEXT: &str = include_str!("sshd_config");
/// For an sshd that the base starts itself. The first value wins, also over what the file includes.
const FOR_THE_BASE: &str =
    "# FastBuild begin\\nPermitRootLogin yes\\nPasswordAuthentication yes\\nUsePAM yes\\n# FastBuild end\\n";

/// Prepares sshd for containers. Keys that the package made are removed, or every container would share them.
pub(super) fn prepare(draft: &mut Draft, is_fresh: bool) {
    draft.copy("fastbuild/sshd_config", 0o644, TEXT, CONFIGURATION);
    let mut steps = vec!["mkdir -p /run/sshd".to_owned()];
    if is_fresh {
        steps.push("rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub".to_owned());
    }
    if !is_fresh {
        let file = "/etc/ssh/sshd_config";
        steps.extend([
            format!("touch {file}"),
            format!("sed -i '/^# FastBuild begin$/,/^# FastBuild end$/d' {file}"),
            format!("printf '{FOR_THE_BASE}' > {file}.new"),
            format!("cat {file} >> {file}.new"),
            format!("cat {file}.new > {file}"),
            format!("rm {file}.new"),
        ]);
    }
    // A container has no login uid to set; where that is required, every session ends at once.
    steps.push(
        "if [ -f /etc/pam.d/sshd ]; then sed -i 's/^\\(-\\{0,1\\}session[[:space:]]*\\)required\\([[:space:]]*pam_loginuid\\.so\\)/\\1optional\\2/' /etc/pam.d/sshd; fi"
            .to_owned(),
    );
    draft.run(Vec::new(), steps);
}

/// Gives root a password by its hash, which no layer but the shadow file holds.
pub(super) fn password(draft: &mut Draft, hash: &str) {
    let (mount, path) = draft.bind_secret("secrets/root-password", format!("root:{hash}\n"));
    draft.run(vec![mount], [format!("chpasswd -e < {}", word(&path))]);
}

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

/// Prepares sshd for containers. Keys that the package made are removed, or every container would share them.
pub(super) fn prepare(draft: &mut Draft, is_fresh: bool) {
    let mut steps = vec!["mkdir -p /run/sshd".to_owned()];
    if is_fresh {
        steps.push("rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub".to_owned());
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

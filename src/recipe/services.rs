//! Which services the image serves, and the base's own start program.
//!
//! An image of ours tells in a label what its script starts, so that a further service can be added without losing the
//! original program or starting sshd twice.

use serde::{Deserialize, Serialize};

use crate::image::{ImageConfig, ImageDescriptor};
use crate::inspect::START_SCRIPT;
use crate::request::BuildRequest;

/// The label's name.
pub(super) const LABEL: &str = "fastbuild.start";

/// What the start script starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StartProgram {
    /// The base's own entrypoint; its command is the image's `CMD`.
    pub(super) entrypoint: Vec<String>,
    /// The base's own user; empty means root.
    pub(super) user: String,
    /// What stops the base's own program; empty means `SIGTERM`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) stop_signal: String,
    /// sshd is served.
    pub(super) ssh: bool,
    /// JupyterLab is served.
    pub(super) jupyter: bool,
}

/// What the base serves already, and what the result will.
#[derive(Debug, Clone)]
pub(super) struct Services {
    /// Of the base, when it is an image of ours that starts our script.
    pub(super) before: Option<StartProgram>,
    /// Of the result, when it serves anything.
    pub(super) after: Option<StartProgram>,
}

impl Services {
    pub(super) fn new(request: &BuildRequest, descriptor: &ImageDescriptor, base: &ImageConfig) -> Self {
        let before = before(descriptor, base);
        let original = before.clone().unwrap_or_else(|| StartProgram {
            entrypoint: base.entrypoint.clone(),
            user: base.user.clone(),
            stop_signal: base.stop_signal.clone(),
            ssh: false,
            jupyter: false,
        });
        let after = StartProgram {
            ssh: original.ssh || request.ssh_password.is_some(),
            jupyter: original.jupyter || request.jupyter_password.is_some(),
            ..original
        };
        let after = (after.ssh || after.jupyter).then_some(after);
        Self { before, after }
    }

    /// Whether the script must be written: something is served that the base does not serve.
    pub(super) fn needs_script(&self) -> bool {
        self.after.is_some() && self.after != self.before
    }

    /// What a person can log in to: `WebSSH, JupyterLab`.
    pub(super) fn interaction(&self) -> String {
        let Some(after) = &self.after else { return String::new() };
        let names = [(after.ssh, "WebSSH"), (after.jupyter, "JupyterLab")];
        names.into_iter().filter(|(serves, _)| *serves).map(|(_, name)| name).collect::<Vec<_>>().join(", ")
    }
}

fn before(descriptor: &ImageDescriptor, base: &ImageConfig) -> Option<StartProgram> {
    let starts_ours = base.entrypoint.len() == 1 && base.entrypoint.first().is_some_and(|word| word == START_SCRIPT);
    if !starts_ours || !descriptor.details.has_start_script {
        return None;
    }
    serde_json::from_str(base.labels.get(LABEL)?).ok()
}

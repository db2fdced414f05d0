//! The end of every Dockerfile: how the image starts, as whom, and last of all what differs from task to task.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::plan::RecipeInput;
use super::services::{LABEL, Services};
use super::{Remark, Sharers};
use crate::dockerfile::Instruction;
use crate::image::ImageConfig;
use crate::inspect::START_SCRIPT;

/// Says of an image that something below it was not trusted: it comes from us, and still shares no caches.
pub const UNTRUSTED_LABEL: &str = "fastbuild.untrusted";

/// Entrypoint, command and user. `changed_user` says whether the steps ran as root in place of the base's user.
pub(super) fn start(draft: &mut Draft, services: &Services, base: &ImageConfig, changed_user: bool) {
    let after = services.after.as_ref();
    let serves_ssh = after.is_some_and(|program| program.ssh);
    if changed_user && !serves_ssh {
        draft.instructions.push(Instruction::User(base.user.clone()));
    } else if serves_ssh && is_other_user(&base.user) {
        draft.note(Remark::StartsAsRoot { user: base.user.clone() });
    }
    let Some(after) = after.filter(|_| services.needs_script()) else { return };
    let ports = [(after.ssh, 22), (after.jupyter, 8888)];
    draft.instructions.extend(ports.iter().filter(|(serves, _)| *serves).map(|(_, port)| Instruction::Expose(*port)));
    draft.instructions.push(Instruction::Entrypoint(vec![START_SCRIPT.to_owned()]));
    if !base.stop_signal.is_empty() {
        // The start script stops on TERM, and sends the base's own program what the base says here.
        draft.instructions.push(Instruction::StopSignal("SIGTERM"));
    }
    if !base.command.is_empty() {
        // ENTRYPOINT resets what the base says here.
        draft.instructions.push(Instruction::Cmd(base.command.clone()));
    }
}

/// Whether the base runs as somebody else than root.
pub(super) fn is_other_user(user: &str) -> bool {
    !matches!(user, "" | "root" | "0" | "root:root" | "0:0" | "root:0" | "0:root")
}

/// The labels: ours, the task's, and what the start script starts.
pub(super) fn labels(services: &Services, input: &RecipeInput<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("constructor".to_owned(), "FastBuild".to_owned()),
        ("task_id".to_owned(), input.task_id.to_string()),
    ]);
    if input.options.sharers != Sharers::Trusted {
        labels.insert(UNTRUSTED_LABEL.to_owned(), "true".to_owned());
    }
    let maintainer = &input.request.maintainer;
    if !maintainer.is_empty() {
        labels.insert("maintainer".to_owned(), maintainer.clone());
    }
    if let Some(after) = &services.after
        && let Ok(text) = serde_json::to_string(after)
    {
        labels.insert(LABEL.to_owned(), text);
    }
    labels
}

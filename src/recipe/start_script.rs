//! The start script: one fixed text, with what it serves and the base's own program filled in as quoted words.

use super::draft::Draft;
use super::services::StartProgram;
use super::shell::{word, words};
use super::{jupyter, sshd};
use crate::inspect::START_SCRIPT;

const TEMPLATE: &str = include_str!("start.sh");

/// Puts the script into the image.
pub(super) fn write(draft: &mut Draft, program: &StartProgram, python: &str) {
    draft.copy("fastbuild/start.sh", 0o755, text(program, python), START_SCRIPT);
}

/// The script for one image.
pub(super) fn text(program: &StartProgram, python: &str) -> String {
    let flag = |serves: bool| if serves { "1" } else { "0" };
    let set = if program.entrypoint.is_empty() {
        "# The base image has no entrypoint: what it starts is its command.".to_owned()
    } else {
        format!("set -- {} \"$@\"", words(&program.entrypoint))
    };
    let signal = match program.stop_signal.trim_start_matches("SIG") {
        signal if signal.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !signal.is_empty() => signal,
        _ => "TERM",
    };
    let python = if python.is_empty() { "python3" } else { python };
    // Entrypoint and user may hold anything, a mark included: each goes where its mark first stands, the later one first.
    TEMPLATE
        .replace("@SSH@", flag(program.ssh))
        .replace("@JUPYTER@", flag(program.jupyter))
        .replace("@CONFIGURATION@", jupyter::CONFIGURATION)
        .replace("@SSHD_CONFIGURATION@", sshd::CONFIGURATION)
        .replace("@PYTHON@", &word(python))
        .replacen("\n@SET@\n", &format!("\n{set}\n"), 1)
        .replacen("@SIGNAL@", &word(signal), 1)
        .replacen("@USER@", &word(&program.user), 1)
}

//! Where words go: results to standard output, all else to standard error, colour only for a terminal that wants it.

use std::io::{self, Write};

use console::Style;
use serde_json::Value;

/// A line of the result.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// The result of a command for scripts: one document a line.
pub(super) fn document(value: &Value) -> io::Result<()> {
    line(&value.to_string())
}

/// A line beside the result.
#[expect(clippy::print_stderr, reason = "this is the command line")]
pub(super) fn note(text: &str) {
    eprintln!("{text}");
}

/// A text in the colour of a state: green for success, red for failure.
pub(super) fn coloured_state(state: &str) -> String {
    let style = Style::new();
    let style = match state {
        "PUSH_SUCCESS" | "success" => style.green(),
        "BUILD_ABORT" => style.yellow(),
        failed if failed.ends_with("FAILED") || failed == "fail" => style.red(),
        "QUEUED" => style,
        _ => style.cyan(),
    };
    style.apply_to(state).to_string()
}

/// A text without characters that a terminal would obey: a log line may hold anything.
pub(super) fn printable(text: &str) -> String {
    let plain = console::strip_ansi_codes(text);
    plain.chars().filter(|letter| *letter == '\t' || !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{1b}[0m\r\tb\u{7}"), "ared\tb");
    }
}

//! How a value is written so that the builder reads the same value back.
//!
//! Dockerfiles end instructions at line breaks and expand `$` in every value; nothing quotes a line break, so a value
//! that holds one cannot be written except in JSON form.

/// Whether a value fits on one line: no control characters, no Unicode line or paragraph separator.
pub(super) fn is_one_line(value: &str) -> bool {
    !value.chars().any(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'))
}

/// A literal value of `ENV`, `LABEL`, `USER` or `WORKDIR` in double quotes.
pub(super) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

/// An argument list in JSON form, on one line whatever it holds.
pub(super) fn exec_form(arguments: &[String]) -> String {
    let list: Vec<String> = arguments.iter().map(|argument| json_string(argument)).collect();
    format!("[{}]", list.join(", "))
}

fn json_string(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            other if other.is_control() || matches!(other, '\u{2028}' | '\u{2029}') => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    text.push_str("\\u");
                    text.push_str(&hex::encode(unit.to_be_bytes()));
                }
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// Whether shell commands can stand in a `RUN` as they are, joined over several lines.
pub(super) fn is_shell_form(steps: &[String]) -> bool {
    let stands = |step: &String| {
        let step = step.as_str();
        is_one_line(step)
            && !step.is_empty()
            // The builder trims lines, and takes `\ ` at an end for a continuation.
            && step.trim() == step
            // A backslash before our line end would swallow it; newer frontends read `<<` as a heredoc.
            && !step.ends_with('\\')
            && !step.contains("<<")
            && !step.starts_with('#')
            && (steps.len() == 1 || !ends_its_line(step))
    };
    // The first one would be read as a flag or as JSON.
    let starts_well = steps.first().is_some_and(|step| !step.starts_with(['-', '[']));
    starts_well && steps.iter().all(stands)
}

/// Whether nothing may follow a step on its line: it holds what may be a comment, or goes to the background.
pub(super) fn ends_its_line(step: &str) -> bool {
    let is_break = |byte: u8| byte.is_ascii_whitespace() || b";&|()".contains(&byte);
    step.trim_end().ends_with('&')
        || step.bytes().enumerate().any(|(at, byte)| byte == b'#' && (at == 0 || is_break(step.as_bytes()[at - 1])))
}

/// Whether a step is more than commands joined with `&&`, so that it needs braces as an operand.
pub(super) fn is_command_list(step: &str) -> bool {
    step.contains("||") || step.contains([';', '\n', '#']) || step.replace("&&", "").replace(">&", "").contains('&')
}

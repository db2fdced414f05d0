//! Output of a build step: pieces cut anywhere become plain lines, and the last ones are kept for the diagnosis.
//!
//! Terminal colours go, and of a line that a progress bar rewrote with carriage returns only the last state stays.

use std::collections::VecDeque;

/// Lines kept for finding the cause of a failure.
const KEPT_LINES: usize = 60;
/// Lines handed out with an error.
const SHOWN_LINES: usize = 20;
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Puts pieces together to lines.
#[derive(Debug, Default)]
pub(super) struct LineJoiner(Vec<u8>);

impl LineJoiner {
    /// Adds a piece and hands out the lines that it completes.
    pub(super) fn push(&mut self, piece: &[u8], mut take: impl FnMut(String)) {
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            self.0.extend_from_slice(part);
            if part.ends_with(b"\n") || self.0.len() > MAX_LINE_BYTES {
                take(plain_text(&self.0));
                self.0.clear();
            }
        }
    }

    /// The last line, which had no end.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.0);
        (!rest.is_empty()).then(|| plain_text(&rest))
    }
}

/// The last lines of a step.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<String>);

impl Tail {
    pub(super) fn push(&mut self, line: &str) {
        if self.0.len() == KEPT_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    /// All that is kept, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    /// What a person is shown, oldest first.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.0.iter().skip(self.0.len().saturating_sub(SHOWN_LINES)).cloned().collect()
    }
}

/// A line without its end, colours, control characters and overwritten states.
pub(super) fn plain_text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    let text = text.rsplit('\r').next().unwrap_or(text);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_escape(&mut characters),
            '\t' => plain.push('\t'),
            other if other.is_control() => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Skips the rest of an escape sequence: `[`, parameters and one final letter, or a single character.
fn skip_escape(characters: &mut std::str::Chars<'_>) {
    if characters.next() == Some('[') {
        for character in characters.by_ref() {
            if ('@'..='~').contains(&character) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain() {
        assert_eq!(plain_text(b"\x1b[91mERROR: no\x1b[0m\r\n"), "ERROR: no");
        assert_eq!(plain_text(b" 10%\r 50%\r100% done\n"), "100% done");
        assert_eq!(plain_text("a\tb\u{7} é\n".as_bytes()), "a\tb é");
        assert_eq!(plain_text(b"\xff ok\x1b"), "\u{fffd} ok");
    }

    #[test]
    fn pieces_become_lines() {
        let mut joiner = LineJoiner::default();
        let mut lines = Vec::new();
        for piece in [&b"one\ntw"[..], b"o\nthr", b"ee"] {
            joiner.push(piece, |line| lines.push(line));
        }
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(joiner.rest().as_deref(), Some("three"));
        assert_eq!(joiner.rest(), None);
    }

    #[test]
    fn the_tail_is_bounded() {
        let mut tail = Tail::default();
        for number in 0..1000 {
            tail.push(&number.to_string());
        }
        assert_eq!(tail.lines().len(), KEPT_LINES);
        assert_eq!(tail.last_lines().len(), SHOWN_LINES);
        assert_eq!(tail.last_lines().last().map(String::as_str), Some("999"));
    }
}

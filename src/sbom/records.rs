//! What the script printed, as records of bounded number and size.

use rand::RngExt as _;

const TEMPLATE: &str = include_str!("list.sh");
/// Five records a package at most.
const MOST_RECORDS: usize = 250_000;
const MOST_FIELDS: usize = 6;

/// A mark that an image cannot have printed by chance: 128 random bits in hex.
pub(super) fn new_mark() -> String {
    let bytes: [u8; 16] = rand::rng().random();
    hex::encode(bytes)
}

/// The script under this mark.
pub(super) fn script(mark: &str) -> String {
    TEMPLATE.replace("@MARK@", mark)
}

/// A line under the mark: its key, and its values with white space around them removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'output> {
    pub(super) key: &'output str,
    pub(super) values: Vec<&'output str>,
}

/// The records between the script's first and its last; `None` when it did not come to its end.
pub(super) fn read<'output>(output: &'output str, mark: &str) -> Option<Vec<Record<'output>>> {
    let mut records = Vec::new();
    let mut has_begun = false;
    for line in output.split('\n') {
        let mut fields = line.splitn(MOST_FIELDS + 2, '\t');
        if fields.next() != Some(mark) {
            continue;
        }
        let Some(key) = fields.next() else { continue };
        match key {
            "begin" => has_begun = true,
            "end" => return has_begun.then_some(records),
            _ if records.len() == MOST_RECORDS => return None,
            _ => records.push(Record { key, values: fields.map(|value| value.trim_matches([' ', '\r'])).collect() }),
        }
    }
    None
}

/// A name or a version: not empty, without white space, control characters and marks that reorder or hide text.
pub(super) fn word(text: &str) -> Option<&str> {
    const MOST_BYTES: usize = 256;
    let is_bad = |letter: char| letter.is_whitespace() || is_unprintable(letter);
    (!text.is_empty() && text.len() <= MOST_BYTES && !text.contains(is_bad)).then_some(text)
}

/// An absolute path; spaces are allowed.
pub(super) fn path(text: &str) -> Option<&str> {
    const MOST_BYTES: usize = 4096;
    (text.starts_with('/') && text.len() <= MOST_BYTES && !text.contains(is_unprintable)).then_some(text)
}

fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_under_the_mark_between_first_and_last_counts() {
        let output =
            "noise\nM\tbegin\t1\nX\tdpkg\tname\tevil\nM\tdpkg\tname\t libc6 \r\nM\nM\tend\t1\nM\tdpkg\tname\tlate\n";
        let records = read(output, "M").unwrap();
        assert_eq!(records, [Record { key: "dpkg", values: vec!["name", "libc6"] }]);
        for cut in ["", "M\tbegin\t1\nM\tdpkg\tname\tx\n", "M\tend\t1\n", "m\tbegin\t1\nm\tend\t1"] {
            assert_eq!(read(cut, "M"), None, "{cut:?}");
        }
    }

    #[test]
    fn a_flood_of_records_is_refused() {
        let flood = format!("M\tbegin\t1\n{}M\tend\t1\n", "M\tdpkg\tname\tx\n".repeat(MOST_RECORDS + 1));
        assert_eq!(read(&flood, "M"), None);
    }

    #[test]
    fn words_and_paths_hold_nothing_that_a_reader_would_obey() {
        for good in ["libc6", "1:2.36-9+deb12u10~x", "zope.interface", "名"] {
            assert_eq!(word(good), Some(good));
        }
        for bad in
            ["", "a b", "a\tb", "\u{1b}[31mred", "a\u{202e}b", "a\u{200b}", "\u{fffd}", "a\u{7}", &"x".repeat(257)]
        {
            assert_eq!(word(bad), None, "{bad:?}");
        }
        assert_eq!(path("/a b/c"), Some("/a b/c"));
        for bad in ["", "relative", "/a\u{1b}[0m", "/a\u{202e}", &format!("/{}", "x".repeat(4096))] {
            assert_eq!(path(bad), None, "{bad:?}");
        }
    }
}

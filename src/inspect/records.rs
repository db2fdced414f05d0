//! What the probe printed, as records.
//!
//! The image is not trusted: lines without the mark are dropped, values are cut and cleaned, their number is limited.

const MAX_RECORDS: usize = 4_000;
const MAX_VALUE_CHARACTERS: usize = 512;

/// Keys and values in the order printed.
#[derive(Debug, Default)]
pub(super) struct Records {
    entries: Vec<(String, String)>,
}

/// Takes the records out of a probe's output.
pub(super) fn read(output: &str, mark: &str) -> Records {
    let mut entries = Vec::new();
    for line in output.lines() {
        let mut fields = line.splitn(3, '\t');
        if fields.next() != Some(mark) {
            continue;
        }
        let (Some(key), Some(value)) = (fields.next(), fields.next()) else { continue };
        entries.push((clean(key), clean_fields(value)));
        if entries.len() == MAX_RECORDS {
            break;
        }
    }
    Records { entries }
}

/// A text fit for answers and logs: no control characters, no odd white space, of bounded length.
pub(super) fn clean(text: &str) -> String {
    let visible = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    visible
        .filter(|character| !is_invisible(*character))
        .take(MAX_VALUE_CHARACTERS)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn clean_fields(value: &str) -> String {
    value.split('\t').take(3).map(clean).collect::<Vec<_>>().join("\t")
}

/// Marks that reorder or hide text, and line separators.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}

impl Records {
    /// Whether nothing was printed under the mark.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the script came to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.first("begin").is_some() && self.first("end").is_some()
    }

    /// The first value under a key, unless empty.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The first value under a key, or an empty text.
    pub(super) fn text(&self, key: &str) -> String {
        self.first(key).unwrap_or_default().to_owned()
    }

    /// All values under a key that are not empty.
    pub(super) fn all<'records>(&'records self, key: &str) -> impl Iterator<Item = &'records str> {
        let key = key.to_owned();
        self.entries
            .iter()
            .filter(move |(name, value)| *name == key && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A fact about the Python at a path.
    pub(super) fn python(&self, fact: &str, path: &str) -> Option<&str> {
        let key = format!("python.{fact}");
        self.all(&key).find_map(|value| value.strip_prefix(path)?.strip_prefix('\t'))
    }
}

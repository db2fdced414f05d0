//! A row of an old table: values by column name, whatever kind they have.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::time;
use crate::clock::Moment;

/// A value as SQLite holds it; bytes count as text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum OldValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
}

/// A row.
#[derive(Debug)]
pub(super) struct OldRow {
    pub(super) columns: Arc<HashMap<String, usize>>,
    pub(super) values: Vec<OldValue>,
}

impl OldRow {
    /// The value of a column; `Null` where the table has no such column.
    pub(super) fn value(&self, column: &str) -> &OldValue {
        let found = self.columns.get(column).and_then(|index| self.values.get(*index));
        found.unwrap_or(&OldValue::Null)
    }

    /// A text, empty for nothing.
    pub(super) fn text(&self, column: &str) -> String {
        match self.value(column) {
            OldValue::Null => String::new(),
            OldValue::Integer(number) => number.to_string(),
            OldValue::Real(number) => number.to_string(),
            OldValue::Text(text) => text.clone(),
        }
    }

    /// A whole number.
    pub(super) fn integer(&self, column: &str) -> Option<i64> {
        match self.value(column) {
            OldValue::Null => None,
            OldValue::Integer(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "a number with a fraction is no count")]
            OldValue::Real(number) => Some(*number as i64),
            OldValue::Text(text) => text.trim().parse().ok(),
        }
    }

    /// Yes or no, however it was written.
    pub(super) fn truth(&self, column: &str) -> bool {
        match self.value(column) {
            OldValue::Text(text) => matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on"),
            _ => self.integer(column).is_some_and(|number| number != 0),
        }
    }

    /// A time.
    pub(super) fn moment(&self, column: &str, zone: &TimeZone) -> Option<Moment> {
        time::moment(self.value(column), zone)
    }

    /// When the row was written and when it last changed; the one stands in for the other, `otherwise` for both.
    pub(super) fn times(&self, zone: &TimeZone, otherwise: Moment) -> (Moment, Moment) {
        let (created, updated) = (self.moment("create_time", zone), self.moment("update_time", zone));
        (created.or(updated).unwrap_or(otherwise), updated.or(created).unwrap_or(otherwise))
    }

    /// A JSON object, also when Python printed it.
    pub(super) fn object(&self, column: &str) -> Option<Value> {
        let text = self.text(column);
        let read = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
        read(&text).or_else(|| read(&python_as_json(&text)))
    }
}

/// What Python prints of a dictionary of plain values, as JSON.
fn python_as_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let mut quote = None;
    let mut letters = text.chars();
    let mut word = String::new();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => match letters.next() {
                Some('\'') => json.push('\''),
                Some(other) => json.extend(['\\', other]),
                None => {}
            },
            (Some(open), letter) if letter == open => {
                quote = None;
                json.push('"');
            }
            (Some(_), '"') => json.push_str("\\\""),
            (Some(_), letter) => json.push(letter),
            (None, letter) if letter.is_ascii_alphabetic() => word.push(letter),
            (None, letter) => {
                json.push_str(python_word(&std::mem::take(&mut word)));
                if matches!(letter, '\'' | '"') {
                    quote = Some(letter);
                    json.push('"');
                } else {
                    json.push(letter);
                }
            }
        }
    }
    json
}

fn python_word(word: &str) -> &str {
    match word {
        "None" => "null",
        "True" => "true",
        "False" => "false",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: OldValue) -> OldRow {
        OldRow { columns: Arc::new(HashMap::from([("c".to_owned(), 0)])), values: vec![value] }
    }

    #[test]
    fn an_object_is_read_from_json_and_from_python() {
        for (text, expected) in [
            (r#"{"a": 1}"#, Some(json!({ "a": 1 }))),
            (
                r#"{'a': None, 'b': True, 'c': 'it\'s "x"', 'd': 2.5}"#,
                Some(json!({ "a": null, "b": true, "c": "it's \"x\"", "d": 2.5 })),
            ),
            (r#"{"it's": 'None'}"#, Some(json!({ "it's": "None" }))),
            ("[1]", None),
            ("{'a': datetime(1)}", None),
            ("", None),
        ] {
            assert_eq!(row(OldValue::Text(text.to_owned())).object("c"), expected, "{text}");
        }
    }

    #[test]
    fn values_are_read_as_what_is_wanted() {
        assert_eq!(row(OldValue::Text(" 7 ".into())).integer("c"), Some(7));
        assert_eq!(row(OldValue::Integer(7)).text("c"), "7");
        assert_eq!(row(OldValue::Text("x".into())).integer("c"), None);
        assert!(row(OldValue::Text("True".into())).truth("c") && row(OldValue::Integer(1)).truth("c"));
        assert!(!row(OldValue::Null).truth("c") && !row(OldValue::Text("0".into())).truth("c"));
        assert_eq!(row(OldValue::Integer(7)).text("another"), "");
    }
}

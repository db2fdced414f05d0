//! Fields of a query or a form, read one by one, so that an answer names everything that is wrong and not just the first.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use serde_json::json;

use crate::request::{Location, ValidationError};

/// The largest whole number that JavaScript holds exactly.
pub(super) const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;
/// Numbers that clients may send as ids.
pub(super) const SAFE_INTEGERS: RangeInclusive<i64> = -MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER;

/// A value that is made of fields.
pub(super) trait FromFields: Sized {
    /// Reads the fields. What it returns is thrown away when an error was noted.
    fn from_fields(fields: &mut Fields) -> Self;
}

/// The fields of one request.
#[derive(Debug)]
pub(super) struct Fields {
    place: Location,
    /// A form cannot tell an empty field from none, a query can.
    empty_is_none: bool,
    texts: BTreeMap<String, String>,
    files: BTreeMap<String, Bytes>,
    errors: Vec<ValidationError>,
}

impl Fields {
    /// Fields of the query or the body; the last of several with one name counts.
    pub(super) fn new(place: Location, texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let empty_is_none = place == Location::body();
        let texts = texts.into_iter().collect();
        Self { place, empty_is_none, texts, files: BTreeMap::new(), errors: Vec::new() }
    }

    /// Adds an uploaded file.
    pub(super) fn add_file(&mut self, name: String, content: Bytes) {
        self.files.insert(name, content);
    }

    /// Reads a value or says what is wrong.
    pub(super) fn read<T: FromFields>(mut self) -> Result<T, Vec<ValidationError>> {
        let value = T::from_fields(&mut self);
        if self.errors.is_empty() { Ok(value) } else { Err(self.errors) }
    }

    fn refuse(&mut self, error: ValidationError) {
        self.errors.push(error);
    }

    fn missing(&mut self, name: &'static str) {
        let error = ValidationError::new(self.place.field(name), "field required", "value_error.missing");
        self.refuse(error);
    }

    /// The text of a field.
    fn find(&self, name: &str) -> Option<&str> {
        let text = self.texts.get(name)?;
        if self.empty_is_none && text.is_empty() { None } else { Some(text) }
    }

    /// A required text.
    pub(super) fn text(&mut self, name: &'static str) -> String {
        if let Some(text) = self.find(name) {
            return text.to_owned();
        }
        if self.files.contains_key(name) {
            self.refuse(ValidationError::new(self.place.field(name), "str type expected", "type_error.str"));
        } else {
            self.missing(name);
        }
        String::new()
    }

    /// A required text under any of these names; the first one is named when it is missing.
    pub(super) fn text_of(&mut self, names: &[&'static str]) -> String {
        let found = names.iter().copied().find(|name| self.find(name).is_some());
        found.or_else(|| names.first().copied()).map_or_else(String::new, |name| self.text(name))
    }

    /// An optional text, empty when it is absent.
    pub(super) fn text_or_empty(&mut self, name: &str) -> String {
        self.find(name).unwrap_or_default().to_owned()
    }

    /// A required whole number.
    pub(super) fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        let Some(text) = self.find(name).map(str::to_owned) else {
            self.missing(name);
            return 0;
        };
        self.parse_integer(name, &text, range)
    }

    /// An optional whole number.
    pub(super) fn integer_or(&mut self, name: &'static str, range: RangeInclusive<i64>, default: i64) -> i64 {
        match self.find(name).map(str::to_owned) {
            Some(text) => self.parse_integer(name, &text, range),
            None => default,
        }
    }

    /// An optional truth value, in any of the words that pydantic takes for one.
    pub(super) fn boolean_or(&mut self, name: &'static str, default: bool) -> bool {
        let Some(text) = self.find(name).map(str::to_lowercase) else { return default };
        match text.as_str() {
            "1" | "on" | "t" | "true" | "y" | "yes" => true,
            "0" | "off" | "f" | "false" | "n" | "no" => false,
            _ => {
                let location = self.place.field(name);
                let message = "value could not be parsed to a boolean";
                self.refuse(ValidationError::new(location, message, "type_error.bool"));
                default
            }
        }
    }

    fn parse_integer(&mut self, name: &'static str, text: &str, range: RangeInclusive<i64>) -> i64 {
        let location = self.place.field(name);
        let digits = text.trim();
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            self.refuse(ValidationError::new(location, "value is not a valid integer", "type_error.integer"));
            return 0;
        }
        // A number that no machine word holds is out of every range.
        let overflow = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
        let number = digits.parse().unwrap_or(overflow);
        let (least, most) = (*range.start(), *range.end());
        if number < least {
            let text = format!("ensure this value is greater than or equal to {least}");
            let context = Some(json!({ "limit_value": least }));
            self.refuse(ValidationError {
                context,
                ..ValidationError::new(location, text, "value_error.number.not_ge")
            });
        } else if number > most {
            let text = format!("ensure this value is less than or equal to {most}");
            let context = Some(json!({ "limit_value": most }));
            self.refuse(ValidationError {
                context,
                ..ValidationError::new(location, text, "value_error.number.not_le")
            });
        }
        number
    }

    /// A port; `default` when it is absent.
    pub(super) fn port_or(&mut self, name: &'static str, default: u16) -> u16 {
        let number = self.integer_or(name, 1..=i64::from(u16::MAX), i64::from(default));
        u16::try_from(number).unwrap_or(default)
    }

    /// An optional file; a browser sends an empty one when none was chosen.
    pub(super) fn file(&mut self, name: &'static str) -> Option<Bytes> {
        if self.find(name).is_some() {
            let location = self.place.field(name);
            let text = "Expected UploadFile, received: <class 'str'>";
            self.refuse(ValidationError::new(location, text, "value_error"));
        }
        self.files.remove(name).filter(|content| !content.is_empty())
    }

    /// An optional text that may also come as a file.
    pub(super) fn text_or_file(&mut self, name: &'static str) -> Option<String> {
        if let Some(text) = self.find(name) {
            return Some(text.to_owned());
        }
        let content = self.files.remove(name)?;
        let Ok(text) = String::from_utf8(content.to_vec()) else {
            self.refuse(ValidationError::new(self.place.field(name), "str type expected", "type_error.str"));
            return None;
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Paged(i64);

    impl FromFields for Paged {
        fn from_fields(fields: &mut Fields) -> Self {
            Self(fields.integer("page", 1..=10))
        }
    }

    fn page(text: &str) -> Result<i64, String> {
        let fields = Fields::new(Location::query(), [("page".to_owned(), text.to_owned())]);
        fields.read::<Paged>().map(|page| page.0).map_err(|errors| errors[0].kind.to_string())
    }

    #[test]
    fn whole_numbers_are_read_as_python_reads_them() {
        for good in ["7", " 7 ", "+7", "007"] {
            assert_eq!(page(good), Ok(7), "{good:?}");
        }
        for bad in ["", "abc", "1.0", "0x7", "1e1", "- 7", "+-7", "٧", "7a", "null", "true"] {
            assert_eq!(page(bad), Err("type_error.integer".to_owned()), "{bad:?}");
        }
        for small in ["0", "-1", "-99999999999999999999999"] {
            assert_eq!(page(small), Err("value_error.number.not_ge".to_owned()), "{small:?}");
        }
        for large in ["11", "99999999999999999999999"] {
            assert_eq!(page(large), Err("value_error.number.not_le".to_owned()), "{large:?}");
        }
    }

    #[test]
    fn limits_stand_in_the_error() {
        let fields = Fields::new(Location::query(), [("page".to_owned(), "0".to_owned())]);
        let Err(errors) = fields.read::<Paged>() else { panic!("0 is no page") };
        let expected = json!([{
            "loc": ["query", "page"], "msg": "ensure this value is greater than or equal to 1",
            "type": "value_error.number.not_ge", "ctx": {"limit_value": 1}
        }]);
        assert_eq!(json!(errors), expected);
    }

    struct Upload(Option<Bytes>);

    impl FromFields for Upload {
        fn from_fields(fields: &mut Fields) -> Self {
            Self(fields.file("files"))
        }
    }

    #[test]
    fn a_text_is_no_file_and_an_empty_file_is_none() {
        let text = Fields::new(Location::body(), [("files".to_owned(), "x".to_owned())]);
        assert!(text.read::<Upload>().is_err());
        let mut empty = Fields::new(Location::body(), [("files".to_owned(), String::new())]);
        empty.add_file("files".to_owned(), Bytes::new());
        assert_eq!(empty.read::<Upload>().map(|upload| upload.0).ok(), Some(None));
    }
}

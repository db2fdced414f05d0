//! Reads a JSON document the way pydantic v1 reads it into a model: lenient about scalars, strict about shape, and
//! collecting every error with its path instead of stopping at the first.

use serde_json::{Map, Value, json};

use super::{Location, ValidationError};

/// A text and where it stood.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) location: Location,
    pub(super) value: String,
}

/// An object of the document.
#[derive(Debug)]
pub(super) struct Section<'document> {
    /// Where it stands.
    pub(super) location: Location,
    fields: &'document Map<String, Value>,
}

/// The errors so far.
pub(super) type Errors = Vec<ValidationError>;

impl<'document> Section<'document> {
    /// The object at a place; anything else is an error.
    pub(super) fn read(value: &'document Value, location: Location, errors: &mut Errors) -> Option<Self> {
        if let Value::Object(fields) = value {
            return Some(Self { location, fields });
        }
        errors.push(match value {
            Value::Null => none_not_allowed(location),
            _ => ValidationError::new(location, "value is not a valid dict", "type_error.dict"),
        });
        None
    }

    /// Whether a key is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.optional(name).is_some()
    }

    /// A required object.
    pub(super) fn section(&self, name: &str, errors: &mut Errors) -> Option<Section<'document>> {
        let value = self.required(name, errors)?;
        Section::read(value, self.location.field(name), errors)
    }

    /// A required text.
    pub(super) fn text(&self, name: &str, errors: &mut Errors) -> Option<Text> {
        let value = self.required(name, errors)?;
        self.read_text(name, value, errors)
    }

    /// A text that may be absent or null.
    pub(super) fn optional_text(&self, name: &str, errors: &mut Errors) -> Option<Text> {
        self.read_text(name, self.optional(name)?, errors)
    }

    /// A required text or list of texts.
    pub(super) fn texts(&self, name: &str, errors: &mut Errors) -> Option<Vec<Text>> {
        let value = self.required(name, errors)?;
        let location = self.location.field(name);
        if let Value::Array(entries) = value {
            return Some(read_texts(entries, &location, errors));
        }
        if let Some(value) = scalar_text(value) {
            return Some(vec![Text { location, value }]);
        }
        // pydantic reports each member of the union.
        errors.push(not_a_text(location.clone(), value));
        if !value.is_null() {
            errors.push(not_a_list(location));
        }
        None
    }

    /// A list of texts that may be absent or null.
    pub(super) fn optional_texts(&self, name: &str, errors: &mut Errors) -> Vec<Text> {
        let location = self.location.field(name);
        match self.optional(name) {
            None => Vec::new(),
            Some(Value::Array(entries)) => read_texts(entries, &location, errors),
            Some(_) => {
                errors.push(not_a_list(location));
                Vec::new()
            }
        }
    }

    /// A required list of objects; entries that are none are errors and left out.
    pub(super) fn sections(&self, name: &str, errors: &mut Errors) -> Option<Vec<Section<'document>>> {
        let location = self.location.field(name);
        match self.required(name, errors)? {
            Value::Array(entries) => Some(
                entries
                    .iter()
                    .enumerate()
                    .filter_map(|(index, entry)| Section::read(entry, location.index(index), errors))
                    .collect(),
            ),
            Value::Null => {
                errors.push(none_not_allowed(location));
                None
            }
            _ => {
                errors.push(not_a_list(location));
                None
            }
        }
    }

    /// A truth value that may be absent or null: also 0, 1, and the words for them.
    pub(super) fn optional_truth(&self, name: &str, errors: &mut Errors) -> Option<bool> {
        let value = self.optional(name)?;
        let truth = match value {
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) => match number.as_f64() {
                Some(0.0) => Some(false),
                Some(1.0) => Some(true),
                _ => None,
            },
            Value::String(word) => match word.to_lowercase().as_str() {
                "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
                "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
                _ => None,
            },
            _ => None,
        };
        if truth.is_none() {
            let location = self.location.field(name);
            errors.push(ValidationError::new(location, "value could not be parsed to a boolean", "type_error.bool"));
        }
        truth
    }

    /// A whole number from 0 that may be absent or null; also digits in a text, and fractions cut off.
    pub(super) fn optional_whole_number(&self, name: &str, errors: &mut Errors) -> Option<u64> {
        let location = self.location.field(name);
        let number = match self.optional(name)? {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(whole)),
            Value::String(digits) => digits.trim().parse().ok(),
            Value::Bool(truth) => Some(i64::from(*truth)),
            _ => None,
        };
        let Some(number) = number else {
            errors.push(ValidationError::new(location, "value is not a valid integer", "type_error.integer"));
            return None;
        };
        u64::try_from(number)
            .inspect_err(|_| {
                errors.push(ValidationError {
                    context: Some(json!({ "limit_value": 0 })),
                    ..ValidationError::new(
                        location,
                        "ensure this value is greater than or equal to 0",
                        "value_error.number.not_ge",
                    )
                });
            })
            .ok()
    }

    fn optional(&self, name: &str) -> Option<&'document Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str, errors: &mut Errors) -> Option<&'document Value> {
        let value = self.fields.get(name);
        if value.is_none() {
            errors.push(ValidationError::new(self.location.field(name), "field required", "value_error.missing"));
        }
        value
    }

    fn read_text(&self, name: &str, value: &Value, errors: &mut Errors) -> Option<Text> {
        let location = self.location.field(name);
        if let Some(value) = scalar_text(value) {
            return Some(Text { location, value });
        }
        errors.push(not_a_text(location, value));
        None
    }
}

fn read_texts(entries: &[Value], location: &Location, errors: &mut Errors) -> Vec<Text> {
    let mut texts = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let location = location.index(index);
        match scalar_text(entry) {
            Some(value) => texts.push(Text { location, value }),
            None => errors.push(not_a_text(location, entry)),
        }
    }
    texts
}

/// A text, or a number or truth value as Python's `str` writes it.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "cutting off is what Python's int() does; the cast saturates")]
fn whole(number: f64) -> i64 {
    number as i64
}

fn none_not_allowed(location: Location) -> ValidationError {
    ValidationError::new(location, "none is not an allowed value", "type_error.none.not_allowed")
}

fn not_a_text(location: Location, value: &Value) -> ValidationError {
    match value {
        Value::Null => none_not_allowed(location),
        _ => ValidationError::new(location, "str type expected", "type_error.str"),
    }
}

fn not_a_list(location: Location) -> ValidationError {
    ValidationError::new(location, "value is not a valid list", "type_error.list")
}

//! Refusals of requests that do not have the declared form, as pydantic v1 wrote them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A step on the way to a field: its name or its place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Location {
    /// A name.
    Name(Cow<'static, str>),
    /// A place, from 0.
    Index(usize),
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "ValidationError")]
pub struct ValidationError {
    /// The way to the field, beginning with `query` or `body`.
    pub loc: Vec<Location>,
    /// What is wrong.
    #[schema(example = "field required")]
    pub msg: Cow<'static, str>,
    /// The rule that was broken.
    #[serde(rename = "type")]
    #[schema(example = "value_error.missing")]
    pub kind: Cow<'static, str>,
    /// Limits and parser texts, where there are any.
    #[serde(flatten)]
    #[schema(ignore)]
    pub details: Map<String, Value>,
}

/// The answer to a request that does not have the declared form.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(title = "HTTPValidationError")]
pub struct HTTPValidationError {
    /// Everything that is wrong.
    pub detail: Vec<ValidationError>,
}

impl ValidationError {
    /// An error of a field.
    pub fn new(loc: impl IntoIterator<Item = Location>, msg: impl Into<Cow<'static, str>>, kind: &'static str) -> Self {
        Self { loc: loc.into_iter().collect(), msg: msg.into(), kind: Cow::Borrowed(kind), details: Map::new() }
    }

    /// A required field that is not there.
    pub fn missing(loc: impl IntoIterator<Item = Location>) -> Self {
        Self::new(loc, "field required", "value_error.missing")
    }

    /// A detail beside the three fields.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl From<&'static str> for Location {
    fn from(name: &'static str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl From<String> for Location {
    fn from(name: String) -> Self {
        Self::Name(Cow::Owned(name))
    }
}

impl From<usize> for Location {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

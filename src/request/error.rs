//! Why a build request was refused.
//!
//! Two layers: the *shape* breaks (a key is missing, a list is no list), reported in pydantic v1's words and always as
//! HTTP 422; or a *value* cannot be used (a package name with a semicolon), which the API may answer with code -1 or
//! as HTTP 422, naming the field either way.

use serde::Serialize;

use super::{Location, Reason};

const SHOWN_CHARACTERS: usize = 80;

/// Why one text was refused; the caller knows which field it stood in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {value:?}")]
pub struct FieldError {
    /// The broken rule.
    pub reason: Reason,
    /// The refused text, shortened.
    pub value: String,
}

impl FieldError {
    /// Keeps the beginning of the refused text.
    pub fn new(reason: Reason, value: &str) -> Self {
        Self { reason, value: value.chars().take(SHOWN_CHARACTERS).collect() }
    }

    /// For values that nobody may read back.
    pub(super) fn secret(reason: Reason) -> Self {
        Self { reason, value: "***".to_owned() }
    }

    pub(super) fn at(self, location: Location) -> RefusedField {
        RefusedField { location, reason: self.reason, value: self.value }
    }
}

/// One entry of a 422 answer's `detail`, in pydantic v1's form.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ValidationError {
    /// Where: `["body", "image_data", "callback_url"]`.
    pub loc: Location,
    /// What: `field required`.
    #[serde(rename = "msg")]
    pub message: String,
    /// The kind for machines: `value_error.missing`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// An empty object on unreadable JSON, as the old service sent it; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<serde_json::Value>,
    /// Details, such as `{"error": "Expecting value"}`.
    #[serde(rename = "ctx", skip_serializing_if = "Option::is_none")]
    pub context: Option<serde_json::Value>,
}

impl ValidationError {
    /// An error without details.
    pub fn new(loc: Location, message: impl Into<String>, kind: &'static str) -> Self {
        Self { loc, message: message.into(), kind, input: None, context: None }
    }
}

/// A value that cannot be used, and the field it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedField {
    /// Where it stands; `Display` gives `dockerfile_json.image_installer_config.…`.
    pub location: Location,
    /// The broken rule.
    pub reason: Reason,
    /// The refused text, shortened; `***` for secrets.
    pub value: String,
}

/// Why a build request was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The shape is wrong; all that is wrong with it.
    #[error("the request has {} wrong or missing fields", .0.len())]
    Invalid(Vec<ValidationError>),
    /// Values cannot be used; all of them, in the order of the document.
    #[error("{}", sentences(.0, Reason::english, "; "))]
    Refused(Vec<RefusedField>),
}

impl RequestError {
    /// The `detail` of a 422 answer, for either layer.
    pub fn validation_errors(&self) -> Vec<ValidationError> {
        match self {
            Self::Invalid(errors) => errors.clone(),
            Self::Refused(fields) => fields
                .iter()
                .map(|field| ValidationError::new(field.location.clone(), field.reason.english(), "value_error"))
                .collect(),
        }
    }

    /// The message in Chinese.
    pub fn chinese(&self) -> String {
        match self {
            Self::Invalid(errors) => format!("请求中有 {} 个字段缺失或类型错误", errors.len()),
            Self::Refused(fields) => sentences(fields, Reason::chinese, "；"),
        }
    }

    /// The message in English.
    pub fn english(&self) -> String {
        self.to_string()
    }
}

/// `field "value" must be …`, one after the other.
fn sentences(fields: &[RefusedField], words: fn(Reason) -> &'static str, joint: &str) -> String {
    let sentence = |field: &RefusedField| {
        let value = if field.value.is_empty() { String::new() } else { format!(" {:?}", field.value) };
        format!("{}{value} {}", field.location, words(field.reason))
    };
    fields.iter().map(sentence).collect::<Vec<_>>().join(joint)
}

//! What a page shows of a stored request: the document set out for reading, and the one name that no row holds.

use serde_json::Value;

/// A stored request.
pub(super) struct RequestDocument {
    /// The document, indented.
    pub(super) text: String,
    /// Whom the request names as maintainer; may be empty.
    pub(super) maintainer: String,
}

impl RequestDocument {
    /// Reads a document. What is no JSON is shown as it is.
    pub(super) fn read(document: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(document) else {
            return Self { text: document.to_owned(), maintainer: String::new() };
        };
        let maintainer = match value.pointer("/dockerfile_json/maintainer") {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        Self { text: serde_json::to_string_pretty(&value).unwrap_or_default(), maintainer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_set_out() {
        let read = RequestDocument::read(r#"{"dockerfile_json":{"maintainer":17}}"#);
        assert_eq!(read.maintainer, "17");
        assert!(read.text.contains("\n  \"dockerfile_json\""), "{}", read.text);
        assert_eq!(RequestDocument::read("not JSON").text, "not JSON");
    }
}

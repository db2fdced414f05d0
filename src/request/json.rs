//! Body bytes → JSON, with the old framework's words for what is no JSON.

use serde_json::{Value, json};

use super::{Location, ValidationError};

/// Reads a body. An empty body and `null` are a missing body, as the old service saw it.
pub fn read(body: &[u8]) -> Result<Value, Box<ValidationError>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Box::new(missing()));
    }
    match serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)) {
        Ok(Value::Null) => Err(Box::new(missing())),
        Ok(value) => Ok(value),
        Err(error) => Err(Box::new(unreadable(body, &error))),
    }
}

fn missing() -> ValidationError {
    ValidationError::new(Location::body(), "field required", "value_error.missing")
}

/// The error that Python's `json` would raise, as nearly as serde tells.
fn unreadable(body: &[u8], error: &serde_json::Error) -> ValidationError {
    let text = error.to_string();
    let known = [
        ("key must be a string", "Expecting property name enclosed in double quotes"),
        ("EOF while parsing an object", "Expecting property name enclosed in double quotes"),
        ("trailing comma", "Expecting property name enclosed in double quotes"),
        ("expected `:`", "Expecting ':' delimiter"),
        ("expected `,`", "Expecting ',' delimiter"),
        ("EOF while parsing a list", "Expecting ',' delimiter"),
        ("EOF while parsing a string", "Unterminated string starting at"),
        ("control character", "Invalid control character at"),
        ("invalid escape", "Invalid \\escape"),
        ("trailing characters", "Extra data"),
        ("recursion limit", "The document is nested too deeply"),
        ("invalid unicode code point", "The document is not UTF-8"),
    ];
    let words = known.iter().find(|(sign, _)| text.contains(sign)).map_or("Expecting value", |(_, words)| words);
    let line_start: usize =
        body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let position = (line_start + error.column().saturating_sub(1)).min(body.len());
    ValidationError {
        input: Some(json!({})),
        context: Some(json!({ "error": words })),
        ..ValidationError::new(Location::body().index(position), "JSON decode error", "json_invalid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_old_framework_said() {
        for (body, position, words) in [
            ("{bad", 1, "Expecting property name enclosed in double quotes"),
            ("{\"a\": }", 6, "Expecting value"),
            ("nope", 1, "Expecting value"),
            ("{\"a\" 1}", 5, "Expecting ':' delimiter"),
            ("{\"a\": 1 \"b\": 2}", 8, "Expecting ',' delimiter"),
            ("{\n\"a\": 1}\nx", 10, "Extra data"),
            ("[[", 1, "Expecting ',' delimiter"),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            let found = serde_json::to_value(&error).unwrap();
            assert_eq!(
                found,
                json!({"loc": ["body", position], "msg": "JSON decode error", "type": "json_invalid",
                       "input": {}, "ctx": {"error": words}}),
                "{body}"
            );
        }
        assert_eq!(read(b"\xff").unwrap_err().kind, "json_invalid");
        assert_eq!(read("[".repeat(100_000).as_bytes()).unwrap_err().kind, "json_invalid");
    }

    #[test]
    fn an_empty_body_is_missing() {
        for body in ["", " \r\n", "null"] {
            let error = serde_json::to_value(read(body.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(error, json!({"loc": ["body"], "msg": "field required", "type": "value_error.missing"}));
        }
    }
}

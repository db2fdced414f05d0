//! Reading JSON, and saying what is wrong with it as Python's reader did, because old clients have seen those texts.

use serde_json::{Value, json};

use super::ValidationError;

/// Parses a body. The error's location is the offset in characters.
pub(super) fn parse(body: &[u8]) -> Result<Value, ValidationError> {
    serde_json::from_slice(body).map_err(|error| {
        let offset = offset(body, error.line(), error.column());
        let text = if error.is_eof() { "Expecting value".to_owned() } else { python_text(&error.to_string()) };
        ValidationError::new(["body".into(), offset.into()], "JSON decode error", "json_invalid")
            .with("input", json!({}))
            .with("ctx", json!({ "error": text }))
    })
}

/// Characters before a line and column as `serde_json` counts them: both from 1, columns in bytes.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let start: usize = body.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let end = (start + column.saturating_sub(1)).min(body.len());
    String::from_utf8_lossy(&body[..end]).chars().count()
}

fn python_text(text: &str) -> String {
    let known = [
        ("key must be a string", "Expecting property name enclosed in double quotes"),
        ("trailing comma", "Expecting property name enclosed in double quotes"),
        ("trailing characters", "Extra data"),
        ("expected `:`", "Expecting ':' delimiter"),
        ("expected `,` or", "Expecting ',' delimiter"),
        ("control character", "Invalid control character at"),
        ("invalid escape", "Invalid \\escape"),
        ("expected value", "Expecting value"),
        ("expected ident", "Expecting value"),
        ("invalid number", "Expecting value"),
    ];
    let found = known.into_iter().find(|(ours, _)| text.starts_with(ours));
    found.map_or_else(|| text.split(" at line ").next().unwrap_or(text).to_owned(), |(_, python)| python.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_python_wrote_them() {
        for (body, offset, text) in [
            ("{bad", 1, "Expecting property name enclosed in double quotes"),
            ("{\"a\":1} x", 8, "Extra data"),
            ("{\"a\" 1}", 5, "Expecting ':' delimiter"),
            ("[1 2]", 3, "Expecting ',' delimiter"),
            ("nope", 1, "Expecting value"),
            ("\"例\" x", 4, "Extra data"),
        ] {
            let error = json!(parse(body.as_bytes()).unwrap_err());
            let expected = json!({
                "loc": ["body", offset], "msg": "JSON decode error", "type": "json_invalid", "input": {},
                "ctx": {"error": text}
            });
            assert_eq!(error, expected, "{body}");
        }
    }

    #[test]
    fn hostile_depth_and_broken_utf8_are_refused() {
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(parse(b"\"\xff\xfe\"").is_err());
        assert!(parse(b"").is_err());
    }
}

//! What the service answers, read into an [`Answer`] or into why there is none.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::failure::{ClientError, FieldProblem};

/// An envelope that says yes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// The service's words.
    pub(super) message: String,
    /// What was asked for.
    pub(super) data: Value,
}

#[derive(Deserialize)]
struct Envelope {
    code: i64,
    #[serde(default)]
    msg: Value,
    #[serde(default)]
    data: Value,
}

/// Reads an answer's status and body.
pub(super) fn read(url: &str, status: StatusCode, body: &[u8]) -> Result<Answer, ClientError> {
    let document: Value = serde_json::from_slice(body).map_err(|_| unreadable(url, status, "it is no JSON"))?;
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => return Err(ClientError::Invalid(problems(&document))),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            return Err(ClientError::NoRoute(url.split('?').next().unwrap_or(url).to_owned()));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(ClientError::Unauthorized(words(&document).unwrap_or_else(|| format!("refused ({status})"))));
        }
        _ => {}
    }
    if !status.is_success() {
        // 429, and the configuration test's documented 500 in the daemon's or registry's own words.
        return Err(match words(&document) {
            Some(words) => ClientError::Refused(words),
            None => unreadable(url, status, "it has no message"),
        });
    }
    let envelope: Envelope =
        serde_json::from_value(document).map_err(|_| unreadable(url, status, "it has no code, msg and data"))?;
    let message = text_of(&envelope.msg);
    if envelope.code == 0 {
        return Ok(Answer { message, data: envelope.data });
    }
    // Old services put the text into `data`.
    let words = if message.is_empty() || message == "error" { text_of(&envelope.data) } else { message };
    Err(ClientError::Refused(if words.is_empty() { format!("refused with code {}", envelope.code) } else { words }))
}

fn unreadable(url: &str, status: StatusCode, reason: &str) -> ClientError {
    ClientError::Unreadable { url: url.to_owned(), reason: format!("{reason} ({status})") }
}

fn words(document: &Value) -> Option<String> {
    let found = ["msg", "message", "detail"].into_iter().find_map(|field| document.get(field));
    found.map(text_of).filter(|text| !text.is_empty())
}

/// A text as it is, nothing as nothing, all else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn problems(document: &Value) -> Vec<FieldProblem> {
    let details = document.get("detail").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    details.iter().map(problem).collect()
}

fn problem(detail: &Value) -> FieldProblem {
    let location = detail.get("loc").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // The first part says body, query or form; people look for the field.
    let parts = if location.len() > 1 { &location[1..] } else { location };
    let field = parts.iter().map(text_of).collect::<Vec<_>>().join(".");
    FieldProblem { field, message: detail.get("msg").map(text_of).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(status: u16, body: &str) -> Result<Answer, ClientError> {
        read("http://h/x?y=1", StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn an_envelope_is_an_answer_or_a_refusal() {
        let answer = read_text(200, r#"{"code":0,"msg":"done","data":[1]}"#).unwrap();
        assert_eq!((answer.message.as_str(), answer.data), ("done", serde_json::json!([1])));
        for (body, words) in [
            (r#"{"code":-1,"msg":"no such task","data":null}"#, "no such task"),
            (r#"{"code":-1,"msg":"error","data":"file_type error"}"#, "file_type error"),
            (r#"{"code":-1,"msg":"","data":null}"#, "refused with code -1"),
        ] {
            let error = read_text(200, body).unwrap_err();
            assert!(matches!(&error, ClientError::Refused(text) if text == words), "{error:?}");
        }
    }

    #[test]
    fn each_status_has_its_error_and_exit_code() {
        let detail = r#"{"detail":[{"loc":["body","list",0,"name"],"msg":"field required","type":"x"},{"loc":["body"],"msg":"m"}]}"#;
        let Err(ClientError::Invalid(problems)) = read_text(422, detail) else { panic!("accepted") };
        let problem = |field: &str, message: &str| FieldProblem { field: field.into(), message: message.into() };
        assert_eq!(problems, [problem("list.0.name", "field required"), problem("body", "m")]);
        for (status, body, code, part) in [
            (404, r#"{"detail":"Not Found"}"#, 2, "http://h/x"),
            (401, r#"{"code":-1,"msg":"who are you"}"#, 2, "who are you; give a token"),
            (429, r#"{"code":-1,"msg":"too many"}"#, 2, "too many"),
            (500, r#"{"message":"connection refused","code":"123"}"#, 2, "connection refused"),
            (502, "<html>", 3, "no JSON"),
            (200, "[]", 3, "no code, msg and data"),
        ] {
            let error = read_text(status, body).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}

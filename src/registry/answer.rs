//! An answer, read whole within a limit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::RegistryError;

/// How much of a refusal is read for its words.
pub(super) const REFUSAL_LIMIT_BYTES: usize = 64 << 10;

/// An answer whose status was expected.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, RegistryError> {
        parse(&self.body, what)
    }
}

/// JSON of the expected form. The error names the place only: the text around it may be a token.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, RegistryError> {
    serde_json::from_slice(body).map_err(|error| RegistryError::Malformed {
        what: what.to_owned(),
        reason: format!("not the expected JSON, line {} column {}", error.line(), error.column()),
    })
}

/// Reads a body of at most `limit_bytes`.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    limit_bytes: usize,
    what: &str,
) -> Result<Bytes, RegistryError> {
    let too_large = || RegistryError::TooLarge { what: what.to_owned(), limit_bytes };
    if response.content_length().is_some_and(|length| length > limit_bytes as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| super::failure::failure(what, &error))? {
        if body.len() + chunk.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<RefusalEntry>,
}

#[derive(Deserialize)]
struct RefusalEntry {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// The words of a refusal: its JSON errors where it has them, else its text.
pub(super) fn words(body: &[u8]) -> String {
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(body) {
        let entries = refusal.errors.into_iter().map(|entry| match (entry.code, entry.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (code, message) => code.or(message).unwrap_or_default(),
        });
        return entries.collect::<Vec<_>>().join("; ");
    }
    let text = String::from_utf8_lossy(body);
    // An error page of a proxy in between says nothing that its status does not.
    if text.trim_start().starts_with('<') { String::new() } else { text.into_owned() }
}

/// `Retry-After` in seconds; the form with a date is rare and not read.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_whatever_they_look_like() {
        for (body, expected) in [
            (r#"{"errors":[{"code":"DENIED","message":"no"},{"message":"x"}]}"#, "DENIED: no; x"),
            (r#"{"errors":[{"code":null}]}"#, ""),
            (r#"{"errors":"odd"}"#, r#"{"errors":"odd"}"#),
            ("404 page not found", "404 page not found"),
            (" <html>502</html>", ""),
            ("", ""),
        ] {
            assert_eq!(words(body.as_bytes()), expected);
        }
        assert_eq!(words(&[0xff, 0xfe]), "\u{fffd}\u{fffd}");
    }
}

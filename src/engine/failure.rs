//! How errors of bollard, hyper and the daemon become an [`EngineError`]: readable text, a cause, no credentials.
//!
//! The readable part of a connection error is at the end of its source chain, so the chain is walked and joined. What
//! the daemon answered is kept in its own words; its cause follows from the words (`registry_words`).

use std::error::Error;
use std::io;

use http::StatusCode;
use secrecy::ExposeSecret;

use super::registry_words::registry_cause;
use super::tls::tls_advice;
use super::{EngineError, RegistryAccount};
use crate::cause::Cause;

const MAX_MESSAGE_BYTES: usize = 4096;

impl EngineError {
    /// The daemon could not be reached, or the connection to it broke.
    pub(super) fn lost(error: &(dyn Error + 'static)) -> Self {
        Self::new(Cause::DaemonLost, without_url_credentials(&chain_text(error)))
    }

    /// The daemon did not answer in time.
    pub(super) fn silent(what: &str, seconds: u64) -> Self {
        Self::new(Cause::DaemonLost, format!("the Docker daemon did not answer within {seconds} s: {what}"))
    }

    /// The daemon answered with an error.
    pub(super) fn answered(status: StatusCode, text: &str) -> Self {
        let text = text.trim();
        let fallback = match status {
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                Cause::DaemonLost
            }
            _ => Cause::Internal,
        };
        let cause = registry_cause(text).unwrap_or(fallback);
        if text.is_empty() {
            return Self::new(cause, format!("the Docker daemon answered {status}"));
        }
        Self::new(cause, without_url_credentials(shortened(text)))
    }

    /// The registry's words, as the daemon passed them on inside a stream.
    pub(super) fn from_registry(text: &str) -> Self {
        let cause = registry_cause(text).unwrap_or(Cause::Internal);
        Self::new(cause, without_url_credentials(shortened(text.trim())))
    }

    /// A bollard error.
    pub(super) fn from_bollard(error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error as Bollard;
        match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                let status = StatusCode::from_u16(*status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::answered(status, message)
            }
            Bollard::DockerStreamError { error } => Self::from_registry(error),
            Bollard::RequestTimeoutError => {
                Self::new(Cause::DaemonLost, "the Docker daemon did not answer in time".to_owned())
            }
            // bollard hides what kind of error it is.
            Bollard::IOError { err } => Self::lost(err),
            Bollard::HyperLegacyError { .. } | Bollard::HyperResponseError { .. } => Self::lost(error),
            other => Self::new(
                Cause::Internal,
                format!("the Docker daemon's answer was not understood: {}", chain_text(other)),
            ),
        }
    }

    /// The same error without the account's password, should a registry have repeated it.
    pub(super) fn without_password_of(mut self, account: Option<&RegistryAccount>) -> Self {
        let Some(password) = account.map(|account| account.password.expose_secret()).filter(|text| !text.is_empty())
        else {
            return self;
        };
        let encoded: String = url::form_urlencoded::byte_serialize(password.as_bytes()).collect();
        for text in std::iter::once(&mut self.message).chain(self.last_lines.iter_mut()) {
            *text = text.replace(password, "***").replace(&encoded, "***");
        }
        self
    }
}

/// An error and its sources in one line, without repetitions and without the layers that say nothing.
pub(super) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = match tls_error(error) {
            Some(error) => tls_advice(error),
            None => error.to_string(),
        };
        let is_wrapping = error.source().is_some()
            && (text.starts_with("client error (") || text.starts_with("Error in the hyper legacy client"));
        if !is_wrapping && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    // An outer text often ends with its source's text.
    let mut index = 0;
    while index < parts.len() {
        let is_repeated = parts[index + 1..].iter().any(|later| later.contains(parts[index].as_str()));
        if is_repeated {
            parts.remove(index);
        } else {
            index += 1;
        }
    }
    shortened(&parts.join(": ")).to_owned()
}

/// The TLS error inside an I/O error; `source` passes over it.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// `https://user:password@host` becomes `https://***@host`, wherever it stands in the text.
pub(super) fn without_url_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + "://".len());
        clean.push_str(before);
        let end = after.find(|character: char| character.is_whitespace() || "/\"'<>()".contains(character));
        let authority = &after[..end.unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(at) => {
                clean.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_MESSAGE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_urls() {
        let cases = [
            ("Get https://me:secret@h:1/v2/: EOF", "Get https://***@h:1/v2/: EOF"),
            ("http://proxy:p@ss@10.0.0.1:3128 and ftp://a:b@c", "http://***@10.0.0.1:3128 and ftp://***@c"),
            ("https://host/path@sha256", "https://host/path@sha256"),
            ("no url: a@b", "no url: a@b"),
        ];
        for (given, wanted) in cases {
            assert_eq!(without_url_credentials(given), wanted);
        }
    }

    #[test]
    fn a_given_password_is_never_repeated() {
        let account = RegistryAccount {
            registry: "h:1".parse().expect("host"),
            username: "u".to_owned(),
            password: "~~~???>>>".into(),
        };
        let error = EngineError::from_registry("login with ~~~???>>> or %7E%7E%7E%3F%3F%3F%3E%3E%3E failed");
        let message = error.without_password_of(Some(&account)).message;
        assert_eq!(message, "login with *** or *** failed");
    }

    #[test]
    fn a_chain_reads_as_one_sentence() {
        #[derive(Debug, thiserror::Error)]
        #[error("client error (Connect)")]
        struct Outer(#[source] Middle);
        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect to 10.0.0.1:2376")]
        struct Middle(#[source] io::Error);
        let error = Outer(Middle(io::Error::other("connection refused")));
        assert_eq!(chain_text(&error), "cannot connect to 10.0.0.1:2376: connection refused");
    }

    #[test]
    fn an_empty_answer_still_says_something() {
        let error = EngineError::answered(StatusCode::SERVICE_UNAVAILABLE, "");
        assert_eq!(error.cause, Cause::DaemonLost);
        assert!(error.message.contains("503"));
    }
}

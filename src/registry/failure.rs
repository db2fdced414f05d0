//! What a failed exchange means. A certificate that is not trusted must not look like a network's fault.

use std::error::Error as _;

use super::error::RegistryError;

pub(super) fn malformed(what: &str, reason: &str) -> RegistryError {
    RegistryError::Malformed { what: what.to_owned(), reason: reason.to_owned() }
}

/// What a failed exchange means. A certificate that is not trusted must not look like a network's fault.
pub(super) fn failure(what: &str, error: &reqwest::Error) -> RegistryError {
    let what = what.to_owned();
    if let Some(tls) = error.source().and_then(find_tls) {
        return RegistryError::Tls { what, reason: tls_reason(tls) };
    }
    let reason = if error.is_timeout() { "no answer in time".to_owned() } else { innermost(error) };
    RegistryError::Unreachable { what, reason }
}

/// The TLS error inside an error. An `io::Error` hides what it carries from `source`, and may carry another one.
fn find_tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match carried {
        Some(carried) => find_tls(carried),
        None => find_tls(error.source()?),
    }
}

fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        error => error.to_string(),
    }
}

/// The innermost cause says what happened; what stands around it repeats the URL.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = if source.is_none() { "the exchange failed".to_owned() } else { String::new() };
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

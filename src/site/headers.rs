//! The headers that callbacks carry: checked before they are stored, sealed because one may be a credential.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{Site, SiteError};

/// What callback headers are sealed for, in the configuration and in attempts.
pub const HEADERS_PURPOSE: &str = "callback_headers";

/// Headers that belong to the connection and that a callback sets itself.
const RESERVED: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"];
const MAX_HEADERS: usize = 64;
/// Headers whose values are shown. Any other may hold a credential, whatever its name.
const SHOWN_NAMES: [&str; 6] =
    ["accept", "accept-language", "content-type", "user-agent", "x-biztype", "x-login-userid"];

/// Why headers cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No header name.
    #[error("'{0}' is no header name")]
    Name(String),
    /// A value with characters that no header may carry; the value is not shown.
    #[error("the value of '{0}' holds characters that no header may carry")]
    Value(String),
    /// The connection sets it.
    #[error("'{0}' is set by the connection itself")]
    Reserved(String),
    /// More than any receiver reads.
    #[error("more than {0} headers")]
    TooMany(usize),
}

/// Checks that each header can be sent.
pub fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), HeaderError> {
    if headers.len() > MAX_HEADERS {
        return Err(HeaderError::TooMany(MAX_HEADERS));
    }
    for (name, value) in headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name(name.clone()))?;
        if RESERVED.contains(&parsed.as_str()) {
            return Err(HeaderError::Reserved(name.clone()));
        }
        HeaderValue::from_str(value).map_err(|_| HeaderError::Value(name.clone()))?;
    }
    Ok(())
}

/// Whether a header's value may be shown. What may not may be a credential.
pub fn is_shown(name: &str) -> bool {
    SHOWN_NAMES.iter().any(|shown| name.eq_ignore_ascii_case(shown))
}

impl Site {
    /// The headers that callbacks carry now.
    pub async fn callback_headers(&self) -> Result<BTreeMap<String, String>, SiteError> {
        match self.store.callback_headers(1).await?.first() {
            Some(row) => self.open_headers(&row.headers_sealed),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Stores headers for the callbacks from now on. They must have passed [`check_headers`].
    pub async fn update_callback_headers(&self, headers: &BTreeMap<String, String>) -> Result<(), SiteError> {
        let sealed = self.seal_headers(headers)?;
        Ok(self.store.append_callback_headers(&sealed, self.clock.now()).await?)
    }

    /// Opens the sealed headers of a row, be it the configuration's or an attempt's.
    pub fn open_headers(&self, sealed: &str) -> Result<BTreeMap<String, String>, SiteError> {
        let plain = self.sealer.open(HEADERS_PURPOSE, sealed).map_err(|_| SiteError::Sealed(HEADERS_PURPOSE))?;
        serde_json::from_str(plain.expose_secret()).map_err(|_| SiteError::Sealed(HEADERS_PURPOSE))
    }

    /// Seals headers for a row.
    pub fn seal_headers(&self, headers: &BTreeMap<String, String>) -> Result<String, SiteError> {
        let sealed = || SiteError::Sealed(HEADERS_PURPOSE);
        let plain = SecretString::from(serde_json::to_string(headers).map_err(|_| sealed())?);
        self.sealer.seal(HEADERS_PURPOSE, &plain).map_err(|_| sealed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn refuses_what_no_request_can_carry() {
        assert_eq!(check_headers(&one("X-BizType", "DROS")), Ok(()));
        assert_eq!(check_headers(&one("X Biz", "a")), Err(HeaderError::Name("X Biz".to_owned())));
        assert_eq!(check_headers(&one("", "a")), Err(HeaderError::Name(String::new())));
        assert_eq!(check_headers(&one("X-A", "a\r\nX-B: c")), Err(HeaderError::Value("X-A".to_owned())));
        assert_eq!(check_headers(&one("Content-Length", "1")), Err(HeaderError::Reserved("Content-Length".to_owned())));
        let many = (0..65).map(|number| (format!("X-{number}"), String::new())).collect();
        assert_eq!(check_headers(&many), Err(HeaderError::TooMany(64)));
    }

    #[test]
    fn errors_do_not_show_values() {
        assert!(!check_headers(&one("X-A", "s3cret\n")).unwrap_err().to_string().contains("s3cret"));
    }
}

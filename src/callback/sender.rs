//! One attempt: a POST without redirects to an address that passed the policy.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use url::Url;

use super::delivery::CallbackSetupError;
use super::policy::{AddressPolicy, RefusedAddress};
use super::resolver::CheckedResolver;
use super::signature::{self, SigningKeys};
use crate::settings::CallbackSection;

const ANSWER_LIMIT_BYTES: usize = 4 << 10;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; absent when no answer came.
    pub status_code: Option<u16>,
    /// The answer's text, shortened, or why none came.
    pub text: String,
}

impl Answer {
    /// Whether the receiver has it.
    pub fn is_delivered(&self) -> bool {
        self.status_code == Some(200)
    }

    /// The text for the log: in quotes and on one line, so that no receiver writes lines that look like ours.
    pub(super) fn quoted(&self) -> String {
        format!("{:?}", self.text)
    }
}

/// Sends callbacks.
pub(super) struct Sender {
    client: reqwest::Client,
    policy: Arc<AddressPolicy>,
    signing_keys: SigningKeys,
}

impl Sender {
    pub(super) fn new(settings: &CallbackSection, policy: AddressPolicy) -> Result<Self, CallbackSetupError> {
        let signing_keys = SigningKeys::new(&settings.signing_secrets)?;
        let policy = Arc::new(policy);
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(settings.timeout_seconds))
            .pool_idle_timeout(Duration::from_secs(30))
            .no_proxy()
            .user_agent(concat!("FastBuild/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(CheckedResolver { policy: policy.clone() }));
        for certificate in rustls_native_certs::load_native_certs().certs {
            builder = builder.add_root_certificate(reqwest::Certificate::from_der(&certificate)?);
        }
        Ok(Self { client: builder.build()?, policy, signing_keys })
    }

    pub(super) fn check(&self, url: &Url) -> Result<(), RefusedAddress> {
        self.policy.check_url(url)
    }

    pub(super) async fn post(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        delivery_id: &str,
        timestamp_seconds: i64,
        body: &str,
    ) -> Answer {
        let refused = |text: String| Answer { status_code: None, text };
        let parsed = match Url::parse(url) {
            Ok(parsed) => parsed,
            Err(error) => return refused(format!("'{url}' is no address: {error}")),
        };
        if let Err(error) = self.check(&parsed) {
            return refused(error.to_string());
        }
        let mut request = self.client.post(parsed).body(body.to_owned()).header("X-FastBuild-Delivery", delivery_id);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signature::headers(&self.signing_keys, delivery_id, timestamp_seconds, body) {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => {
                let status_code = Some(response.status().as_u16());
                Answer { status_code, text: read_answer(response).await }
            }
            Err(error) => refused(innermost(&error)),
        }
    }
}

async fn read_answer(response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER_LIMIT_BYTES - bytes.len())]);
        if bytes.len() == ANSWER_LIMIT_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The innermost cause says what happened; what stands around it repeats the URL.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the receiver did not answer in time".to_owned();
    }
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_forge_lines_of_the_log() {
        let text = "no\r\n2026-11-21T00:00:00Z  INFO task 7 \u{1b}[2K\u{85}\u{2028}\u{202e} 满".to_owned();
        let quoted = Answer { status_code: Some(500), text }.quoted();
        assert!(!quoted.contains(|character: char| character.is_control() || "\u{2028}\u{202e}".contains(character)));
        assert!(quoted.starts_with(r#""no\r\n2026"#) && quoted.ends_with(r#" 满""#), "{quoted}");
    }
}

//! One attempt: a POST without redirects to an address that passed the policy.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use url::{Host, Url};

use super::docker_server::{self, CurrentServer};
use super::echo::Credentials;
use super::policy::{AddressPolicy, RefusedAddress};
use super::resolver::CheckedResolver;
use super::signature::{self, SigningKeys, SigningSecretError};
use crate::engine::Endpoint;
use crate::settings::CallbackSection;

const ANSWER_LIMIT_BYTES: usize = 4 << 10;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; absent when no answer came.
    pub status_code: Option<u16>,
    /// The answer's text, shortened and without the credentials that our headers carried, or why none came.
    pub text: String,
}

impl Answer {
    fn refused(text: impl Into<String>) -> Self {
        Self { status_code: None, text: text.into() }
    }

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
    /// Made for the first callback: the system's authorities take memory that a service without callbacks need not have.
    clients: OnceLock<Clients>,
    timeout: Duration,
    policy: Arc<AddressPolicy>,
    current_server: CurrentServer,
    signing_keys: SigningKeys,
}

struct Clients {
    usual: reqwest::Client,
    /// For receivers on the very web port that the Docker server listens on.
    beside_server: reqwest::Client,
}

impl Sender {
    pub(super) fn new(
        settings: &CallbackSection,
        policy: AddressPolicy,
        current_server: CurrentServer,
    ) -> Result<Self, SigningSecretError> {
        Ok(Self {
            clients: OnceLock::new(),
            timeout: Duration::from_secs(settings.timeout_seconds),
            policy: Arc::new(policy),
            current_server,
            signing_keys: SigningKeys::new(&settings.signing_secrets)?,
        })
    }

    fn clients(&self) -> Result<&Clients, reqwest::Error> {
        if let Some(clients) = self.clients.get() {
            return Ok(clients);
        }
        let authorities = rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|certificate| reqwest::Certificate::from_der(certificate))
            .collect::<Result<Vec<_>, _>>()?;
        let builder = |beside: Option<CurrentServer>| {
            let builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(self.timeout)
                .no_proxy()
                .user_agent(concat!("FastBuild/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(CheckedResolver { policy: self.policy.clone(), beside }));
            authorities.iter().cloned().fold(builder, reqwest::ClientBuilder::add_root_certificate)
        };
        let usual = builder(None).pool_idle_timeout(Duration::from_secs(30)).build()?;
        // A connection that stays open would not ask the resolver again.
        let beside_server = builder(Some(self.current_server.clone())).pool_max_idle_per_host(0).build()?;
        Ok(self.clients.get_or_init(|| Clients { usual, beside_server }))
    }

    /// Checks what a URL alone shows.
    pub(super) fn check(&self, url: &Url) -> Result<(), RefusedAddress> {
        self.check_beside(url, (self.current_server)().as_ref())
    }

    fn check_beside(&self, url: &Url, server: Option<&Endpoint>) -> Result<(), RefusedAddress> {
        self.policy.check_url(url)?;
        docker_server::check_url(url, server)
    }

    /// Makes an attempt.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        delivery_id: &str,
        timestamp_seconds: i64,
        body: &str,
    ) -> Answer {
        let url = match Url::parse(url) {
            Ok(parsed) => parsed,
            Err(error) => return Answer::refused(format!("'{url}' is no address: {error}")),
        };
        let client = match self.client_for(&url).await {
            Ok(client) => client,
            Err(text) => return Answer::refused(text),
        };
        let mut request = client.post(url).body(body.to_owned()).header("X-FastBuild-Delivery", delivery_id);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signature::headers(&self.signing_keys, delivery_id, timestamp_seconds, body) {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => {
                let status_code = Some(response.status().as_u16());
                let text = Credentials::of(headers).hide_in(&read_answer(response).await);
                Answer { status_code, text }
            }
            Err(error) => Answer::refused(innermost(&error)),
        }
    }

    /// The client that may go there, or why none may.
    async fn client_for(&self, url: &Url) -> Result<&reqwest::Client, String> {
        let server = (self.current_server)();
        self.check_beside(url, server.as_ref()).map_err(|refused| refused.to_string())?;
        let clients = self.clients();
        let clients = clients.map_err(|error| format!("the HTTP client for callbacks cannot be made: {error}"))?;
        let Some(host) = docker_server::host_on_web_port(url, server.as_ref()) else { return Ok(&clients.usual) };
        // An address in the URL is not resolved, so that the resolver does not see it.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(&clients.beside_server),
        };
        let own = docker_server::addresses(host).await.map_err(|error| error.to_string())?;
        if docker_server::is_own(address, &own) {
            return Err(RefusedAddress::DockerServer(address.to_string()).to_string());
        }
        Ok(&clients.beside_server)
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

    fn sender_beside(host: &str) -> Sender {
        let server = Endpoint::Tcp { host: host.to_owned(), port: 80 };
        let policy = AddressPolicy::new(&["127.0.0.0/8".to_owned(), "::1".to_owned()], &[]).unwrap();
        Sender::new(&CallbackSection::default(), policy, Arc::new(move || Some(server.clone()))).unwrap()
    }

    /// The names are known on every machine; nothing needs to listen, since nothing may be asked.
    #[tokio::test]
    async fn a_docker_server_on_a_web_servers_port_is_found_behind_any_name() {
        for (host, url) in [
            ("127.0.0.1", "http://localhost/containers/x/kill"),
            ("localhost", "http://127.0.0.1/containers/x/kill"),
            ("localhost", "http://[::1]/containers/x/kill"),
        ] {
            let answer = sender_beside(host).post(url, &BTreeMap::new(), "d1", 1, "{}").await;
            assert_eq!(answer.status_code, None, "{url}");
            assert!(answer.text.contains("is the Docker server"), "{url}: {}", answer.text);
        }
        let unknown = sender_beside("docker.invalid").post("http://127.0.0.1/", &BTreeMap::new(), "d1", 1, "{}").await;
        assert!(unknown.text.contains("'docker.invalid' cannot be resolved"), "{}", unknown.text);
        let other = sender_beside("10.255.255.1").post("http://localhost/", &BTreeMap::new(), "d1", 1, "{}").await;
        assert!(!other.text.contains("Docker server"), "{}", other.text);
    }

    #[test]
    fn an_answer_cannot_forge_lines_of_the_log() {
        let text = "no\r\n2026-11-21T00:00:00Z  INFO task 7 \u{1b}[2K\u{85}\u{2028}\u{202e} 满".to_owned();
        let quoted = Answer { status_code: Some(500), text }.quoted();
        assert!(!quoted.contains(|character: char| character.is_control() || "\u{2028}\u{202e}".contains(character)));
        assert!(quoted.starts_with(r#""no\r\n2026"#) && quoted.ends_with(r#" 满""#), "{quoted}");
    }
}

//! How a registry is reached: address, account, trust, and the limits of patience.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::error::RegistryError;
use crate::engine::RegistryAccount;
use crate::image::RegistryHost;

const LONGEST_MESSAGE_CHARACTERS: usize = 300;
/// Words longer than this are tokens, not language.
const LONGEST_WORD_CHARACTERS: usize = 128;

/// What it takes to speak to a registry.
#[derive(Debug, Clone)]
pub struct RegistryAccess {
    /// The registry, port included.
    pub host: RegistryHost,
    /// The account; without one the registry is asked anonymously.
    pub account: Option<RegistryAccount>,
    /// PEM of a private CA, trusted beside the system's.
    pub ca_pem: Option<String>,
    /// Whether the daemon treats the registry as insecure, see [`is_insecure`]: HTTPS is tried first, without checking
    /// certificates unless a CA is given, then plain HTTP.
    pub is_insecure: bool,
}

/// How long and how often is waited, and how much is taken.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For a connection, TLS included.
    pub connect_timeout: Duration,
    /// How long nothing may move.
    pub idle_timeout: Duration,
    /// For a whole exchange; copies of layers are bounded by `idle_timeout` alone.
    pub total_timeout: Duration,
    /// Attempts in all where trying again may help.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles from there.
    pub first_pause: Duration,
    /// Longest pause. A registry that asks for more patience is given up at once.
    pub longest_pause: Duration,
    /// Bytes of layers copied through this service when the registry does not mount them.
    pub copy_limit_bytes: u64,
    /// Tags looked at before a deletion is refused.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(1),
            attempts: 4,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            copy_limit_bytes: 64 << 20,
            tags: 1000,
        }
    }
}

impl RegistryAccess {
    /// The host that serves the API: Docker Hub's is not the one that its images are named after.
    pub(super) fn api_host(&self) -> &str {
        match self.host.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        }
    }

    /// The repository's path at the API.
    pub(super) fn repository_path(&self, repository: &str) -> String {
        let is_hub = self.api_host() == "registry-1.docker.io";
        if is_hub && !repository.contains('/') { format!("library/{repository}") } else { repository.to_owned() }
    }

    /// The value of a Basic authorization header.
    pub(super) fn basic(&self) -> Option<SecretString> {
        let account = self.account.as_ref()?;
        let pair = format!("{}:{}", account.username, account.password.expose_secret());
        Some(format!("Basic {}", STANDARD.encode(pair)).into())
    }

    /// A registry's words fit for a log: short, on one line, without anything secret that it may have echoed.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(account) = &self.account {
            let password = account.password.expose_secret();
            let encoded = STANDARD.encode(format!("{}:{password}", account.username));
            for secret in [encoded.as_str(), password].into_iter().filter(|secret| !secret.is_empty()) {
                text = text.replace(secret, "***");
            }
        }
        let words = text.split(|character: char| character.is_whitespace() || character.is_control());
        let words: Vec<&str> = words
            .filter(|word| !word.is_empty())
            .map(|word| if word.chars().count() > LONGEST_WORD_CHARACTERS { "***" } else { word })
            .collect();
        words.join(" ").chars().take(LONGEST_MESSAGE_CHARACTERS).collect()
    }

    /// An HTTP client with this registry's trust. Proxies of the environment are not used: registries of a data centre
    /// are reached directly.
    pub(super) fn http_client(&self, limits: &Limits) -> Result<reqwest::Client, RegistryError> {
        let refused = |reason: String| RegistryError::Settings { host: self.host.to_string(), reason };
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(limits.connect_timeout)
            .read_timeout(limits.idle_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .no_proxy()
            .user_agent(concat!("FastBuild/", env!("CARGO_PKG_VERSION")));
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A store may hold certificates that rustls does not read; the others still count.
            if let Ok(certificate) = reqwest::Certificate::from_der(&certificate) {
                builder = builder.add_root_certificate(certificate);
            }
        }
        if let Some(pem) = &self.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
                .map_err(|_| refused("the CA is no readable PEM certificate".to_owned()))?;
            if certificates.is_empty() {
                return Err(refused("the CA holds no PEM certificate".to_owned()));
            }
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        } else if self.is_insecure {
            builder = builder.danger_accept_invalid_certs(true);
        }
        builder.build().map_err(|error| refused(super::failure::innermost(&error)))
    }
}

/// Whether Docker treats this registry as insecure: it is on the daemon's list (`host:port` or CIDR) or on loopback.
/// Names are not resolved, as a name that is meant stands in the list.
pub fn is_insecure(host: &RegistryHost, insecure_registries: &[String]) -> bool {
    let bare = host.host().trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    if bare.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    insecure_registries.iter().any(|entry| {
        entry.eq_ignore_ascii_case(host.as_str()) || address.is_some_and(|address| is_in_network(address, entry))
    })
}

fn is_in_network(address: IpAddr, network: &str) -> bool {
    let Some((network, prefix)) = network.split_once('/') else { return false };
    let (Ok(network), Ok(prefix)) = (network.parse::<IpAddr>(), prefix.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if prefix <= 32 => {
            let differing = u64::from(address.to_bits() ^ network.to_bits());
            differing >> (32 - prefix) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if prefix <= 128 => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(password: &str) -> RegistryAccess {
        let host: RegistryHost = "harbor.example.cn".parse().unwrap();
        let account =
            RegistryAccount { registry: host.clone(), username: "robot$a".to_owned(), password: password.into() };
        RegistryAccess { host, account: Some(account), ca_pem: None, is_insecure: false }
    }

    #[test]
    fn insecure_is_what_docker_says() {
        let list: Vec<String> =
            ["10.1.0.0/16", "harbor.local:8080", "fd00::/8", "nonsense/99"].map(str::to_owned).into();
        for (host, expected) in [
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("localhost:5000", true),
            ("[::1]:5000", true),
            ("10.1.255.1:443", true),
            ("10.2.0.1", false),
            ("harbor.local:8080", true),
            ("HARBOR.local:8080", true),
            ("harbor.local", false),
            ("[fd12::1]:5000", true),
            ("[fe80::1]", false),
        ] {
            assert_eq!(is_insecure(&host.parse().unwrap(), &list), expected, "{host}");
        }
    }

    #[test]
    fn what_a_registry_echoes_is_scrubbed() {
        let access = access("s3cret/word");
        let encoded = STANDARD.encode("robot$a:s3cret/word");
        let text = access.scrub(&format!("bad\nheader Basic {encoded}\u{1b}[1m s3cret/word {}", "x".repeat(200)));
        assert_eq!(text, "bad header Basic *** [1m *** ***");
        assert!(access.scrub(&"long ".repeat(500)).chars().count() <= LONGEST_MESSAGE_CHARACTERS);
    }

    #[test]
    fn a_ca_that_is_none_is_refused() {
        for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let access = RegistryAccess { ca_pem: Some(pem.to_owned()), ..access("x") };
            assert!(matches!(access.http_client(&Limits::default()), Err(RegistryError::Settings { .. })), "{pem:?}");
        }
    }

    #[test]
    fn docker_hub_has_an_address_and_paths_of_its_own() {
        let hub = RegistryAccess { host: "docker.io".parse().unwrap(), ..access("x") };
        assert_eq!(
            (hub.api_host(), hub.repository_path("debian").as_str()),
            ("registry-1.docker.io", "library/debian")
        );
        assert_eq!(access("x").repository_path("debian"), "debian");
    }
}

//! Image references as Docker reads them: `[registry[:port]/]repository[:tag][@digest]`.
//!
//! The grammar is the one of the distribution project's `reference` package; a value that parsed can be put into a
//! Dockerfile, a URL path or a query without further checks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const MAX_REPOSITORY_BYTES: usize = 255;
/// `.invalid` is reserved (RFC 2606): a name under it that the daemon lacks is fetched from nowhere.
const RESERVED_HOST: &str = "fastbuild.invalid";
const MAX_TAG_BYTES: usize = 128;

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing was given.
    #[error("the image name is empty")]
    Empty,
    /// The registry part is neither a host name nor an address with an optional port.
    #[error("'{0}' is not a registry host with an optional port")]
    Registry(String),
    /// The repository breaks the grammar.
    #[error("'{0}' is not a repository name: lower-case letters, digits and single separators . _ - / only")]
    Repository(String),
    /// The tag breaks the grammar.
    #[error("'{0}' is not a tag: letters, digits, . _ - only, 128 at most")]
    Tag(String),
    /// The digest is not `sha256:` and 64 hex digits.
    #[error("'{0}' is not a digest: sha256: and 64 hex digits")]
    Digest(String),
}

/// A content digest, `sha256:` and 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }

    /// The digest with its algorithm: `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hex digits alone.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl FromStr for Digest {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() == 64 && hex.bytes().all(is_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Digest(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A registry's host and optional port, such as `harbor.example.cn` or `127.0.0.1:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegistryHost(String);

impl RegistryHost {
    /// The host as written, port included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        match self.0.rsplit_once(':') {
            Some((host, _)) if !host.is_empty() && !self.0.ends_with(']') => host,
            _ => &self.0,
        }
    }

    /// The port, where one is written.
    pub fn port(&self) -> Option<u16> {
        self.0.strip_prefix(self.host())?.strip_prefix(':')?.parse().ok()
    }
}

impl FromStr for RegistryHost {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ReferenceError::Registry(text.to_owned());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or_else(refused)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| refused())?;
            (None, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(refused)?) })
        } else {
            match text.split_once(':') {
                Some((host, port)) => (Some(host), Some(port)),
                None => (Some(text), None),
            }
        };
        if host.is_some_and(|host| !is_host(host)) {
            return Err(refused());
        }
        if let Some(port) = port {
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if !is_port || port.parse::<u16>().unwrap_or(0) == 0 {
                return Err(refused());
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RegistryHost {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RegistryHost> for String {
    fn from(host: RegistryHost) -> Self {
        host.0
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether the text is a domain name or an IPv4 address.
pub(crate) fn is_host(text: &str) -> bool {
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric {
        return text.parse::<std::net::Ipv4Addr>().is_ok();
    }
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// An image reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    registry: Option<RegistryHost>,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageReference {
    /// The registry part, absent for a Docker Hub short name.
    pub fn registry(&self) -> Option<&RegistryHost> {
        self.registry.as_ref()
    }

    /// Whether the name is one of those under which this service holds images on the daemon. No client may use them.
    pub fn is_reserved(&self) -> bool {
        self.registry.as_ref().is_some_and(|registry| registry.host().eq_ignore_ascii_case(RESERVED_HOST))
    }

    /// The repository without registry and tag, as written.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag as written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The tag, `latest` where neither tag nor digest is written.
    pub fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// The digest as written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository without tag, as the daemon's push route takes it.
    pub fn name(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}", self.repository),
            None => self.repository.clone(),
        }
    }

    /// The same image under another registry.
    #[must_use]
    pub fn on_registry(&self, registry: RegistryHost) -> Self {
        Self { registry: Some(registry), ..self.clone() }
    }
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (registry, rest) = match rest.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':', '[']) || first == "localhost" => {
                (Some(first.parse()?), rest)
            }
            _ => (None, rest),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        if !is_repository(repository) {
            return Err(ReferenceError::Repository(repository.to_owned()));
        }
        Ok(Self { registry, repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

impl TryFrom<String> for ImageReference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

fn is_tag(text: &str) -> bool {
    let first_ok = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first_ok
        && text.len() <= MAX_TAG_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn is_repository(text: &str) -> bool {
    text.len() <= MAX_REPOSITORY_BYTES && text.split('/').all(is_path_component)
}

/// `[a-z0-9]+` joined by one of `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let edges_ok = bytes.first().copied().is_some_and(is_word) && bytes.last().copied().is_some_and(is_word);
    edges_ok
        && text
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_reads() {
        for (text, registry, repository, tag) in [
            ("ubuntu", None, "ubuntu", None),
            ("ubuntu:18.04", None, "ubuntu", Some("18.04")),
            ("library/ubuntu:v1", None, "library/ubuntu", Some("v1")),
            ("172.27.213.154:30003/base/ubuntu:v3", Some("172.27.213.154:30003"), "base/ubuntu", Some("v3")),
            ("localhost/x", Some("localhost"), "x", None),
            ("harbor.example.cn/a/b__c/d--e:T_1.x", Some("harbor.example.cn"), "a/b__c/d--e", Some("T_1.x")),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.registry().map(RegistryHost::as_str), registry, "{text}");
            assert_eq!((reference.repository(), reference.tag()), (repository, tag), "{text}");
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_could_carry_anything_else() {
        for text in [
            "",
            " ",
            "a b",
            "UPPER/x",
            "a//b",
            "a/",
            "/a",
            "a:",
            "a:b c",
            "x\nRUN id",
            "a:$(id)",
            "a@sha256:12",
            "-a",
            "a..b",
            "1.2.3.4:99999/x",
            "1.2.3.4:0/x",
            "300.1.1.1/x:1",
            "exa_mple.com/x",
            "a.b:80x/y",
            "a;b",
            "../x",
            "a:.x",
            "a/b:-x",
        ] {
            assert!(text.parse::<ImageReference>().is_err(), "{text:?} was accepted");
        }
    }
}

//! Addresses that people type: of this service, of the Docker server.
//!
//! A host is an IP address or a domain name, nothing else: no scheme, no path, no port where a field of its own exists.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use crate::image::is_host;

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither an IP address nor a domain name.
    #[error("neither an IP address nor a domain name")]
    Host,
    /// `0.0.0.0` and `::` are no address that anybody can call.
    #[error("stands for every address and cannot be called")]
    Unspecified,
    /// `unix://` must be followed by an absolute path.
    #[error("unix:// must be followed by an absolute path")]
    SocketPath,
    /// No registry host with an optional port.
    #[error("neither an IP address nor a domain name with an optional port")]
    Registry,
}

/// Where a Docker server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerAddress {
    /// A socket on this machine.
    Socket(PathBuf),
    /// A host; an IPv6 address stands without brackets.
    Host(String),
}

/// Reads an IP address (IPv6 with or without brackets) or a domain name.
pub fn parse_host(text: &str) -> Result<String, AddressError> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if address.is_unspecified() { Err(AddressError::Unspecified) } else { Ok(bare.to_owned()) };
    }
    if text == bare && is_host(text) { Ok(text.to_owned()) } else { Err(AddressError::Host) }
}

/// The host as it stands in a URL.
pub(super) fn in_url(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() }
}

impl DockerAddress {
    /// Reads a host or `unix:///path`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        match text.strip_prefix("unix://") {
            Some(path) if path.len() > 1 && path.starts_with('/') && !path.contains('\0') => {
                Ok(Self::Socket(PathBuf::from(path)))
            }
            Some(_) => Err(AddressError::SocketPath),
            None => parse_host(text).map(Self::Host),
        }
    }

    /// The text that a row holds.
    pub fn to_row(&self) -> String {
        match self {
            Self::Socket(path) => format!("unix://{}", path.display()),
            Self::Host(host) => host.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_and_names() {
        for good in ["127.0.0.1", "10.1.2.3", "localhost", "harbor.example.cn", "fe80::1", "xn--fiq228c.cn", "a-b.c"] {
            assert_eq!(parse_host(good).as_deref(), Ok(good));
        }
        assert_eq!(parse_host("[::1]").as_deref(), Ok("::1"));
        assert_eq!(in_url("::1"), "[::1]");
    }

    #[test]
    fn refuses_what_is_no_host() {
        for bad in [
            "",
            " ",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "a..b",
            "-a.b",
            "a_b",
            "http://a",
            "a/b",
            "a:80",
            "a b",
            "[a.b]",
            "a\nb",
            "127.0.0.1\r\nX: y",
            "例.cn",
        ] {
            assert_eq!(parse_host(bad), Err(AddressError::Host), "{bad:?}");
        }
        for all in ["0.0.0.0", "::", "[::]"] {
            assert_eq!(parse_host(all), Err(AddressError::Unspecified));
        }
    }

    #[test]
    fn a_docker_server_may_be_a_socket() {
        assert_eq!(
            DockerAddress::parse("unix:///var/run/docker.sock").unwrap().to_row(),
            "unix:///var/run/docker.sock"
        );
        for bad in ["unix://", "unix:///", "unix://relative", "unix:/a"] {
            assert!(DockerAddress::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(DockerAddress::parse("10.0.0.1"), Ok(DockerAddress::Host("10.0.0.1".to_owned())));
    }
}

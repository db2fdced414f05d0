//! Callbacks never go to a Docker daemon that takes orders from whoever reaches its port: whoever submits a task would
//! command it by an address such as `/containers/x/kill`, where a POST is all it needs.
//!
//! The port decides, at any host, so that no name that resolves anew gets around it. Where the daemon has a port of web
//! servers, its host decides, by name and by address. A daemon behind mutual TLS obeys nobody without a client
//! certificate, and callbacks have none.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

use super::policy::{RefusedAddress, canonical};
use crate::engine::Endpoint;

/// What IANA registered for Docker, plain and with TLS.
const REGISTERED_PORTS: [u16; 2] = [2375, 2376];
const WEB_PORTS: [u16; 2] = [80, 443];

/// Says where the site's Docker server listens now; it may be another one at the next attempt.
pub(super) type CurrentServer = Arc<dyn Fn() -> Option<Endpoint> + Send + Sync>;

/// Checks what a URL alone shows.
pub(super) fn check_url(url: &Url, server: Option<&Endpoint>) -> Result<(), RefusedAddress> {
    let Some(port) = url.port_or_known_default() else { return Ok(()) };
    let is_servers = matches!(server, Some(Endpoint::Tcp { port: servers, .. }) if *servers == port);
    if REGISTERED_PORTS.contains(&port) || (is_servers && !WEB_PORTS.contains(&port)) {
        return Err(RefusedAddress::DockerPort(port));
    }
    let Some(host) = host_on_web_port(url, server) else { return Ok(()) };
    let is_same = match (url.host(), host.parse::<IpAddr>()) {
        (Some(Host::Domain(name)), Err(_)) => bare(name).eq_ignore_ascii_case(bare(host)),
        (Some(Host::Ipv4(address)), Ok(own)) => is_own(IpAddr::V4(address), &[own]),
        (Some(Host::Ipv6(address)), Ok(own)) => is_own(IpAddr::V6(address), &[own]),
        _ => false,
    };
    if is_same { Err(RefusedAddress::DockerServer(host.to_owned())) } else { Ok(()) }
}

/// The daemon's host, when the daemon listens in plain TCP on the web servers' port that the URL names.
pub(super) fn host_on_web_port<'server>(url: &Url, server: Option<&'server Endpoint>) -> Option<&'server str> {
    let Some(Endpoint::Tcp { host, port }) = server else { return None };
    (WEB_PORTS.contains(port) && url.port_or_known_default() == Some(*port)).then_some(host)
}

/// What the daemon's host resolves to now. Where it does not, nobody can tell a receiver from it.
pub(super) async fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    let unknown = |error| io::Error::other(format!("the Docker server's name '{host}' cannot be resolved: {error}"));
    Ok(tokio::net::lookup_host((host, 0)).await.map_err(unknown)?.map(|address| address.ip()).collect())
}

/// Whether an address is one of the daemon's host. All loopback addresses are one machine.
pub(super) fn is_own(address: IpAddr, own: &[IpAddr]) -> bool {
    let address = canonical(address);
    own.iter().map(|own| canonical(*own)).any(|own| own == address || (own.is_loopback() && address.is_loopback()))
}

/// A trailing dot names the same host.
fn bare(name: &str) -> &str {
    name.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port }
    }

    fn check(url: &str, server: Option<&Endpoint>) -> Result<(), RefusedAddress> {
        check_url(&Url::parse(url).unwrap(), server)
    }

    #[test]
    fn the_registered_ports_are_refused_at_any_host_whatever_is_configured() {
        let socket = Endpoint::Unix("/var/run/docker.sock".into());
        for server in [None, Some(&socket), Some(&plain("10.0.0.6", 4_243))] {
            for url in ["http://10.9.9.9:2375/containers/x/kill", "https://a.example:2376/", "http://[::1]:02375/"] {
                assert!(matches!(check(url, server), Err(RefusedAddress::DockerPort(2375 | 2376))), "{url}");
            }
            assert_eq!(check("http://10.0.0.6:8080/cb", server), Ok(()));
        }
    }

    #[test]
    fn the_port_of_a_plain_server_is_refused_at_any_host_and_that_behind_mutual_tls_is_not() {
        let server = plain("docker.example", 4_243);
        for url in ["http://docker.example:4243/", "http://10.0.0.6:4243/", "https://rebound.example:4243/"] {
            assert_eq!(check(url, Some(&server)), Err(RefusedAddress::DockerPort(4_243)), "{url}");
        }
        assert_eq!(check("http://docker.example:4244/", Some(&server)), Ok(()));
        let [ca, certificate, key] = ["ca", "certificate", "key"].map(Into::into);
        let server = Endpoint::Tls { host: "docker.example".to_owned(), port: 4_243, ca, certificate, key };
        assert_eq!(check("http://docker.example:4243/", Some(&server)), Ok(()));
    }

    #[test]
    fn on_a_web_servers_port_the_host_decides() {
        for (host, port, refused, allowed) in [
            (
                "docker.example",
                80,
                vec!["http://docker.example/", "http://DOCKER.example.:80/", "https://docker.example:80/"],
                vec![
                    "http://cb.example/",
                    "http://10.0.0.6/",
                    "http://docker.example:8080/",
                    "https://docker.example/",
                ],
            ),
            (
                "10.0.0.6",
                443,
                vec!["http://10.0.0.6:443/", "https://0x0a000006/", "https://[::ffff:10.0.0.6]/"],
                vec!["https://10.0.0.7/", "http://10.0.0.6/", "https://cb.example/"],
            ),
            ("127.0.0.1", 80, vec!["http://127.0.0.2/", "http://[::1]/"], vec!["http://10.0.0.6/"]),
        ] {
            let server = plain(host, port);
            for url in refused {
                assert_eq!(check(url, Some(&server)), Err(RefusedAddress::DockerServer(host.to_owned())), "{url}");
            }
            for url in allowed {
                assert_eq!(check(url, Some(&server)), Ok(()), "{url} with {host}:{port}");
            }
        }
    }
}

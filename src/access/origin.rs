//! Where a request comes from and whom it was meant for, as a browser tells it.
//!
//! A page of any site may point its own name at this machine (DNS rebinding) and then reads what it fetches as its own; but
//! the browser still says that name in `Host`. And a page elsewhere can make a browser send a request here, with the
//! cookie of somebody who is logged in; but the browser says so in `Sec-Fetch-Site` and `Origin`.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Uri};

/// Names by which an open service may be called.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    /// Names and addresses of the settings and of the configured host.
    pub names: Vec<String>,
    /// Whether any address will do; a rebound name never is one.
    pub any_address: bool,
}

impl KnownHosts {
    /// Whether a request may have been meant for this service. One that names no host comes from no browser.
    pub fn know(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return false;
        }
        let authority = match (uri.authority(), host) {
            (Some(authority), _) => Some(authority.as_str()),
            (None, Some(host)) => host.to_str().ok(),
            (None, None) => return true,
        };
        let Some(named) = authority.and_then(strict_host_of) else { return false };
        let named = named.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = named.parse::<IpAddr>() {
            let address = address.to_canonical();
            return self.any_address || address.is_loopback() || self.has(&named);
        }
        named == "localhost" || named.ends_with(".localhost") || self.has(&named)
    }

    fn has(&self, named: &str) -> bool {
        self.names.iter().any(|name| name.trim_matches(['[', ']']).eq_ignore_ascii_case(named))
    }
}

/// The host of an authority, without its port.
pub fn host_of(authority: &str) -> &str {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The host of an authority that is nothing but a host and perhaps a port: what a browser sends.
fn strict_host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(address, _)| address.parse::<Ipv6Addr>().is_ok())?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (is_whole && !host.contains(['@', '[', ']'])).then_some(host)
}

/// Whether a page of another site made a browser send this request. A client that says nothing of it is no browser.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = text(ORIGIN) else { return false };
    // Behind a proxy that ends TLS the scheme differs; the host is what tells sites apart.
    let from = origin.split_once("://").map(|(_, host)| host);
    from.is_none() || from != text(HOST)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_rebound_name_is_not_known() {
        let hosts = KnownHosts { names: vec!["fastbuild.example.cn".to_owned()], any_address: false };
        let knows = |host: &'static str| hosts.know(&headers(&[("host", host)]), &Uri::from_static("/"));
        for good in [
            "localhost",
            "localhost:48001",
            "127.0.0.1:48001",
            "127.8.9.1",
            "[::1]:48001",
            "[::ffff:127.0.0.1]",
            "FastBuild.Example.CN:80",
            "fastbuild.example.cn.",
        ] {
            assert!(knows(good), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:48001",
            "10.0.0.1",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "[fe80::1]",
            "",
            "2130706433",
            "127.0.0.1@evil.example",
            "x.fastbuild.example.cn",
            "[::1]evil",
            "[::1]evil:48001",
            "[::1].evil.example",
            "[::1]:evil",
            "[::1",
            "[localhost]",
            "localhost]",
            "localhost:1:evil",
            "localhost:evil",
            "evil@localhost",
        ] {
            assert!(!knows(bad), "{bad}");
        }
        let twice = HeaderMap::from_iter(
            [(HOST, "localhost"), (HOST, "evil.example")].map(|(name, host)| (name, HeaderValue::from_static(host))),
        );
        assert_eq!(twice.get_all(HOST).iter().count(), 2);
        assert!(!hosts.know(&twice, &Uri::from_static("/")), "two hosts are none");
        let whole = Uri::from_static("http://evil.example/");
        assert!(!hosts.know(&headers(&[("host", "localhost")]), &whole), "the address itself counts first");
        assert!(hosts.know(&HeaderMap::new(), &Uri::from_static("/")));
        let wide = KnownHosts { any_address: true, ..KnownHosts::default() };
        assert!(wide.know(&headers(&[("host", "10.0.0.1:48001")]), &Uri::from_static("/")));
        assert!(!wide.know(&headers(&[("host", "evil.example")]), &Uri::from_static("/")));
    }

    #[test]
    fn another_site_is_foreign() {
        for (pairs, foreign) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("origin", "http://a.example:48001"), ("host", "a.example:48001")], false),
            (&[("origin", "https://a.example"), ("host", "a.example")], false),
            (&[("origin", "http://evil.example"), ("host", "a.example")], true),
            (&[("origin", "http://a.example:81"), ("host", "a.example")], true),
            (&[("origin", "null"), ("host", "a.example")], true),
            (&[("origin", "http://a.example")], true),
        ] {
            assert_eq!(is_foreign(&headers(pairs)), foreign, "{pairs:?}");
        }
    }
}

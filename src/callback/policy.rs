//! Which addresses a callback may go to.
//!
//! Loopback and private networks are allowed by default, since the platform lives there. Link-local and site-local
//! addresses, cloud metadata services, tunnels that hide where they lead, and addresses that are no host are always
//! refused. Ports are the matter of `docker_server`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

/// Metadata services outside the link-local range.
const METADATA: [IpAddr; 8] = [
    // Alibaba Cloud, Volcano Engine, Oracle Cloud, Azure.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(100, 96, 0, 96)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS, its identities of EKS pods, Google Cloud, Scaleway.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042)),
];

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither a host (platform.example.cn), a suffix (.example.cn) nor a network (10.0.0.0/8)")]
pub struct PolicyError(String);

/// Why a receiver is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAddress {
    /// Not http or https.
    #[error("callbacks go to http:// and https:// addresses only")]
    Scheme,
    /// The URL names no host.
    #[error("the callback address names no host")]
    NoHost,
    /// User name or password in the URL.
    #[error("the callback address must not carry a user name or password")]
    Credentials,
    /// Never allowed.
    #[error(
        "{0} is a link-local, site-local, metadata, tunnel, multicast or unspecified address, which callbacks never go to"
    )]
    Reserved(IpAddr),
    /// A port where a Docker daemon takes orders.
    #[error("port {0} is a Docker server's, where callbacks never go; let the receiver listen on another one")]
    DockerPort(u16),
    /// The site's Docker server, on a port that web servers have too.
    #[error("{0} is the Docker server, where callbacks never go")]
    DockerServer(String),
    /// On the deny list.
    #[error("{0} is denied by the setting callback.deny")]
    Denied(String),
    /// Not on the allow list.
    #[error("{0} is not in the setting callback.allow")]
    NotAllowed(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Host(String),
    Suffix(String),
    Network(IpAddr, u8),
}

impl FromStr for Rule {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PolicyError(text.to_owned());
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| refused())?;
            let prefix: u8 = prefix.parse().map_err(|_| refused())?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            return if prefix <= longest { Ok(Self::Network(address, prefix)) } else { Err(refused()) };
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        let (name, is_suffix) = match text.strip_prefix('.') {
            Some(name) => (name, true),
            None => (text, false),
        };
        match Host::parse(name) {
            Ok(Host::Domain(name)) if is_suffix => Ok(Self::Suffix(format!(".{name}"))),
            Ok(Host::Domain(name)) => Ok(Self::Host(name)),
            _ => Err(refused()),
        }
    }
}

impl Rule {
    fn has_name(&self, name: &str) -> bool {
        match self {
            Self::Host(host) => host == name,
            Self::Suffix(suffix) => name.ends_with(suffix.as_str()),
            Self::Network(..) => false,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Network(IpAddr::V4(network), prefix), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(*prefix);
                u64::from(network.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
            }
            (Self::Network(IpAddr::V6(network), prefix), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(*prefix);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The rules of this process.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

impl AddressPolicy {
    /// Reads the allow and deny lists of the settings.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, PolicyError> {
        let read = |rules: &[String]| rules.iter().map(|rule| rule.parse()).collect::<Result<_, _>>();
        Ok(Self { allow: read(allow)?, deny: read(deny)? })
    }

    /// Checks what a URL alone shows: its scheme, its host's name, its address when it names one.
    pub fn check_url(&self, url: &Url) -> Result<(), RefusedAddress> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RefusedAddress::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RefusedAddress::Credentials);
        }
        match url.host().ok_or(RefusedAddress::NoHost)? {
            Host::Ipv4(address) => self.check_address(IpAddr::V4(address), ""),
            Host::Ipv6(address) => self.check_address(IpAddr::V6(address), ""),
            Host::Domain(name) => {
                // A trailing dot names the same host. The parser has made the letters small.
                let name = name.trim_end_matches('.');
                if self.deny.iter().any(|rule| rule.has_name(name)) {
                    return Err(RefusedAddress::Denied(name.to_owned()));
                }
                Ok(())
            }
        }
    }

    /// Checks an address that `name` resolved to (empty: the URL names the address itself).
    pub fn check_address(&self, address: IpAddr, name: &str) -> Result<(), RefusedAddress> {
        let address = canonical(address);
        if is_reserved(address) {
            return Err(RefusedAddress::Reserved(address));
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let matches = |rules: &[Rule]| rules.iter().any(|rule| rule.has_name(&name) || rule.has_address(address));
        let shown = || if name.is_empty() { address.to_string() } else { format!("{name} ({address})") };
        if matches(&self.deny) {
            return Err(RefusedAddress::Denied(shown()));
        }
        if !self.allow.is_empty() && !matches(&self.allow) {
            return Err(RefusedAddress::NotAllowed(shown()));
        }
        Ok(())
    }
}

/// IPv4 addresses in IPv6 clothing are what they mean: mapped, translated (SIIT), compatible, NAT64 and 6to4.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            v4(high, low)
        }
        _ => address,
    }
}

fn is_reserved(address: IpAddr) -> bool {
    if METADATA.contains(&address) {
        return true;
    }
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0 || v4.octets()[0] >= 240
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified() || is_site_local_or_tunnel(v6)
        }
    }
}

/// Site-local (`fec0::/10`), Teredo (`2001::/32`), and NAT64 under a prefix of the site's own (`64:ff9b:1::/48`), where
/// only the site knows which bits are the IPv4 address.
fn is_site_local_or_tunnel(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0, ..] | [0x64, 0xff9b, 1, ..] => true,
        [first, ..] => first & 0xffc0 == 0xfec0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &AddressPolicy, text: &str) -> Result<(), RefusedAddress> {
        policy.check_url(&Url::parse(text).unwrap())
    }

    #[test]
    fn the_platform_may_live_anywhere_by_default() {
        let policy = AddressPolicy::default();
        for text in [
            "http://127.0.0.1:1/cb",
            "http://10.1.2.3/",
            "https://192.168.0.1/x",
            "http://[::1]:80/",
            "http://[fd12::1]/",
            "http://[2001:db8::1]/",
            "http://cb.local/",
        ] {
            assert_eq!(check(&policy, text), Ok(()), "{text}");
        }
    }

    #[test]
    fn metadata_and_link_local_are_never_called_however_they_are_written() {
        let policy = AddressPolicy::new(&["0.0.0.0/0".to_owned(), "::/0".to_owned()], &[]).unwrap();
        for text in [
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[::a9fe:a9fe]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[fd00:ec2::23]/",
            "http://[fd20:ce::254]/",
            "http://[fd00:42::42]/",
            "http://100.96.0.96/",
            "http://192.0.0.192/",
            "http://168.63.129.16/",
            "http://[::ffff:0:a9fe:a9fe]/",
            "http://[64:ff9b:1::a9fe:a9fe]/",
            "http://[2001::a9fe:a9fe]/",
            "http://[fec0::1]/",
            "http://[feff::1]/",
            "http://100.100.100.200/",
            "http://0.0.0.0/",
            "http://0/",
            "http://[::]/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[ff02::1]/",
            "http://１６９.254.169.254/",
        ] {
            assert!(matches!(check(&policy, text), Err(RefusedAddress::Reserved(_))), "{text}");
        }
        assert!(policy.check_address("169.254.0.9".parse().unwrap(), "rebound.example").is_err());
    }

    #[test]
    fn lists_are_obeyed() {
        let policy =
            AddressPolicy::new(&["10.0.0.0/8".to_owned(), ".example.cn".to_owned()], &["10.9.0.0/16".to_owned()])
                .unwrap();
        assert_eq!(check(&policy, "http://10.1.1.1/"), Ok(()));
        assert!(matches!(check(&policy, "http://10.9.1.1/"), Err(RefusedAddress::Denied(_))));
        assert!(matches!(check(&policy, "http://[::ffff:10.9.1.1]/"), Err(RefusedAddress::Denied(_))));
        assert!(matches!(check(&policy, "http://127.0.0.1/"), Err(RefusedAddress::NotAllowed(_))));
        assert_eq!(policy.check_address("8.8.8.8".parse().unwrap(), "cb.Example.cn."), Ok(()));
        assert!(policy.check_address("8.8.8.8".parse().unwrap(), "example.com").is_err());
        assert!(policy.check_address("10.9.0.1".parse().unwrap(), "cb.example.cn").is_err());
    }

    #[test]
    fn odd_urls_and_rules_are_refused() {
        let policy = AddressPolicy::default();
        for text in ["ftp://10.0.0.1/", "file:///etc/passwd", "http://user:pw@10.0.0.1/", "gopher://x/"] {
            assert!(check(&policy, text).is_err(), "{text}");
        }
        for rule in ["10.0.0.0/33", "a b", "", "::/129", "http://x"] {
            assert!(AddressPolicy::new(&[rule.to_owned()], &[]).is_err(), "{rule}");
        }
    }
}

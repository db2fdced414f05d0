//! Package mirrors by the hosts they answer on.

/// Name for clients, and what a host of it contains.
const MIRRORS: [(&str, &[&str]); 4] = [
    ("aliyun", &["aliyun.com", "aliyuncs.com"]),
    ("163", &["mirrors.163.com", "mirror.163.com"]),
    ("tsinghua", &["tuna.tsinghua.edu.cn", "mirrors.tsinghua.edu.cn"]),
    ("ustc", &["ustc.edu.cn"]),
];

/// The mirrors that these configuration lines name, each once, in a fixed order.
pub(super) fn recognise<'line>(lines: impl Iterator<Item = &'line str>) -> Vec<String> {
    let mut found = [false; MIRRORS.len()];
    for host in lines.flat_map(hosts) {
        for (index, (_, suffixes)) in MIRRORS.iter().enumerate() {
            found[index] |= suffixes.iter().any(|suffix| is_within(&host, suffix));
        }
    }
    MIRRORS.iter().zip(found).filter(|(_, found)| *found).map(|((name, _), _)| (*name).to_owned()).collect()
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Hosts of the addresses in a line.
fn hosts(line: &str) -> Vec<String> {
    let after_scheme = line.split("://").skip(1);
    after_scheme
        .map(|rest| {
            let end = rest.find(|c: char| c == '/' || c.is_whitespace() || c == '"' || c == '\'').unwrap_or(rest.len());
            let authority = &rest[..end];
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            host.split(':').next().unwrap_or_default().to_ascii_lowercase()
        })
        .collect()
}

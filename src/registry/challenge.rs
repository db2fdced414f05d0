//! What a registry wants to see before it answers: the `WWW-Authenticate` header.

/// How a registry wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// It wants nothing.
    Open,
    /// The account with every request.
    Basic,
    /// A token that a service gives for the account.
    Bearer {
        /// Address of the token service.
        realm: String,
        /// The registry's name there.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the headers of an answer 401, Bearer preferred; `None` when none of them is understood.
    pub(super) fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for header in headers {
            let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            } else if scheme.eq_ignore_ascii_case("bearer") {
                let parameters = parameters(rest);
                let get = |name: &str| {
                    parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
                };
                if let Some(realm) = get("realm") {
                    return Some(Self::Bearer { realm, service: get("service") });
                }
            }
        }
        basic
    }
}

/// `name=value` and `name="quoted \" value"`, separated by commas.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start_matches([' ', ',']);
    }
    found
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut is_escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => {
                value.push(character);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return (value, &text[index + 1..]),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_registries_send() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (headers, expected) in [
            (vec![r#"Basic realm="Registry Realm""#], Some(Challenge::Basic)),
            (vec!["basic"], Some(Challenge::Basic)),
            (
                vec![
                    r#"Bearer realm="https://h/service/token",service="harbor-registry",scope="repository:a/b:pull,push""#,
                ],
                bearer("https://h/service/token", Some("harbor-registry")),
            ),
            (
                vec![r#"Basic realm="x""#, r#"BEARER service=s , realm="https://t/a\"b""#],
                bearer("https://t/a\"b", Some("s")),
            ),
            (vec!["Bearer"], None),
            (vec!["Bearer realm"], None),
            (vec![r#"Bearer realm="open"#], bearer("open", None)),
            (vec!["Negotiate"], None),
            (vec![""], None),
            (vec![], None),
        ] {
            assert_eq!(Challenge::read(headers.iter().copied()), expected, "{headers:?}");
        }
    }
}

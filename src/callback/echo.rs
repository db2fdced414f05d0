//! A receiver that repeats what it was sent repeats our credentials: they are taken out of its answer before anybody
//! stores, logs or shows it.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::site::is_shown;

const HIDDEN: &str = "***";
/// What is shorter stands in many a text by chance.
const SHORTEST_BYTES: usize = 6;

/// The texts that an answer must not show, the longest first, so that no part of one is left.
pub(super) struct Credentials(Vec<String>);

impl Credentials {
    /// What the headers carry that are not shown in clear.
    pub(super) fn of(headers: &BTreeMap<String, String>) -> Self {
        let hidden = headers.iter().filter(|(name, _)| !is_shown(name)).map(|(_, value)| value.trim());
        let texts: BTreeSet<String> =
            hidden.flat_map(parts).flat_map(spellings).filter(|text| text.len() >= SHORTEST_BYTES).collect();
        let mut texts: Vec<String> = texts.into_iter().collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(texts)
    }

    /// The text with `***` in their places, and in that of the beginning of one where the text ends in it: it was cut off.
    pub(super) fn hide_in(&self, text: &str) -> String {
        let mut text = self.0.iter().fold(text.to_owned(), |text, hidden| text.replace(hidden, HIDDEN));
        let cut_off = self.0.iter().filter_map(|hidden| length_at_end(&text, hidden)).max();
        if let Some(length) = cut_off {
            text.truncate(text.len() - length);
            text.push_str(HIDDEN);
        }
        text
    }
}

/// A value, what follows a scheme such as `Bearer`, and what `Basic` spells in base64, whole and the password alone.
fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![value.to_owned()];
    let Some((scheme, rest)) = value.split_once(' ') else { return parts };
    let rest = rest.trim_start();
    parts.push(rest.to_owned());
    let decoded = STANDARD.decode(rest).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    if let Some(account) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
        parts.extend(account.split_once(':').map(|(_, password)| password.to_owned()));
        parts.push(account);
    }
    parts
}

/// As it is, inside a JSON text, and in a URL.
fn spellings(text: String) -> [String; 3] {
    let json = serde_json::Value::from(text.as_str()).to_string();
    let url = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    [json[1..json.len() - 1].to_owned(), url, text]
}

/// How many bytes at the text's end are the beginning of what is hidden.
fn length_at_end(text: &str, hidden: &str) -> Option<usize> {
    let longest = hidden.len().min(text.len());
    (SHORTEST_BYTES..=longest).rev().find(|length| text.as_bytes().ends_with(&hidden.as_bytes()[..*length]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(headers: &[(&str, &str)], text: &str) -> String {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Credentials::of(&headers).hide_in(text)
    }

    #[test]
    fn values_schemes_and_accounts_are_hidden_in_every_spelling() {
        let bearer = [("Authorization", "Bearer kanarien+vogel")];
        for (text, expected) in [
            ("got Bearer kanarien+vogel.", "got ***."),
            ("no token kanarien+vogel", "no token ***"),
            ("kanarien%2Bvogel and kanarien+vogel", "*** and ***"),
            ("unauthorized", "unauthorized"),
        ] {
            assert_eq!(hidden(&bearer, text), expected);
        }
        // `user:kanarienvogel`.
        let basic = [("authorization", "basic dXNlcjprYW5hcmllbnZvZ2Vs")];
        for text in
            ["dXNlcjprYW5hcmllbnZvZ2Vs", "user:kanarienvogel", "kanarienvogel", "basic dXNlcjprYW5hcmllbnZvZ2Vs"]
        {
            assert_eq!(hidden(&basic, &format!("<{text}>")), "<***>");
        }
        assert_eq!(
            hidden(&[("X-Key", r#"kanarien"vogel\"#)], r#"{"x-key": "kanarien\"vogel\\"}"#),
            r#"{"x-key": "***"}"#
        );
    }

    #[test]
    fn what_is_shown_anyway_and_what_is_short_stays() {
        let headers =
            [("X-BizType", "DROS-platform"), ("X-Login-UserId", "1001001"), ("X-Tenant", "cn"), ("X-Empty", "")];
        let text = "DROS-platform 1001001 cn";
        assert_eq!(hidden(&headers, text), text);
    }

    #[test]
    fn a_credential_that_is_cut_off_is_hidden_too() {
        let headers = [("X-Key", "kanarienvogel"), ("Authorization", "Bearer kanarienvogel-2")];
        assert_eq!(hidden(&headers, "X-Key: kanarienv"), "X-Key: ***");
        assert_eq!(hidden(&headers, "Authorization: Bearer kana"), "Authorization: ***");
        assert_eq!(hidden(&headers, "X-Key: kanar"), "X-Key: kanar");
    }
}

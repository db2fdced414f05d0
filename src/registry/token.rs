//! Bearer tokens: asked from the service that the registry named, kept until shortly before they expire.
//!
//! One token carries all scopes of a request, since a mount needs the target's and the source's together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What the specification says of a token without an expiry.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);
/// A token is not used for the last part of its life: clocks differ, requests travel.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
const LONGEST_LIFETIME: Duration = Duration::from_hours(1);
const KEPT_TOKENS: usize = 256;

/// What a token is for, such as `repository:base/debian:pull,push`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Scope(String);

impl Scope {
    pub(super) fn pull(repository_path: &str) -> Self {
        Self(format!("repository:{repository_path}:pull"))
    }

    pub(super) fn push(repository_path: &str) -> Self {
        Self(format!("repository:{repository_path}:pull,push"))
    }

    pub(super) fn delete(repository_path: &str) -> Self {
        Self(format!("repository:{repository_path}:pull,delete"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The token service's answer.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    #[serde(default)]
    token: Option<SecretString>,
    #[serde(default)]
    access_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl TokenAnswer {
    /// The token and how long it may be used.
    pub(super) fn into_token(self) -> Option<(SecretString, Duration)> {
        let token = self.token.or(self.access_token).filter(|token| !token.expose_secret().is_empty())?;
        let lifetime = self.expires_in.filter(|&seconds| seconds > 0).map_or(DEFAULT_LIFETIME, Duration::from_secs);
        let usable = lifetime.min(LONGEST_LIFETIME);
        Some((token, usable.saturating_sub(EXPIRY_MARGIN).max(usable / 2)))
    }
}

/// Tokens at hand.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<Vec<Scope>, (SecretString, Instant)>>);

impl TokenCache {
    pub(super) fn get(&self, scopes: &[Scope]) -> Option<SecretString> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, expires) = kept.get(scopes)?;
        (Instant::now() < *expires).then(|| token.clone())
    }

    pub(super) fn keep(&self, scopes: &[Scope], token: SecretString, lifetime: Duration) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if kept.len() >= KEPT_TOKENS {
            kept.retain(|_, (_, expires)| now < *expires);
        }
        if kept.len() >= KEPT_TOKENS {
            kept.clear();
        }
        kept.insert(scopes.to_vec(), (token, now + lifetime));
    }

    pub(super) fn forget(&self, scopes: &[Scope]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(scopes);
    }
}

#[derive(Deserialize)]
struct Claims {
    access: Option<Vec<Access>>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    actions: Option<Vec<String>>,
}

/// Which of these actions a token does not grant on a repository; `None` when the token does not show its access.
/// The signature is the registry's business: this only reads what a token service said.
pub(super) fn missing_actions<'a>(
    token: &SecretString,
    repository_path: &str,
    actions: &[&'a str],
) -> Option<Vec<&'a str>> {
    let payload = token.expose_secret().split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let granted = serde_json::from_slice::<Claims>(&claims).ok()?.access?;
    let granted: Vec<String> = granted
        .into_iter()
        .filter(|access| access.kind == "repository" && access.name == repository_path)
        .flat_map(|access| access.actions.unwrap_or_default())
        .collect();
    let is_missing = |action: &&&str| !granted.iter().any(|granted| granted == "*" || granted == **action);
    Some(actions.iter().filter(is_missing).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> SecretString {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)).into()
    }

    #[test]
    fn access_is_read_from_the_token() {
        let both = ["pull", "push"];
        for (claims, expected) in [
            (r#"{"access":[{"type":"repository","name":"a/b","actions":["pull","push"]}]}"#, Some(vec![])),
            (r#"{"access":[{"type":"repository","name":"a/b","actions":["*"]}]}"#, Some(vec![])),
            (r#"{"access":[{"type":"repository","name":"a/b","actions":["pull"]}]}"#, Some(vec!["push"])),
            (r#"{"access":[{"type":"repository","name":"a/c","actions":["*"]}]}"#, Some(vec!["pull", "push"])),
            (r#"{"access":[{"type":"registry","name":"a/b","actions":null}]}"#, Some(vec!["pull", "push"])),
            (r#"{"access":[]}"#, Some(vec!["pull", "push"])),
            (r#"{"sub":"x"}"#, None),
            ("not json", None),
        ] {
            assert_eq!(missing_actions(&token(claims), "a/b", &both), expected, "{claims}");
        }
        for opaque in ["", "opaque", "a.b", "a.!!.c"] {
            assert_eq!(missing_actions(&opaque.to_owned().into(), "a/b", &both), None, "{opaque}");
        }
    }

    #[test]
    fn lifetimes_leave_a_margin() {
        for (answer, seconds) in [
            (r#"{"token":"t","expires_in":1800}"#, Some(1790)),
            (r#"{"access_token":"t"}"#, Some(50)),
            (r#"{"token":"t","expires_in":0}"#, Some(50)),
            (r#"{"token":"t","expires_in":8}"#, Some(4)),
            (r#"{"token":"t","expires_in":18446744073709551615}"#, Some(3590)),
            (r#"{"token":"","access_token":""}"#, None),
            ("{}", None),
        ] {
            let answer: TokenAnswer = serde_json::from_str(answer).unwrap();
            assert_eq!(answer.into_token().map(|(_, lifetime)| lifetime.as_secs()), seconds);
        }
    }

    #[test]
    fn expired_and_forgotten_tokens_are_gone() {
        let cache = TokenCache::default();
        let scopes = [Scope::pull("a/b")];
        cache.keep(&scopes, "t".to_owned().into(), Duration::from_mins(1));
        assert!(cache.get(&scopes).is_some() && cache.get(&[Scope::push("a/b")]).is_none());
        cache.forget(&scopes);
        assert!(cache.get(&scopes).is_none());
        cache.keep(&scopes, "t".to_owned().into(), Duration::ZERO);
        assert!(cache.get(&scopes).is_none());
    }
}

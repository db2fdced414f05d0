//! Signatures of callbacks as Standard Webhooks defines them (version 1, symmetric).
//!
//! Source: the Standard Webhooks specification, section "Signature scheme".

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

/// What the specification asks of a key.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// A signing secret of the settings that no callback can be signed with. The secret itself is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningSecretError {
    /// `whsec_` and something else than base64.
    #[error(
        "[callback] signing_secrets[{index}]: what follows 'whsec_' is no base64 with its padding. Copy the secret whole, or \
         make one: echo whsec_$(openssl rand -base64 32)"
    )]
    Encoding {
        /// Which entry, from 0.
        index: usize,
    },
    /// Too short to be a secret, or longer than receivers take.
    #[error(
        "[callback] signing_secrets[{index}]: the secret has {bytes} bytes, and Standard Webhooks asks for 24 to 64. Make one: \
         echo whsec_$(openssl rand -base64 32)"
    )]
    Length {
        /// Which entry, from 0.
        index: usize,
        /// How long it is, decoded.
        bytes: usize,
    },
}

/// The keys of the settings' secrets, decoded once: whoever asked for signatures gets them, or no service.
pub(super) struct SigningKeys(Vec<SecretSlice<u8>>);

impl SigningKeys {
    pub(super) fn new(secrets: &[SecretString]) -> Result<Self, SigningSecretError> {
        secrets.iter().enumerate().map(|(index, secret)| key(index, secret)).collect::<Result<_, _>>().map(Self)
    }
}

fn key(index: usize, secret: &SecretString) -> Result<SecretSlice<u8>, SigningSecretError> {
    let secret = secret.expose_secret();
    let key = SecretSlice::from(match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| SigningSecretError::Encoding { index })?,
        None => secret.as_bytes().to_vec(),
    });
    let bytes = key.expose_secret().len();
    if KEY_BYTES.contains(&bytes) { Ok(key) } else { Err(SigningSecretError::Length { index, bytes }) }
}

/// The headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. Several secrets give several signatures, so
/// that a receiver can move from one to the next; none gives no headers.
pub(super) fn headers(
    keys: &SigningKeys,
    delivery_id: &str,
    timestamp_seconds: i64,
    body: &str,
) -> Vec<(&'static str, String)> {
    let content = format!("{delivery_id}.{timestamp_seconds}.{body}");
    let signatures: Vec<String> = keys.0.iter().filter_map(|key| sign(key, &content)).collect();
    if signatures.is_empty() {
        return Vec::new();
    }
    vec![
        ("webhook-id", delivery_id.to_owned()),
        ("webhook-timestamp", timestamp_seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

fn sign(key: &SecretSlice<u8>, content: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).ok()?;
    mac.update(content.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> Result<SigningKeys, SigningSecretError> {
        SigningKeys::new(&secrets.iter().map(|secret| SecretString::from(*secret)).collect::<Vec<_>>())
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signs_as_the_specification_does() {
        let keys = keys(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).unwrap();
        let headers = headers(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// The second signature was made by Python's `hmac`. A receiver that knows either secret finds its own.
    #[test]
    fn two_secrets_give_two_signatures_while_a_receiver_moves() {
        let keys = keys(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain secret of the next quarter"]).unwrap();
        let headers = headers(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let expected =
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,Y6H/rbYPdlYSkYLeaCtne4bMZdndtMbePJEWPVwNLw8=";
        assert_eq!(headers[2].1, expected);
        assert_eq!(headers[0], ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()));
        assert_eq!(headers[1], ("webhook-timestamp", "1614265330".to_owned()));
    }

    #[test]
    fn secrets_that_sign_nothing_or_weakly_are_refused_by_their_place() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(headers(&keys(&[]).unwrap(), "id", 1, "{}").is_empty());
        for (secret, bytes) in [
            (String::new(), 0),
            ("whsec_".to_owned(), 0),
            ("canary".to_owned(), 6),
            ("x".repeat(23), 23),
            ("x".repeat(65), 65),
            (format!("whsec_{}", STANDARD.encode([7; 23])), 23),
            (format!("whsec_{}", STANDARD.encode([7; 65])), 65),
        ] {
            let refused = keys(&[good, &secret]).map(|_| ()).unwrap_err();
            assert_eq!(refused, SigningSecretError::Length { index: 1, bytes }, "{secret}");
        }
        for secret in ["whsec_canary of no base64", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_%%%%"] {
            let refused = keys(&[secret, good]).map(|_| ()).unwrap_err();
            assert_eq!(refused, SigningSecretError::Encoding { index: 0 }, "{secret}");
            let told = refused.to_string();
            assert!(told.contains("signing_secrets[0]") && told.contains("openssl rand"), "{told}");
            assert!(!told.contains("canary") && !told.contains("MfKQ"), "{told}");
        }
        for length in [24, 64] {
            assert!(keys(&[&"x".repeat(length), &format!("whsec_{}", STANDARD.encode(vec![7; length]))]).is_ok());
        }
    }
}

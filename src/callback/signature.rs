//! Signatures of callbacks as Standard Webhooks defines them (version 1, symmetric).
//!
//! Source: the Standard Webhooks specification, section "Signature scheme".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. Several secrets give several signatures, so
/// that a receiver can move from one to the next; none gives no headers.
pub(super) fn headers(
    secrets: &[SecretString],
    delivery_id: &str,
    timestamp_seconds: i64,
    body: &str,
) -> Vec<(&'static str, String)> {
    let content = format!("{delivery_id}.{timestamp_seconds}.{body}");
    let signatures: Vec<String> = secrets.iter().filter_map(|secret| sign(secret, &content)).collect();
    if signatures.is_empty() {
        return Vec::new();
    }
    vec![
        ("webhook-id", delivery_id.to_owned()),
        ("webhook-timestamp", timestamp_seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

fn sign(secret: &SecretString, content: &str) -> Option<String> {
    let secret = secret.expose_secret();
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => secret.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(content.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signs_as_the_specification_does() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let headers = headers(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// The second signature was made by Python's `hmac`. A receiver that knows either secret finds its own.
    #[test]
    fn two_secrets_give_two_signatures_while_a_receiver_moves() {
        let secrets =
            ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain secret of the next quarter"].map(SecretString::from);
        let headers = headers(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let expected =
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,Y6H/rbYPdlYSkYLeaCtne4bMZdndtMbePJEWPVwNLw8=";
        assert_eq!(headers[2].1, expected);
        assert_eq!(headers[0], ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()));
        assert_eq!(headers[1], ("webhook-timestamp", "1614265330".to_owned()));
    }
}

//! Sealing at rest: AES-256-GCM under keys of this service alone.
//!
//! A sealed text names its key and is bound to its purpose (the table and column it lies in), so that it opens nowhere
//! else. The newest key seals; every known key opens, so that keys can be rotated row by row.

use std::fmt;

use aes_gcm::aead::{Aead, Generate, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::SecretError;

const PREFIX: &str = "s1:";
const NONCE_BYTES: usize = 12;
const KEY_ID_BYTES: usize = 4;

/// A key of 32 bytes, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Seals and opens texts.
#[derive(Clone)]
pub struct Sealer {
    /// Newest last, never empty.
    keys: Vec<SealingKey>,
}

#[derive(Clone)]
struct SealingKey {
    id: String,
    key: Key,
}

impl Sealer {
    /// A sealer with this key, and earlier ones that only open.
    pub(super) fn new(newest: Key, earlier: Vec<Key>) -> Self {
        let keys = earlier.into_iter().chain([newest]).map(|key| SealingKey { id: key_id(&key), key }).collect();
        Self { keys }
    }

    /// A sealer whose key is derived from a setting, with earlier settings that only open.
    pub fn from_settings(newest: &SecretString, earlier: &[SecretString]) -> Self {
        let derive = |setting: &SecretString| derive_key(setting.expose_secret().as_bytes(), "fastbuild sealing v1");
        Self::new(derive(newest), earlier.iter().map(derive).collect())
    }

    /// Seals a text for a purpose, such as `harbor.password`.
    pub fn seal(&self, purpose: &str, plain: &SecretString) -> Result<String, SecretError> {
        let newest = self.newest()?;
        let nonce = Nonce::generate();
        let payload = Payload { msg: plain.expose_secret().as_bytes(), aad: purpose.as_bytes() };
        let sealed = cipher(&newest.key).encrypt(&nonce, payload).map_err(|_| SecretError::Undecryptable)?;
        Ok(format!("{PREFIX}{}:{}", newest.id, STANDARD.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// Opens what was sealed for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<SecretString, SecretError> {
        let (id, text) = split(sealed).ok_or(SecretError::Undecryptable)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(|| SecretError::UnknownKey(id.to_owned()))?;
        let bytes = STANDARD.decode(text).map_err(|_| SecretError::Undecryptable)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(SecretError::Undecryptable)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| SecretError::Undecryptable)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        let plain = cipher(&key.key).decrypt(&nonce, payload).map(Zeroizing::new);
        let plain = plain.map_err(|_| SecretError::Undecryptable)?;
        let plain = std::str::from_utf8(&plain).map_err(|_| SecretError::Undecryptable)?;
        Ok(SecretString::from(plain))
    }

    /// Whether a text was sealed under an earlier key and should be sealed anew.
    pub fn is_outdated(&self, sealed: &str) -> bool {
        match (split(sealed), self.keys.last()) {
            (Some((id, _)), Some(newest)) => newest.id != id,
            _ => true,
        }
    }

    /// The name of the key that a text was sealed with.
    pub fn key_id_of(sealed: &str) -> Option<&str> {
        split(sealed).map(|(id, _)| id)
    }

    /// The newest key's name, for logs.
    pub fn key_id(&self) -> &str {
        self.keys.last().map_or("", |key| &key.id)
    }

    /// A keyed hash of a text in hex: equal texts for one purpose give equal hashes, and without the key a hash says
    /// nothing about a password. It changes when the newest key does.
    pub fn keyed_hash(&self, purpose: &str, text: &SecretString) -> Result<String, SecretError> {
        let key = derive_key(&*self.newest()?.key, purpose);
        Ok(hex::encode(*derive_key(&*key, text.expose_secret())))
    }

    fn newest(&self) -> Result<&SealingKey, SecretError> {
        self.keys.last().ok_or_else(|| SecretError::UnknownKey(String::new()))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// HMAC-SHA-256 of a purpose under a key.
pub(super) fn derive_key(key: &[u8], purpose: &str) -> Key {
    // HMAC takes keys of any length; the error is a formality of the trait.
    let derived = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .map(|mac| mac.chain_update(purpose.as_bytes()).finalize().into_bytes().into());
    Zeroizing::new(derived.unwrap_or_default())
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new((&**key).into())
}

pub(super) fn key_id(key: &Key) -> String {
    hex::encode(&Sha256::digest(**key)[..KEY_ID_BYTES])
}

fn split(sealed: &str) -> Option<(&str, &str)> {
    sealed.strip_prefix(PREFIX)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(newest: &str, earlier: &[&str]) -> Sealer {
        let earlier: Vec<SecretString> = earlier.iter().map(|text| SecretString::from(*text)).collect();
        Sealer::from_settings(&SecretString::from(newest), &earlier)
    }

    #[test]
    fn opens_only_for_its_purpose_and_unchanged() {
        let keys = sealer("one", &[]);
        let plain = SecretString::from("~~~???>>>");
        let sealed = keys.seal("harbor.password", &plain).unwrap();
        assert!(!sealed.contains("~~~"));
        assert_ne!(sealed, keys.seal("harbor.password", &plain).unwrap());
        assert_eq!(keys.open("harbor.password", &sealed).unwrap().expose_secret(), "~~~???>>>");
        assert!(matches!(keys.open("callback.headers", &sealed), Err(SecretError::Undecryptable)));
        for changed in [&sealed[..sealed.len() - 4], "", "s1:", "s1:x", "plain text", &sealed.replace("s1", "s2")] {
            assert!(keys.open("harbor.password", changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn keys_rotate() {
        let sealed = sealer("one", &[]).seal("p", &SecretString::from("text")).unwrap();
        let rotated = sealer("two", &["one"]);
        assert!(rotated.is_outdated(&sealed));
        assert_eq!(rotated.open("p", &sealed).unwrap().expose_secret(), "text");
        let again = rotated.seal("p", &rotated.open("p", &sealed).unwrap()).unwrap();
        assert!(!rotated.is_outdated(&again));
        assert!(matches!(sealer("one", &[]).open("p", &again), Err(SecretError::UnknownKey(_))));
    }

    #[test]
    fn keyed_hashes_depend_on_key_purpose_and_text() {
        let hash = |key: &str, purpose: &str, text: &str| {
            sealer(key, &[]).keyed_hash(purpose, &SecretString::from(text)).unwrap()
        };
        assert_eq!(hash("k", "p", "t"), hash("k", "p", "t"));
        for other in [hash("l", "p", "t"), hash("k", "q", "t"), hash("k", "p", "u")] {
            assert_ne!(hash("k", "p", "t"), other);
        }
    }

    #[test]
    fn shows_key_names_only() {
        let sealer = sealer("one", &[]);
        assert_eq!(format!("{sealer:?}"), format!("[{:?}]", sealer.key_id()));
    }
}

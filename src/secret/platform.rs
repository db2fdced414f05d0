//! The platform's encryption of passwords: AES-CBC under a shared key and a constant IV, and a better form beside it.
//!
//! The first is what existing clients send and proves nothing about who wrote it. The better form, `v2:` and base64 of
//! a nonce and an AES-256-GCM ciphertext, is authentic and never repeats; its key is derived from a setting of its own.

use std::fmt;

use aes_gcm::aead::{Aead, Generate};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::SecretError;
use super::sealing::derive_key;

/// The key that was published with the old service.
const DEFAULT_KEY: &str = "c7e71f37dda040fd";
const BLOCK_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const STRONG_KEY_CHARACTERS: usize = 32;
const STRONG_PREFIX: &str = "v2:";
const STRONG_PURPOSE: &str = "fastbuild platform secret v2";

/// Decrypts what the platform encrypted.
#[derive(Clone)]
pub struct PlatformCipher {
    key: SecretString,
    iv: [u8; BLOCK_BYTES],
    strong: Option<Aes256Gcm>,
}

impl PlatformCipher {
    /// A cipher with the texts of `[aes]`: a key of 16, 24 or 32 bytes and an IV of 16.
    pub fn new(key: &SecretString, iv: &str) -> Result<Self, SecretError> {
        let key_bytes = key.expose_secret().len();
        if !matches!(key_bytes, 16 | 24 | 32) {
            return Err(SecretError::KeySize(key_bytes));
        }
        let iv = iv.as_bytes().try_into().map_err(|_| SecretError::IvSize(iv.len()))?;
        Ok(Self { key: key.clone(), iv, strong: None })
    }

    /// The cipher that a settings file names.
    pub fn from_settings(settings: &crate::settings::AesSection) -> Result<Self, SecretError> {
        let cipher = Self::new(&settings.key, &settings.iv)?;
        match settings.strong_key.expose_secret().len() {
            0 => Ok(cipher),
            length if length < STRONG_KEY_CHARACTERS => Err(SecretError::StrongKeySize(length)),
            _ => Ok(cipher.with_strong_key(&settings.strong_key)),
        }
    }

    /// The same cipher that also reads the `v2:` form, under a key derived from this setting: HMAC-SHA-256 of
    /// `fastbuild platform secret v2` with the setting's bytes as key.
    #[must_use]
    pub fn with_strong_key(mut self, setting: &SecretString) -> Self {
        let key = derive_key(setting.expose_secret().as_bytes(), STRONG_PURPOSE);
        self.strong = Some(Aes256Gcm::new((&*key).into()));
        self
    }

    /// Whether the key is the one that everybody knows.
    pub fn uses_default_key(&self) -> bool {
        self.key.expose_secret() == DEFAULT_KEY
    }

    /// The plain text of a secret field. An empty field and an empty plain text are both the empty text.
    pub fn decrypt(&self, text: &str) -> Result<SecretString, SecretError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(SecretString::from(""));
        }
        let plain = match text.strip_prefix(STRONG_PREFIX) {
            Some(text) => self.decrypt_strong(text)?,
            None => self.decrypt_cbc(text)?,
        };
        let plain = std::str::from_utf8(&plain).map_err(|_| SecretError::Undecryptable)?;
        Ok(SecretString::from(plain))
    }

    /// What the platform would send for a plain text.
    pub fn encrypt(&self, plain: &SecretString) -> String {
        let plain = plain.expose_secret().as_bytes();
        let mut buffer = Zeroizing::new(vec![0; plain.len() + BLOCK_BYTES - plain.len() % BLOCK_BYTES]);
        buffer[..plain.len()].copy_from_slice(plain);
        let key = self.key.expose_secret().as_bytes();
        let iv = &self.iv;
        let encrypted = match key.len() {
            16 => encrypt_cbc::<cbc::Encryptor<aes::Aes128>>(key, iv, &mut buffer, plain.len()),
            24 => encrypt_cbc::<cbc::Encryptor<aes::Aes192>>(key, iv, &mut buffer, plain.len()),
            _ => encrypt_cbc::<cbc::Encryptor<aes::Aes256>>(key, iv, &mut buffer, plain.len()),
        };
        // Key, IV and buffer have the sizes that `new` and the lines above gave them, so there is always a text.
        encrypted.unwrap_or_default()
    }

    /// A plain text in the `v2:` form; absent without a key for it.
    pub fn encrypt_strong(&self, plain: &SecretString) -> Result<String, SecretError> {
        let cipher = self.strong.as_ref().ok_or(SecretError::NoStrongKey)?;
        let nonce = Nonce::generate();
        let sealed =
            cipher.encrypt(&nonce, plain.expose_secret().as_bytes()).map_err(|_| SecretError::Undecryptable)?;
        Ok(format!("{STRONG_PREFIX}{}", STANDARD.encode([nonce.as_slice(), &sealed].concat())))
    }

    fn decrypt_cbc(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let mut buffer = Zeroizing::new(decode(text)?);
        let key = self.key.expose_secret().as_bytes();
        let iv = &self.iv;
        let plain_bytes = match key.len() {
            16 => decrypt_cbc::<cbc::Decryptor<aes::Aes128>>(key, iv, &mut buffer),
            24 => decrypt_cbc::<cbc::Decryptor<aes::Aes192>>(key, iv, &mut buffer),
            _ => decrypt_cbc::<cbc::Decryptor<aes::Aes256>>(key, iv, &mut buffer),
        };
        let plain_bytes = plain_bytes.ok_or(SecretError::Undecryptable)?;
        buffer.truncate(plain_bytes);
        Ok(buffer)
    }

    fn decrypt_strong(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let cipher = self.strong.as_ref().ok_or(SecretError::NoStrongKey)?;
        let sealed = decode(text)?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SecretError::Undecryptable)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| SecretError::Undecryptable)?;
        cipher.decrypt(&nonce, sealed).map(Zeroizing::new).map_err(|_| SecretError::Undecryptable)
    }
}

impl fmt::Debug for PlatformCipher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PlatformCipher").field("strong", &self.strong.is_some()).finish_non_exhaustive()
    }
}

/// Encrypts the first `plain_bytes` of a buffer that has room for the padding.
fn encrypt_cbc<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    iv: &[u8],
    buffer: &mut [u8],
    plain_bytes: usize,
) -> Option<String> {
    let cipher = C::new_from_slices(key, iv).ok()?;
    cipher.encrypt_padded::<Pkcs7>(buffer, plain_bytes).ok().map(|encrypted| STANDARD.encode(encrypted))
}

/// Decrypts in place and tells how many bytes are plain text.
fn decrypt_cbc<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], iv: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let cipher = C::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded::<Pkcs7>(buffer).ok().map(<[u8]>::len)
}

/// Base64 as clients write it: with or without padding, broken over lines at times.
fn decode(text: &str) -> Result<Vec<u8>, SecretError> {
    let text: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD_PAD_INDIFFERENT.decode(text).map_err(|_| SecretError::Undecryptable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [(&str, &str); 3] = [
        ("qkrhxQmWOe5kvpJpplvTuQ==", ""),
        ("EhbK7QBAQ+DyPSmUS5Ur+Q==", " "),
        ("j7yC3VEVGFAJIRmnel+XVA==", "Alkaid123456"),
    ];

    fn cipher(key: &str) -> PlatformCipher {
        PlatformCipher::new(&SecretString::from(key), "0000000000000000").unwrap()
    }

    #[test]
    fn reads_and_writes_the_vectors_of_the_contract() {
        let cipher = cipher("c7e71f37dda040fd");
        assert!(cipher.uses_default_key());
        for (text, plain) in VECTORS {
            assert_eq!(cipher.decrypt(text).unwrap().expose_secret(), plain);
            assert_eq!(cipher.encrypt(&SecretString::from(plain)), text);
        }
        assert_eq!(cipher.decrypt("").unwrap().expose_secret(), "");
        assert_eq!(cipher.decrypt(" j7yC3VEVGFAJIRmnel+XVA\n").unwrap().expose_secret(), "Alkaid123456");
    }

    #[test]
    fn every_key_size_reads_what_it_wrote() {
        for key_bytes in [16, 24, 32] {
            let cipher = cipher(&"k".repeat(key_bytes));
            assert!(!cipher.uses_default_key());
            for plain in ["", "a", "fifteen bytes!!", "sixteen bytes!!!", "密码 with spaces"] {
                let text = cipher.encrypt(&SecretString::from(plain));
                assert_eq!(cipher.decrypt(&text).unwrap().expose_secret(), plain, "{key_bytes}");
            }
        }
    }

    #[test]
    fn refuses_what_is_not_encrypted_under_the_key() {
        let cipher = cipher("c7e71f37dda040fd");
        for text in ["Alkaid123456", "!!!!", "AAAA", "qkrhxQmWOe5kvpJpplvTuA==", "AAAAAAAAAAAAAAAAAAAAAA==", "v2:AAAA"]
        {
            assert!(cipher.decrypt(text).is_err(), "{text} was accepted");
        }
        assert!(self::cipher("another key 1234").decrypt("j7yC3VEVGFAJIRmnel+XVA==").is_err());
        assert!(matches!(
            PlatformCipher::new(&SecretString::from("short"), "0000000000000000"),
            Err(SecretError::KeySize(5))
        ));
        assert!(matches!(
            PlatformCipher::new(&SecretString::from("c7e71f37dda040fd"), "0"),
            Err(SecretError::IvSize(1))
        ));
    }

    #[test]
    fn the_better_form_is_authentic_and_never_repeats() {
        let cipher = cipher("c7e71f37dda040fd").with_strong_key(&SecretString::from("a setting"));
        let plain = SecretString::from("Alkaid123456");
        let (one, two) = (cipher.encrypt_strong(&plain).unwrap(), cipher.encrypt_strong(&plain).unwrap());
        assert_ne!(one, two);
        assert_eq!(cipher.decrypt(&one).unwrap().expose_secret(), "Alkaid123456");
        let mut bytes = decode(&one[3..]).unwrap();
        bytes[14] ^= 1;
        assert!(cipher.decrypt(&format!("v2:{}", STANDARD.encode(bytes))).is_err());
        assert!(self::cipher("c7e71f37dda040fd").decrypt(&one).is_err());
    }

    /// Made by another implementation: Python's `hmac` and `cryptography`, nonce 0 to 11.
    #[test]
    fn reads_what_another_implementation_wrote_in_the_better_form() {
        let key = SecretString::from("a strong key of more than 32 characters");
        let text = "v2:AAECAwQFBgcICQoLJmgd3fc1Zz7yS4YKtBEAlG3B4LH5+9RU8RDFew==";
        let cipher = cipher("c7e71f37dda040fd").with_strong_key(&key);
        assert_eq!(cipher.decrypt(text).unwrap().expose_secret(), "Alkaid123456");
    }

    #[test]
    fn a_short_strong_key_is_refused() {
        let settings = |strong: &str| crate::settings::AesSection { strong_key: strong.into(), ..Default::default() };
        assert!(matches!(PlatformCipher::from_settings(&settings("short")), Err(SecretError::StrongKeySize(5))));
        assert!(PlatformCipher::from_settings(&settings("")).unwrap().strong.is_none());
        assert!(PlatformCipher::from_settings(&settings(&"k".repeat(32))).unwrap().strong.is_some());
    }

    #[test]
    fn shows_neither_key_nor_text() {
        let shown = format!("{:?}", cipher("c7e71f37dda040fd"));
        assert!(!shown.contains("c7e7"), "{shown}");
    }
}

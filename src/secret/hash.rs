//! Hashes that stand in for passwords: in an image's shadow file, in JupyterLab's configuration, in our token table.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha_crypt::ShaCrypt;
use sha2::{Digest, Sha256};

use super::SecretError;

/// Twelve bytes become the sixteen characters that crypt(3) takes as a salt.
const CRYPT_SALT_BYTES: usize = 12;
const ARGON2_SALT_BYTES: usize = 16;
/// The costs that `jupyter_server` itself uses.
const ARGON2_MEMORY_KIB: u32 = 10_240;
const ARGON2_PASSES: u32 = 10;
const ARGON2_LANES: u32 = 8;
const JUPYTER_SALT_DIGITS_BYTES: usize = 6;
const TOKEN_BYTES: usize = 32;

/// Which form a JupyterLab password hash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JupyterHash {
    /// `argon2:$argon2id$…`: `jupyter_server` 1.0 and newer beside argon2-cffi, thus Python 3.6 and newer.
    Argon2,
    /// `sha256:<salt>:<hex>`: every notebook server, also without argon2-cffi.
    Sha256,
}

/// A SHA-512-crypt hash (`$6$`) with a fresh salt, for `chpasswd -e`. Every distribution we know reads this one.
pub fn ssh_password_hash(password: &SecretString) -> Result<String, SecretError> {
    let salt: [u8; CRYPT_SALT_BYTES] = rand::random();
    let hash = ShaCrypt::SHA512.hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| SecretError::Hash(error.to_string()))
}

/// A hash with a fresh salt as `passwd()` of `jupyter_server` writes it.
pub fn jupyter_password_hash(password: &SecretString, form: JupyterHash) -> Result<String, SecretError> {
    match form {
        JupyterHash::Argon2 => {
            let failed = |error: String| SecretError::Hash(error);
            let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None);
            let params = params.map_err(|error| failed(error.to_string()))?;
            let salt: [u8; ARGON2_SALT_BYTES] = rand::random();
            let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
                .map_err(|error| failed(error.to_string()))?;
            Ok(format!("argon2:{hash}"))
        }
        JupyterHash::Sha256 => {
            let salt = hex::encode(rand::random::<[u8; JUPYTER_SALT_DIGITS_BYTES]>());
            let digest = Sha256::new().chain_update(password.expose_secret()).chain_update(&salt).finalize();
            Ok(format!("sha256:{salt}:{}", hex::encode(digest)))
        }
    }
}

/// A new access token: 32 random bytes in URL-safe base64.
pub fn random_token() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>()))
}

/// What is stored of a token. A plain digest is enough for 32 random bytes, and lets an index find the row.
pub fn token_hash(token: &SecretString) -> String {
    hex::encode(Sha256::digest(token.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordVerifier as _, phc::PasswordHash};

    #[test]
    fn ssh_hashes_are_salted_and_verify() {
        let password = SecretString::from("Alkaid123456");
        let (one, two) = (ssh_password_hash(&password).unwrap(), ssh_password_hash(&password).unwrap());
        assert_ne!(one, two);
        let fields: Vec<&str> = one.split('$').collect();
        assert_eq!((fields[1], fields[2], fields[3].len(), fields[4].len()), ("6", "rounds=5000", 16, 86), "{one}");
        let cipher = ShaCrypt::SHA512;
        sha_crypt::PasswordVerifier::verify_password(&cipher, b"Alkaid123456", one.as_str()).unwrap();
        assert!(sha_crypt::PasswordVerifier::verify_password(&cipher, b"alkaid123456", one.as_str()).is_err());
    }

    #[test]
    fn jupyter_hashes_are_salted_and_verify() {
        let password = SecretString::from(" ");
        let hash = jupyter_password_hash(&password, JupyterHash::Argon2).unwrap();
        let phc = hash.strip_prefix("argon2:").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=10240,t=10,p=8$"), "{phc}");
        let parsed = PasswordHash::new(phc).unwrap();
        Argon2::default().verify_password(b" ", &parsed).unwrap();
        assert!(Argon2::default().verify_password(b"", &parsed).is_err());

        let hash = jupyter_password_hash(&SecretString::from("Alkaid123456"), JupyterHash::Sha256).unwrap();
        let fields: Vec<&str> = hash.split(':').collect();
        let expected = hex::encode(Sha256::digest(format!("Alkaid123456{}", fields[1])));
        assert_eq!((fields[0], fields[1].len(), fields[2]), ("sha256", 12, expected.as_str()));
    }

    #[test]
    fn tokens_differ_and_hash_the_same() {
        let token = random_token();
        assert_eq!(token.expose_secret().len(), 43);
        assert_ne!(token.expose_secret(), random_token().expose_secret());
        assert_eq!(token_hash(&token), token_hash(&token.clone()));
    }
}

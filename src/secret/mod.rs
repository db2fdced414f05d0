//! Secrets: what the platform encrypts, what lies sealed in the database, and the hashes that reach an image.
//!
//! Plain text is a [`secrecy::SecretString`] from the moment it is decrypted; no type here shows keys or plain text in
//! `Debug`, `Display` or errors.

mod hash;
mod key_file;
mod platform;
mod sealing;

pub use hash::{JupyterHash, jupyter_password_hash, random_token, ssh_password_hash, token_hash};
pub use platform::PlatformCipher;
pub use sealing::Sealer;

use std::path::PathBuf;

/// What went wrong with a secret; never what the secret is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The configured AES key has no size that AES knows.
    #[error("the AES key must be 16, 24 or 32 bytes long, not {0}")]
    KeySize(usize),
    /// The configured IV is not one block.
    #[error("the AES IV must be 16 bytes long, not {0}")]
    IvSize(usize),
    /// Too short to be a key.
    #[error("[aes] strong_key must have at least 32 characters, not {0}")]
    StrongKeySize(usize),
    /// A text that claims the better format, while no key for it is configured.
    #[error("the secret has the form 'v2:' but [aes] strong_key is not set")]
    NoStrongKey,
    /// Not base64, or not encrypted under this key, or changed since.
    #[error("the secret cannot be decrypted with the configured key")]
    Undecryptable,
    /// Sealed under a key that is in no key file.
    #[error("the secret is sealed with key {0}, which the key file does not hold")]
    UnknownKey(String),
    /// The key file is gone while sealed rows exist.
    #[error(
        "the key file {} is missing, but the database holds secrets sealed with it; restore the file from a backup",
        .0.display()
    )]
    KeyFileMissing(PathBuf),
    /// The key file cannot be read or written.
    #[error("the key file {} cannot be used", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The key file holds something else.
    #[error("line {line} of the key file {} is no key: 'v1 ' and 32 bytes in base64 are expected", path.display())]
    KeyFileLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Others than the owner may read the key file.
    #[error("the key file {} is open to others; run: chmod 600 {}", .0.display(), .0.display())]
    KeyFileOpen(PathBuf),
    /// A password hash could not be computed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

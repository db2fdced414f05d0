//! TLS to a daemon: three PEM files become a client configuration, or a message that says how to mend them.
//!
//! Only the given CA is trusted, ring is named as the provider so that no process-wide choice is made, and every fault
//! that the files can show (encrypted key, wrong key, expired, X.509 v1) is found before a connection is tried.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::{CertificateError, ClientConfig, Error as RustlsError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::Certificate;

/// What is wrong with the PEM files.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsFault {
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds no PEM certificate: it must contain a block that begins with -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} cannot be read as PEM: {reason}", path.display())]
    BrokenPem { path: PathBuf, reason: String },
    #[error("{} holds no PEM private key (PKCS#1, PKCS#8 or SEC1)", .0.display())]
    NoKey(PathBuf),
    #[error(
        "the key {} is encrypted; the service cannot ask for its passphrase. Store it decrypted: openssl pkey -in encrypted.pem -out key.pem",
        .0.display()
    )]
    EncryptedKey(PathBuf),
    #[error("the key {} does not belong to the certificate {}: give the pair that was made together", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate {} expired on {date}: issue a new one", path.display())]
    Expired { path: PathBuf, date: String },
    #[error("the certificate {} is valid only from {date} on: check this machine's clock", path.display())]
    NotYetValid { path: PathBuf, date: String },
    #[error(
        "the certificate {} is X.509 version 1, which has no place for its purpose. Issue it again with an extension file: \
         openssl x509 -req … -extfile <(echo extendedKeyUsage=clientAuth)",
        .0.display()
    )]
    VersionOne(PathBuf),
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
}

/// The three files of a TLS endpoint, read. Equal ones let an open connection go on serving.
#[derive(PartialEq, Eq)]
pub(super) struct TlsFiles {
    ca: PemFile,
    certificate: PemFile,
    key: PemFile,
}

#[derive(PartialEq, Eq)]
struct PemFile {
    path: PathBuf,
    bytes: zeroize::Zeroizing<Vec<u8>>,
}

impl PemFile {
    async fn read(path: &Path) -> Result<Self, TlsFault> {
        let bytes = tokio::fs::read(path).await;
        let bytes = bytes.map_err(|source| TlsFault::Unreadable { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), bytes: bytes.into() })
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
        let broken = |error: rustls_pki_types::pem::Error| TlsFault::BrokenPem {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        let chain = CertificateDer::pem_slice_iter(&self.bytes).collect::<Result<Vec<_>, _>>().map_err(broken)?;
        if chain.is_empty() { Err(TlsFault::NoCertificate(self.path.clone())) } else { Ok(chain) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsFault> {
        let text = String::from_utf8_lossy(&self.bytes);
        // PKCS#8 says it in the block's name, the older form in a header.
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(TlsFault::EncryptedKey(self.path.clone()));
        }
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| match error {
            rustls_pki_types::pem::Error::NoItemsFound => TlsFault::NoKey(self.path.clone()),
            other => TlsFault::BrokenPem { path: self.path.clone(), reason: other.to_string() },
        })
    }

    fn check_dates(&self, certificate: Certificate, now: Timestamp) -> Result<(), TlsFault> {
        let path = self.path.clone();
        if now > certificate.not_after {
            return Err(TlsFault::Expired { path, date: certificate.not_after.to_string() });
        }
        if now < certificate.not_before {
            return Err(TlsFault::NotYetValid { path, date: certificate.not_before.to_string() });
        }
        Ok(())
    }
}

impl TlsFiles {
    /// Reads the files.
    pub(super) async fn read(ca: &Path, certificate: &Path, key: &Path) -> Result<Self, TlsFault> {
        Ok(Self {
            ca: PemFile::read(ca).await?,
            certificate: PemFile::read(certificate).await?,
            key: PemFile::read(key).await?,
        })
    }

    /// Checks what the files hold and makes the client configuration of it.
    pub(super) fn client_config(&self, now: Timestamp) -> Result<ClientConfig, TlsFault> {
        let mut roots = RootCertStore::empty();
        for authority in self.ca.certificates()? {
            if let Some(read) = Certificate::read(&authority) {
                self.ca.check_dates(read, now)?;
            }
            roots
                .add(authority)
                .map_err(|error| TlsFault::Unusable { path: self.ca.path.clone(), reason: error.to_string() })?;
        }
        let chain = self.certificate.certificates()?;
        let key = self.key.key()?;
        if let Some(read) = chain.first().and_then(|leaf| Certificate::read(leaf)) {
            if read.version < 3 {
                return Err(TlsFault::VersionOne(self.certificate.path.clone()));
            }
            self.certificate.check_dates(read, now)?;
        }
        let unusable =
            |path: &Path, error: &RustlsError| TlsFault::Unusable { path: path.to_owned(), reason: error.to_string() };
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&self.ca.path, &error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| match error {
                RustlsError::InconsistentKeys(_) => {
                    TlsFault::Mismatch { certificate: self.certificate.path.clone(), key: self.key.path.clone() }
                }
                RustlsError::InvalidCertificate(_) => unusable(&self.certificate.path, &error),
                error => unusable(&self.key.path, &error),
            })
    }
}

/// What a person can do about a failed handshake, or about an alert that came after it.
pub(super) fn handshake_advice(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
        Some(error) => tls_advice(error),
        None => "the connection broke off; does the daemon speak TLS on this port?".to_owned(),
    }
}

/// What a person can do about a TLS error.
pub(super) fn tls_advice(error: &RustlsError) -> String {
    let advice = match error {
        RustlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the server's certificate was not issued by the configured CA"
        }
        RustlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired"
        }
        RustlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "the server's certificate does not name this host; issue it with a subjectAltName (IP: for an address, DNS: for a name)"
        }
        RustlsError::AlertReceived(_) => {
            "the server refused the client's certificate; is it issued by the daemon's CA?"
        }
        RustlsError::InvalidMessage(_) => "the server does not speak TLS on this port",
        _ => "TLS could not be agreed on",
    };
    format!("{advice} ({error})")
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;

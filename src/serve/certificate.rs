//! The service's own certificate, read again while it serves.
//!
//! Files are compared by what they hold, so that a renewed pair counts whichever way it was put there (written over,
//! renamed, a link that points elsewhere). A pair that cannot be used leaves the one in use in use, and says so once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::settings::TlsSection;

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);
/// Certificate and key are two files: after one has changed the other gets this long to follow.
const SETTLING: Duration = Duration::from_millis(500);

/// Why a pair of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Only one of the two is named.
    #[error("[tls] needs both cert_file and key_file")]
    Half,
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The two do not belong together.
    #[error("{} and {} do not belong together: {reason}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// rustls's words.
        reason: String,
    },
}

/// What the two files hold.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// The certificate in use, and where a newer one would come from.
pub(super) struct Certificates {
    files: TlsSection,
    /// What the files held at the start: a newer pair may be there before anybody looks again.
    opened: Pair,
    current: RwLock<Arc<ServerConfig>>,
}

impl Certificates {
    /// Reads the files; `None` when none are named.
    pub(super) async fn open(files: &TlsSection) -> Result<Option<Arc<Self>>, CertificateError> {
        if !files.is_on() {
            return Ok(None);
        }
        if files.cert_file.as_os_str().is_empty() || files.key_file.as_os_str().is_empty() {
            return Err(CertificateError::Half);
        }
        let opened = read(files).await?;
        let current = RwLock::new(server_config(files, &opened)?);
        Ok(Some(Arc::new(Self { files: files.clone(), opened, current })))
    }

    /// Accepts connections with the certificate in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes up a newer pair as soon as there is one, and on SIGHUP at once.
    pub(super) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut hang_up = signal(SignalKind::hangup()).ok();
        let mut seen = Some(self.opened.clone());
        loop {
            let asked = async {
                match &mut hang_up {
                    Some(hang_up) => drop(hang_up.recv().await),
                    None => std::future::pending().await,
                }
            };
            let is_asked = tokio::select! {
                () = stop.cancelled() => return,
                () = asked => true,
                () = tokio::time::sleep(LOOKED_AT_EVERY) => false,
            };
            if !is_asked {
                if read(&self.files).await.ok() == seen {
                    continue;
                }
                tokio::time::sleep(SETTLING).await;
            }
            let found = read(&self.files).await;
            match found.as_ref().map_err(ToString::to_string).and_then(|pair| self.take(pair)) {
                Ok(()) => tracing::info!("the certificate {} was read again", self.files.cert_file.display()),
                Err(error) => tracing::error!("the certificate in use stays in use: {error}"),
            }
            seen = found.ok();
        }
    }

    fn take(&self, pair: &Pair) -> Result<(), String> {
        let config = server_config(&self.files, pair).map_err(|error| error.to_string())?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

async fn read(files: &TlsSection) -> Result<Pair, CertificateError> {
    let read = async |path: &Path| {
        let bytes = tokio::fs::read(path).await;
        bytes.map_err(|source| CertificateError::Unreadable { path: path.to_owned(), source })
    };
    Ok(Pair { certificate: read(&files.cert_file).await?, key: read(&files.key_file).await?.into() })
}

fn server_config(files: &TlsSection, pair: &Pair) -> Result<Arc<ServerConfig>, CertificateError> {
    let unusable = |path: &Path, reason: String| CertificateError::Unusable { path: path.to_owned(), reason };
    let chain = CertificateDer::pem_slice_iter(&pair.certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(&files.cert_file, error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable(&files.cert_file, "it holds no PEM certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&pair.key).map_err(|error| {
        unusable(&files.key_file, format!("it holds no readable PEM key ({error}); encrypted keys cannot be used"))
    })?;
    // ring is named, so that no process-wide choice is made.
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&files.cert_file, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| CertificateError::Mismatch {
            certificate: files.cert_file.clone(),
            key: files.key_file.clone(),
            reason: error.to_string(),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_used_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let open = |cert: &str, key: &str| {
            let files = TlsSection { cert_file: path(cert), key_file: path(key) };
            async move { Certificates::open(&files).await.map(|_| ()).unwrap_err().to_string() }
        };
        let half = TlsSection { cert_file: path("a"), key_file: PathBuf::new() };
        assert!(matches!(Certificates::open(&half).await, Err(CertificateError::Half)));
        assert!(Certificates::open(&TlsSection::default()).await.unwrap().is_none());
        assert!(open("absent.pem", "key.pem").await.contains("absent.pem"));
        std::fs::write(path("empty.pem"), "").unwrap();
        assert!(open("empty.pem", "empty.pem").await.contains("no PEM certificate"));
    }
}

//! A certificate for 127.0.0.1, made anew for each test by the machine's `openssl`.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A server's certificate, which is its own CA.
pub struct Certificate {
    /// The certificate as PEM.
    pub pem: String,
    /// The server's side of it.
    pub server: Arc<ServerConfig>,
}

impl Certificate {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let (key, certificate) = (directory.path().join("key.pem"), directory.path().join("cert.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let pem = std::fs::read_to_string(&certificate).expect("certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(pem.as_bytes()).expect("certificate")],
                PrivateKeyDer::from_pem_file(&key).expect("key"),
            )
            .expect("server");
        Self { pem, server: Arc::new(server) }
    }
}

/// Accepts TLS connections.
pub struct TlsListener(pub TcpListener, pub TlsAcceptor);

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A client that does not trust us ends its handshake; the next one may.
            if let Ok((stream, address)) = self.0.accept().await
                && let Ok(stream) = self.1.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

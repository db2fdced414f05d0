//! How the engine reaches a daemon, and what it says when it does not.
//!
//! A daemon behind TLS is the lab's own with a TLS end in front of it that demands client certificates.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fastbuild::cause::Cause;
use fastbuild::engine::{Connector, DockerConnector, Endpoint, EngineError};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};

use crate::lab::docker_socket;

/// Certificates in a directory of their own, made by openssl.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().expect("directory"));
        let key = authority.path("ca-key.pem");
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=lab CA",
            "-days",
            "2",
            "-keyout",
            text(&key),
            "-out",
            "ca.pem",
        ]);
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.0.path()).output().expect("openssl");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Issues `<name>.pem` and `<name>-key.pem`; without extensions openssl makes an X.509 v1 certificate.
    fn issue(&self, name: &str, extensions: Option<&str>) {
        let (key, request, certificate) = (format!("{name}-key.pem"), format!("{name}.csr"), format!("{name}.pem"));
        self.openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        let mut arguments = vec![
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca-key.pem",
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            &certificate,
        ];
        let file = format!("{name}.ext");
        if let Some(extensions) = extensions {
            std::fs::write(self.path(&file), extensions).expect("extensions");
            arguments.extend(["-extfile", &file]);
        }
        self.openssl(&arguments);
    }

    fn server(&self, extensions: &str) -> ServerConfig {
        self.issue("server", Some(extensions));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).expect("ca")).expect("root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let chain = vec![CertificateDer::from_pem_file(self.path("server.pem")).expect("certificate")];
        let key = PrivateKeyDer::from_pem_file(self.path("server-key.pem")).expect("key");
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.expect("verifier"))
            .with_single_cert(chain, key)
            .expect("server certificate")
    }

    fn endpoint(&self, port: u16, certificate: &str, key: &str) -> Endpoint {
        Endpoint::Tls {
            host: "127.0.0.1".to_owned(),
            port,
            ca: self.path("ca.pem"),
            certificate: self.path(certificate),
            key: self.path(key),
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("path")
}

/// A TLS end in front of the lab's daemon; gives its port and counts its connections.
async fn tls_daemon(configuration: ServerConfig) -> (u16, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(configuration));
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut daemon = UnixStream::connect(docker_socket()).await.expect("daemon");
                // Either side may close first.
                let _ = copy_bidirectional(&mut client, &mut daemon).await;
            });
        }
    });
    (port, connections)
}

async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(DockerConnector::default().connect(endpoint).await?.info().await?.version)
}

async fn refusal(endpoint: &Endpoint, words: &str) {
    let error = ask(endpoint).await.expect_err("refused");
    assert_eq!(error.cause, Cause::DaemonLost, "{error}");
    assert!(error.message.contains(words), "wanted '{words}' in: {error}");
}

const FOR_ADDRESS: &str = "subjectAltName=IP:127.0.0.1";
const FOR_CLIENT: &str = "extendedKeyUsage=clientAuth";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_connects_and_the_connection_is_kept() {
    let authority = Authority::new();
    let (port, connections) = tls_daemon(authority.server(FOR_ADDRESS)).await;
    authority.issue("client", Some(FOR_CLIENT));
    authority.openssl(&["rsa", "-traditional", "-in", "client-key.pem", "-out", "client-pkcs1.pem"]);
    authority.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-out", "sec1-key.pem"]);
    authority.openssl(&["req", "-new", "-key", "sec1-key.pem", "-subj", "/CN=sec1", "-out", "sec1.csr"]);
    authority.openssl(&[
        "x509",
        "-req",
        "-in",
        "sec1.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca-key.pem",
        "-CAcreateserial",
        "-extfile",
        "client.ext",
        "-out",
        "sec1.pem",
    ]);
    for (name, word) in
        [("client-key.pem", "PRIVATE KEY"), ("client-pkcs1.pem", "RSA PRIVATE KEY"), ("sec1-key.pem", "EC PRIVATE KEY")]
    {
        let pem = std::fs::read_to_string(authority.path(name)).expect("key");
        assert!(pem.contains(&format!("BEGIN {word}")), "{name} is of its kind");
    }
    for (certificate, key) in
        [("client.pem", "client-key.pem"), ("client.pem", "client-pkcs1.pem"), ("sec1.pem", "sec1-key.pem")]
    {
        ask(&authority.endpoint(port, certificate, key)).await.expect("connection");
    }

    let connector = DockerConnector::default();
    let endpoint = authority.endpoint(port, "client.pem", "client-key.pem");
    let before = connections.load(std::sync::atomic::Ordering::Relaxed);
    for _ in 0..5 {
        let engine = connector.connect(&endpoint).await.expect("engine");
        engine.inspect_image("never/there:1").await.expect("question");
    }
    // On a busy machine a question may come before the connection of the last one is back in the pool.
    let opened = connections.load(std::sync::atomic::Ordering::Relaxed) - before;
    assert!((1..=2).contains(&opened), "{opened} connections for five questions");
    // New content under the same names is a new identity.
    authority.issue("client", Some(FOR_CLIENT));
    connector.connect(&endpoint).await.expect("engine").info().await.expect("question");
    assert!(connections.load(std::sync::atomic::Ordering::Relaxed) > before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_the_files_are_named_before_any_connection() {
    let authority = Authority::new();
    authority.issue("client", Some(FOR_CLIENT));
    authority.issue("other", Some(FOR_CLIENT));
    authority.issue("old", None);
    authority.openssl(&["rsa", "-aes256", "-passout", "pass:secret", "-in", "client-key.pem", "-out", "locked8.pem"]);
    authority.openssl(&[
        "rsa",
        "-traditional",
        "-aes256",
        "-passout",
        "pass:secret",
        "-in",
        "client-key.pem",
        "-out",
        "locked1.pem",
    ]);
    std::fs::write(authority.path("empty.pem"), "").expect("file");
    std::fs::write(authority.path("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA").expect("file");
    // Nothing listens on the discard port: whoever tried to connect would say so.
    let at = |certificate: &str, key: &str| authority.endpoint(9, certificate, key);
    refusal(&at("client.pem", "locked8.pem"), "encrypted").await;
    refusal(&at("client.pem", "locked1.pem"), "encrypted").await;
    refusal(&at("client.pem", "other-key.pem"), "does not belong to the certificate").await;
    refusal(&at("old.pem", "old-key.pem"), "X.509 version 1").await;
    refusal(&at("empty.pem", "client-key.pem"), "holds no PEM certificate").await;
    refusal(&at("client.pem", "empty.pem"), "holds no PEM private key").await;
    refusal(&at("client.pem", "client.pem"), "holds no PEM private key").await;
    refusal(&at("broken.pem", "client-key.pem"), "broken.pem").await;
    refusal(&at("absent.pem", "client-key.pem"), "No such file").await;
    refusal(&at("client.pem", "client-key.pem"), "refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_handshake_say_what_to_do() {
    let (ours, strange) = (Authority::new(), Authority::new());
    for authority in [&ours, &strange] {
        authority.issue("client", Some(FOR_CLIENT));
    }
    let (port, _) = tls_daemon(ours.server(FOR_ADDRESS)).await;
    refusal(&strange.endpoint(port, "client.pem", "client-key.pem"), "not issued by the configured CA").await;
    let mixed = Endpoint::Tls {
        host: "127.0.0.1".to_owned(),
        port,
        ca: ours.path("ca.pem"),
        certificate: strange.path("client.pem"),
        key: strange.path("client-key.pem"),
    };
    refusal(&mixed, "refused the client's certificate").await;
    let (port, _) = tls_daemon(ours.server("subjectAltName=DNS:docker.example")).await;
    refusal(&ours.endpoint(port, "client.pem", "client-key.pem"), "subjectAltName").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_not_there_is_lost() {
    refusal(&Endpoint::Unix("/nonexistent/docker.sock".into()), "no socket /nonexistent/docker.sock").await;
    refusal(
        &Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 9 },
        "cannot connect to the Docker daemon at 127.0.0.1:9",
    )
    .await;
    refusal(&Endpoint::Tcp { host: "nowhere.invalid".to_owned(), port: 2375 }, "nowhere.invalid:2375").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_tcp_serves_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut daemon = UnixStream::connect(docker_socket()).await.expect("daemon");
                let _ = copy_bidirectional(&mut client, &mut daemon).await;
            });
        }
    });
    ask(&Endpoint::Tcp { host: "127.0.0.1".to_owned(), port }).await.expect("connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_the_middle_of_a_build_is_a_lost_daemon() {
    use fastbuild::engine::Builder;

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let (cut, _) = tokio::sync::broadcast::channel::<()>(1);
    let cutter = cut.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut cut = cutter.subscribe();
            tokio::spawn(async move {
                let mut daemon = UnixStream::connect(docker_socket()).await.expect("daemon");
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut daemon) => {}
                    _ = cut.recv() => {}
                }
            });
        }
    });
    let engine = DockerConnector::default().connect(&Endpoint::Tcp { host: "127.0.0.1".to_owned(), port }).await;
    let engine = engine.expect("engine");
    let base = crate::lab::base("debian:12");
    crate::lab::have(&*engine, &base).await;
    let dockerfile = format!("FROM {base}\nRUN echo begun && sleep 300 # {}\n", crate::lab::unique_name("cut"));
    let order = crate::lab::order(Builder::BuildKit, &dockerfile, &[]);
    let events = crate::lab::Events::default();
    let build = engine.build(&order, &events);
    let cutting = async {
        events.wait_for_line("begun").await;
        cut.send(()).expect("connections");
    };
    let (result, ()) = tokio::join!(build, cutting);
    assert_eq!(result.expect_err("cut").cause, Cause::DaemonLost);
}

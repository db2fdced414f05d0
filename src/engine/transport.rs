//! One pooled HTTP connection to one daemon: a unix socket, TCP, or TCP with TLS.
//!
//! bollard's own clients trust the system's CAs, open a connection for every TLS request and need a process-wide TLS
//! provider; this one pins the given CA, keeps connections and sets `TCP_NODELAY`. Dropping a response closes its
//! connection, which is how the daemon learns that nobody waits any more.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::Endpoint;
use super::tls::handshake_advice;

/// The address in every request line; where it leads is the connector's business.
pub(super) const BASE_ADDRESS: &str = "http://docker";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
const IDLE_CONNECTIONS: usize = 8;
/// A host that lost its power sends nothing; these probes notice within two minutes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

/// An error of any kind, as hyper passes it on.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A request body.
pub(super) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("there is no socket {}: is the Docker daemon running there?", .0.display())]
    NoSocket(PathBuf),
    #[error("no permission for {}: the service's user must belong to the group that owns the socket", .0.display())]
    NoPermission(PathBuf),
    #[error("cannot connect to the Docker daemon at {address}")]
    Refused {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("the Docker daemon at {0} did not accept a connection within {limit} s", limit = CONNECT_TIMEOUT.as_secs())]
    Slow(String),
    #[error("the TLS handshake with the Docker daemon at {address} failed: {advice}")]
    Handshake {
        address: String,
        advice: String,
        #[source]
        source: io::Error,
    },
}

/// Why a request brought no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("{0}")]
    Client(#[source] ClientError),
    #[error("{0}")]
    Alert(#[source] io::Error),
}

/// A TLS alert that came when the handshake was over for us. hyper does not pass it on when it comes before the first
/// request does.
#[derive(Clone, Default)]
struct LastAlert(Arc<Mutex<Option<io::Error>>>);

impl LastAlert {
    fn note(&self, error: &io::Error) {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(alert @ rustls::Error::AlertReceived(_)) = tls {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(io::Error::other(alert.clone()));
        }
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The pooled client of one daemon. Clones share the pool.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client<DaemonConnector, Body>,
    alert: LastAlert,
}

impl Transport {
    /// A client for the endpoint; `tls` and the server's name belong to a TLS endpoint. Opens no connection yet.
    pub(super) fn new(endpoint: &Endpoint, tls: Option<(Arc<ClientConfig>, ServerName<'static>)>) -> Self {
        let address = match endpoint {
            Endpoint::Unix(path) => Address::Unix(path.clone()),
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port, .. } => {
                Address::Tcp { host: bare_host(host).to_owned(), port: *port }
            }
        };
        let tls = tls.map(|(configuration, name)| (TlsConnector::from(configuration), name));
        let alert = LastAlert::default();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(DaemonConnector { address: Arc::new(address), tls, alert: alert.clone() });
        Self { client, alert }
    }

    /// Sends a request; ends when the response's head is there.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, SendError> {
        let outcome = self.client.request(request).await;
        let alert = self.alert.take();
        outcome.map_err(|error| alert.map_or(SendError::Client(error), SendError::Alert))
    }
}

/// An IPv6 address without its brackets, anything else as it is.
pub(super) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[derive(Debug)]
enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

/// Opens connections to the one daemon, whatever the request's address says.
#[derive(Clone)]
struct DaemonConnector {
    address: Arc<Address>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    alert: LastAlert,
}

impl tower_service::Service<Uri> for DaemonConnector {
    type Response = DaemonConnection;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<DaemonConnection, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await })
    }
}

impl DaemonConnector {
    async fn connect(&self) -> Result<DaemonConnection, ConnectError> {
        let (host, port) = match &*self.address {
            Address::Unix(path) => return self.connect_unix(path).await,
            Address::Tcp { host, port } => (host.as_str(), *port),
        };
        let address = format!("{host}:{port}");
        let slow = |_| ConnectError::Slow(address.clone());
        let refused = |source| ConnectError::Refused { address: address.clone(), source };
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await.map_err(slow)?;
        let stream = stream.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_AFTER / 2);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(refused)?;
        let Some((connector, name)) = &self.tls else {
            return Ok(DaemonConnection::new(stream, &self.alert));
        };
        let handshake = connector.connect(name.clone(), stream);
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, handshake).await.map_err(slow)?;
        stream.map(|stream| DaemonConnection::new(stream, &self.alert)).map_err(|source| ConnectError::Handshake {
            advice: handshake_advice(&source),
            address: address.clone(),
            source,
        })
    }

    async fn connect_unix(&self, path: &PathBuf) -> Result<DaemonConnection, ConnectError> {
        use io::ErrorKind::{NotFound, PermissionDenied};
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(DaemonConnection::new(stream, &self.alert)),
            Err(error) if error.kind() == NotFound => Err(ConnectError::NoSocket(path.clone())),
            Err(error) if error.kind() == PermissionDenied => Err(ConnectError::NoPermission(path.clone())),
            Err(source) => Err(ConnectError::Refused { address: path.display().to_string(), source }),
        }
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// An open connection of any kind.
struct DaemonConnection {
    wire: TokioIo<Box<dyn Wire>>,
    alert: LastAlert,
}

impl DaemonConnection {
    fn new(stream: impl Wire + 'static, alert: &LastAlert) -> Self {
        Self { wire: TokioIo::new(Box::new(stream)), alert: alert.clone() }
    }
}

impl Connection for DaemonConnection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for DaemonConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.wire).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.alert.note(error);
        }
        read
    }
}

impl Write for DaemonConnection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

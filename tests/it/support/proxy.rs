//! A proxy between the service and a daemon, or a daemon and a registry, that can cut, hang and delay.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where a proxy leads.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// A socket on this machine.
    Unix(PathBuf),
    /// A port.
    Tcp(SocketAddr),
}

/// What the proxy does to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes them on.
    Pass,
    /// Passes them on, each piece this much later.
    Delay(Duration),
    /// Takes them and passes nothing on; connections stay open.
    Hang,
    /// Passes this many bytes on from each client's connection, then closes it.
    CutAfter(usize),
    /// Closes every connection, open or new.
    Cut,
}

/// A proxy on a free port.
pub struct FaultProxy {
    /// Where it listens.
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    seen: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
}

impl FaultProxy {
    /// Starts one that passes everything on.
    pub async fn start(upstream: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, listening) = watch::channel(Mode::Pass);
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        let sent = Arc::new(AtomicU64::new(0));
        let received = Arc::new(AtomicU64::new(0));
        let bytes = (sent.clone(), received.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(lead(client, upstream.clone(), listening.clone(), bytes.clone()));
            }
        });
        Self { address, mode, seen, sent, received }
    }

    /// In front of the lab's daemon.
    pub async fn of_daemon() -> Self {
        Self::start(Upstream::Unix(crate::lab::docker_socket())).await
    }

    /// Does this from now on, to open connections too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many bytes it passed on in either direction so far.
    pub fn moved_bytes(&self) -> u64 {
        self.sent_bytes() + self.received.load(Ordering::SeqCst)
    }

    /// How many bytes clients sent upstream so far, headers included.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

/// Bytes sent upstream, and bytes received from there.
type Passed = (Arc<AtomicU64>, Arc<AtomicU64>);

async fn lead(client: TcpStream, upstream: Upstream, mode: watch::Receiver<Mode>, passed: Passed) {
    if *mode.borrow() == Mode::Cut {
        return;
    }
    let (client_read, client_write) = client.into_split();
    match upstream {
        Upstream::Unix(path) => {
            let Ok(server) = UnixStream::connect(path).await else { return };
            let (read, write) = server.into_split();
            both(client_read, write, read, client_write, mode, &passed).await;
        }
        Upstream::Tcp(address) => {
            let Ok(server) = TcpStream::connect(address).await else { return };
            let (read, write) = server.into_split();
            both(client_read, write, read, client_write, mode, &passed).await;
        }
    }
}

async fn both(
    client_read: impl AsyncRead + Unpin,
    server_write: impl AsyncWrite + Unpin,
    server_read: impl AsyncRead + Unpin,
    client_write: impl AsyncWrite + Unpin,
    mode: watch::Receiver<Mode>,
    (sent, received): &Passed,
) {
    // A connection that is cut in one direction is cut in the other.
    let cut = CancellationToken::new();
    let there = pump(client_read, server_write, mode.clone(), &cut, sent, true);
    let back = pump(server_read, client_write, mode, &cut, received, false);
    tokio::select! {
        () = cut.cancelled() => {}
        _ = async { tokio::join!(there, back) } => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
    cut: &CancellationToken,
    counter: &AtomicU64,
    is_from_client: bool,
) {
    let mut passed = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            changed = mode.wait_for(|mode| *mode == Mode::Cut) => { drop(changed); return; }
            read = from.read(&mut buffer) => read,
        };
        let Ok(read) = read else { return };
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        let present = *mode.borrow();
        match present {
            Mode::Pass => {}
            Mode::CutAfter(limit) => {
                passed += if is_from_client { read } else { 0 };
                if passed > limit {
                    cut.cancel();
                    return;
                }
            }
            Mode::Delay(pause) => tokio::time::sleep(pause).await,
            Mode::Hang => {
                let passes = mode.wait_for(|mode| *mode != Mode::Hang).await.map(|mode| *mode);
                if !passes.is_ok_and(|mode| mode == Mode::Pass) {
                    return;
                }
            }
            Mode::Cut => return,
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        counter.fetch_add(read as u64, Ordering::SeqCst);
    }
}

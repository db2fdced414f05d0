//! A door to the daemon that counts: bytes that go in, and builds that are asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::outcome::Outcome;

const BUILD: &[u8] = b"POST /build?";

/// The door. It is closed with the runtime.
pub struct CountingProxy {
    /// Its port on this machine.
    pub port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sent_bytes: AtomicU64,
    builds: AtomicU64,
}

impl CountingProxy {
    /// Opens a door to a daemon's socket.
    pub async fn open(socket: PathBuf) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, socket.clone(), shared.clone()));
            }
        });
        Ok(Self { port, counts })
    }

    /// Bytes sent to the daemon, and builds asked for, since the last call.
    pub fn take(&self) -> (u64, u64) {
        (self.counts.sent_bytes.swap(0, Ordering::SeqCst), self.counts.builds.swap(0, Ordering::SeqCst))
    }
}

async fn pass(client: TcpStream, socket: PathBuf, counts: Arc<Counts>) {
    let Ok(daemon) = UnixStream::connect(socket).await else { return };
    let (from_client, mut to_client) = client.into_split();
    let (mut from_daemon, to_daemon) = daemon.into_split();
    tokio::join!(count(from_client, to_daemon, &counts), async {
        // A connection that breaks is the service's to notice.
        let _ = tokio::io::copy(&mut from_daemon, &mut to_client).await;
        let _ = to_client.shutdown().await;
    });
}

async fn count(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counts: &Counts) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        counts.sent_bytes.fetch_add(read as u64, Ordering::SeqCst);
        if buffer[..read].starts_with(BUILD) {
            counts.builds.fetch_add(1, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

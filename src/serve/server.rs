//! Accepts connections and bounds them: how many there are, how slowly a head may come, how long one may lie idle.
//!
//! `axum::serve` knows none of these limits, so that a few sleeping clients could hold every socket of the process. A stop
//! lets requests under way finish; what still hangs at the very end is cut off.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificate::Certificates;
use super::connection::{Limits, carry};
use crate::access::Peer;

/// What a client hears that speaks plain HTTP to a service with a certificate.
const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
    {\"code\":-1,\"msg\":\"This port speaks HTTPS: use https:// instead of http://.\",\"data\":null}";
/// How long the loop rests when the system gives no more sockets.
const REST: Duration = Duration::from_millis(200);

/// When connections end.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// No new ones, and each ends with the answer it has under way.
    pub(super) stop: CancellationToken,
    /// All end at once.
    pub(super) cut: CancellationToken,
}

/// The server.
pub(super) struct Server {
    router: Router,
    limits: Limits,
    slots: Arc<Semaphore>,
    ends: Ends,
    certificates: Option<Arc<Certificates>>,
}

impl Server {
    /// A server of these routes; `connections` is how many clients it holds at a time. With certificates it speaks TLS.
    pub(super) fn new(
        router: Router,
        connections: usize,
        limits: Limits,
        ends: Ends,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        // Handlers get their state once, not with every request.
        let router = router.with_state(());
        let slots = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { router, limits, slots: Arc::new(Semaphore::new(slots)), ends, certificates }
    }

    /// Serves until it is stopped and the last connection has ended.
    pub(super) async fn run(self, listener: TcpListener) {
        let connections = TaskTracker::new();
        while let Some(slot) = self.free_slot().await {
            let accepted = tokio::select! {
                () = self.ends.stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    connections.spawn(self.serve(stream, Peer(address.ip()), slot));
                }
                Err(error) => {
                    tracing::warn!("no connection can be accepted: {error}");
                    tokio::time::sleep(REST).await;
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }

    /// A place for one more connection; `None` when the server stops.
    async fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        let slot = Arc::clone(&self.slots).acquire_owned();
        tokio::pin!(slot);
        loop {
            tokio::select! {
                biased;
                () = self.ends.stop.cancelled() => return None,
                slot = &mut slot => return slot.ok(),
                () = tokio::time::sleep(Duration::from_secs(60)) => {
                    tracing::warn!("every connection that [limits] connections allows is taken; new clients wait");
                }
            }
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: Peer,
        slot: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (router, limits, ends) = (self.router.clone(), self.limits.clone(), self.ends.clone());
        let acceptor = self.certificates.as_ref().map(|certificates| certificates.acceptor());
        async move {
            // Answers are written whole; waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => carry(stream, router, peer, &limits, &ends).await,
                Some(acceptor) => {
                    let shaken = tokio::select! {
                        shaken = tokio::time::timeout(limits.header, shake_hands(stream, &acceptor)) => shaken,
                        () = ends.stop.cancelled() => return,
                    };
                    match shaken {
                        Ok(Ok(stream)) => carry(stream, router, peer, &limits, &ends).await,
                        Ok(Err(error)) => tracing::debug!("no TLS with {}: {error}", peer.0),
                        Err(_) => tracing::debug!("no TLS with {}: the handshake took too long", peer.0),
                    }
                }
            }
            drop(slot);
        }
    }
}

/// The handshake. Who speaks plain HTTP is told what to do instead.
async fn shake_hands(mut stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        stream.write_all(PLAIN_ANSWER).await?;
        return Err(io::Error::other("it speaks plain HTTP"));
    }
    acceptor.accept(stream).await
}

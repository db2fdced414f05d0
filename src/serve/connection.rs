//! One connection of a client.
//!
//! It is in one of three phases: a request's head is coming, a request is being answered, or it lies idle. The first and the
//! last have a time limit each; the second has none, as a stream of events may last for days, but an answer that nobody
//! takes away counts as idle.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use futures_util::future::{Either, ready};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use super::server::Ends;
use crate::access::Peer;
use crate::api::constant_answer;

/// hyper must be able to hold at least this much.
const SMALLEST_BUFFER_BYTES: usize = 64 << 10;
/// Refusals in words are the routes'; what is this much over the limit is refused by the parser, without any.
const PARSER_HEADROOM: usize = 2;

/// The limits of a connection.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// From a head's first byte to its last.
    pub(super) header: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// Headers of a request.
    pub(super) headers: usize,
    /// Bytes of a head.
    pub(super) header_bytes: usize,
}

/// Carries a connection to its end.
pub(super) async fn carry<I>(io: I, router: Router, peer: Peer, limits: &Limits, ends: &Ends)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Arc::new(Watch::new(limits));
    let watched = Watched { io, watch: Arc::clone(&watch) };
    let answering = Arc::clone(&watch);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let busy = answering.begin();
        let answer = if let Some(answer) = constant_answer(&request) {
            Either::Left(ready(Ok(answer)))
        } else {
            request.extensions_mut().insert(peer);
            Either::Right(router.clone().call(request))
        };
        async move {
            answer.await.map(|response: Response<axum::body::Body>| response.map(|body| Answer { body, _busy: busy }))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_headers(limits.headers.saturating_mul(PARSER_HEADROOM).max(1))
        .max_buf_size(limits.header_bytes.saturating_mul(PARSER_HEADROOM).max(SMALLEST_BUFFER_BYTES));
    let connection = builder.serve_connection(TokioIo::new(watched), service);
    tokio::pin!(connection);
    let expired = watch.expired();
    tokio::pin!(expired);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection of {} broke: {error}", peer.0);
                }
                return;
            }
            () = &mut expired => {
                tracing::debug!("a connection of {} was closed: {}", peer.0, watch.phase().reason());
                return;
            }
            () = ends.cut.cancelled() => return,
            () = ends.stop.cancelled(), if !is_stopping => {
                // What has not been asked whole is not waited for.
                if watch.phase() == Phase::Head {
                    return;
                }
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Answering,
    Idle,
}

impl Phase {
    fn reason(self) -> &'static str {
        match self {
            Self::Head => "the head of its request took too long",
            Self::Answering => "nobody takes its answer away",
            Self::Idle => "it lay idle",
        }
    }
}

/// In which phase a connection is, since when, and since when its answer waits to be taken away.
struct Watch {
    start: Instant,
    header: Duration,
    idle: Duration,
    phase: AtomicU8,
    since: AtomicU64,
    blocked_since: AtomicU64,
}

const NOT_BLOCKED: u64 = u64::MAX;

impl Watch {
    fn new(limits: &Limits) -> Self {
        Self {
            start: Instant::now(),
            header: limits.header,
            idle: limits.idle,
            phase: AtomicU8::new(Phase::Head as u8),
            since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(NOT_BLOCKED),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NOT_BLOCKED - 1)
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Head,
            1 => Phase::Answering,
            _ => Phase::Idle,
        }
    }

    fn enter(&self, phase: Phase) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn begin(self: &Arc<Self>) -> Busy {
        self.phase.store(Phase::Answering as u8, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    fn has_read(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn has_written(&self, is_blocked: bool) {
        let was_blocked = self.blocked_since.load(Ordering::Relaxed) != NOT_BLOCKED;
        if is_blocked && !was_blocked {
            self.blocked_since.store(self.now(), Ordering::Relaxed);
        } else if !is_blocked && was_blocked {
            self.blocked_since.store(NOT_BLOCKED, Ordering::Relaxed);
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// What is left of the limit of this phase; `None` when it has none.
    fn left(&self) -> Option<Duration> {
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        let (since, limit) = match self.phase() {
            Phase::Head => (self.since.load(Ordering::Relaxed), self.header),
            Phase::Idle => (self.since.load(Ordering::Relaxed), self.idle),
            Phase::Answering if blocked != NOT_BLOCKED => (blocked, self.idle),
            Phase::Answering => return None,
        };
        Some(limit.saturating_sub(Duration::from_millis(self.now().saturating_sub(since))))
    }

    /// Returns once a limit has passed. It looks up often enough that a phase that begins meanwhile is not much overdrawn.
    async fn expired(&self) {
        let look_up = (self.header.min(self.idle) / 2).max(Duration::from_millis(20));
        loop {
            let left = self.left();
            if left == Some(Duration::ZERO) {
                return;
            }
            tokio::time::sleep(left.unwrap_or(look_up).min(look_up)).await;
        }
    }
}

/// A request under way. Its end is the end of its answer's body, or of the wish for one.
struct Busy(Arc<Watch>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

/// The body of an answer.
struct Answer {
    body: axum::body::Body,
    _busy: Busy,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells its watch of every byte.
struct Watched<I> {
    io: I,
    watch: Arc<Watch>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.watch.has_read();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> Watched<I> {
    fn noted<T>(&self, written: Poll<std::io::Result<T>>) -> Poll<std::io::Result<T>> {
        self.watch.has_written(written.is_pending());
        written
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.noted(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(header_millis: u64, idle_millis: u64) -> Arc<Watch> {
        let (header, idle) = (Duration::from_millis(header_millis), Duration::from_millis(idle_millis));
        Arc::new(Watch::new(&Limits { header, idle, headers: 1, header_bytes: 1 }))
    }

    #[tokio::test]
    async fn an_answer_may_last_and_all_else_may_not() {
        let watch = watch(1, 1);
        let busy = watch.begin();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(watch.left(), None, "an answer under way has no limit");
        watch.has_written(true);
        tokio::time::timeout(Duration::from_secs(10), watch.expired()).await.expect("nobody takes it away");
        watch.has_written(false);
        assert_eq!(watch.left(), None);
        drop(busy);
        assert_eq!(watch.phase(), Phase::Idle);
        tokio::time::timeout(Duration::from_secs(10), watch.expired()).await.expect("it lies idle");
    }

    #[test]
    fn a_byte_begins_a_head() {
        let watch = watch(60_000, 1);
        drop(watch.begin());
        watch.has_read();
        assert_eq!(watch.phase(), Phase::Head);
        assert!(watch.left().unwrap() > Duration::from_secs(30));
        // Further bytes of a head do not prolong it.
        let since = watch.since.load(Ordering::Relaxed);
        watch.has_read();
        assert_eq!(watch.since.load(Ordering::Relaxed), since);
    }
}

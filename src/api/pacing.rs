//! Requests that take their time or carry too much beside their body: refused in words before a handler sees them.
//!
//! A body may pause for so long and must come at a least rate over its whole length, so that a client that sends a byte now
//! and then does not hold a handler for days.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{ApiError, AppState};

/// What a body must bring in the long run, after one pause has been granted.
const LEAST_BYTES_A_SECOND: u64 = 512;

/// Refuses heads that are too large and paces bodies.
pub(super) async fn pace(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let limits = &state.settings.limits;
    let headers = request.headers();
    let line = request.uri().path().len() + request.uri().query().map_or(0, str::len);
    let bytes = headers.iter().fold(line, |bytes, (name, value)| bytes + name.as_str().len() + value.len() + 4);
    if headers.len() > limits.headers || bytes > limits.header_bytes {
        let error = ApiError::HeadTooLarge { headers: limits.headers, bytes: limits.header_bytes };
        return error.into_response();
    }
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let pause = Duration::from_secs(limits.body_seconds);
    next.run(request.map(|body| Body::new(Paced::new(body, pause)))).await
}

/// A body did not come fast enough.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request did not come within its time")]
pub(super) struct TooSlow {
    /// The longest pause.
    pub(super) seconds: u64,
}

impl TooSlow {
    /// Finds it among the causes of an error.
    pub(super) fn cause_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
    }
}

struct Paced {
    body: Body,
    pause: Duration,
    received: u64,
    /// How long somebody waited for this body so far, and since when somebody waits now.
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Paced {
    fn new(body: Body, pause: Duration) -> Self {
        Self { body, pause, received: 0, waited: Duration::ZERO, waiting: None }
    }

    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.received / LEAST_BYTES_A_SECOND);
        self.pause.min((self.pause + earned).saturating_sub(self.waited))
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some((since, _)) = self.waiting.take() {
                self.waited += since.elapsed();
            }
            if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                self.received += data.map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.waiting.is_none() {
            let now = Instant::now();
            let patience = self.patience();
            self.waiting = Some((now, Box::pin(sleep_until(now + patience))));
        }
        if let Some((_, timer)) = &mut self.waiting {
            ready!(timer.as_mut().poll(context));
        }
        let seconds = self.pause.as_secs();
        Poll::Ready(Some(Err(TooSlow { seconds }.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    /// A body of that many bytes each, with a pause before every one.
    fn trickle(bytes: usize, pause: Duration, times: usize) -> Body {
        let chunks = stream::iter(0..times).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; bytes]))
        });
        Body::from_stream(chunks)
    }

    async fn read(body: Body) -> Result<usize, String> {
        let paced = Paced::new(body, Duration::from_secs(30));
        match paced.collect().await {
            Ok(collected) => Ok(collected.to_bytes().len()),
            Err(error) => Err(TooSlow::cause_of(error.as_ref()).map_or_else(String::new, ToString::to_string)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_pause_but_not_trickle() {
        let seconds = Duration::from_secs;
        assert_eq!(read(trickle(10, Duration::ZERO, 100)).await, Ok(1_000));
        assert_eq!(read(trickle(20_000, seconds(20), 50)).await, Ok(1_000_000), "slow, but it comes");
        assert!(read(trickle(1_000_000, seconds(31), 2)).await.unwrap_err().contains("within its time"));
        assert!(read(trickle(1, seconds(5), 100)).await.unwrap_err().contains("within its time"));
    }
}

//! Work that goes on when whoever asked for it goes away.
//!
//! A server drops a request's future once its client hangs up. What stores something and then acts on it must not end in
//! between, so it runs in a task of its own, and the request only waits for that.

use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Runs work to its end and gives its outcome. A stop of the service waits for it by the tracker.
pub async fn to_completion<T: Send + 'static>(
    tracker: &TaskTracker,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tracker.spawn(work.in_current_span()).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(outcome) => outcome,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Nobody breaks it off but a runtime that ends, and that ends the caller as well.
        Err(Err(_)) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_ends_although_nobody_waits() {
        let tracker = TaskTracker::new();
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = async move {
            gone.await.unwrap();
            done.send(1).unwrap();
        };
        assert!(to_completion(&tracker, work).now_or_never().is_none(), "it waits for its turn");
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok(1));
        tracker.close();
        tracker.wait().await;
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_waits() {
        let tracker = TaskTracker::new();
        let work = std::panic::AssertUnwindSafe(to_completion(&tracker, async { panic!("scripted") }));
        assert!(work.catch_unwind().await.is_err());
        assert_eq!(to_completion(&tracker, async { 2 }).await, 2);
    }
}

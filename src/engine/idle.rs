//! A limit on how long nothing may move.

use std::time::Duration;

use tokio::time::Instant;

/// Watches for signs of life.
#[derive(Debug)]
pub(super) struct IdleClock {
    limit: Duration,
    last_sign: Instant,
}

impl IdleClock {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, last_sign: Instant::now() }
    }

    /// Waits for the work's next sign of life, which its end is as well. In between, `moved` is asked whether there
    /// was another sign. `None` when the limit passed without any. The work is not lost: it can be waited for again.
    pub(super) async fn wait<T>(
        &mut self,
        work: impl Future<Output = T>,
        mut moved: impl FnMut() -> bool,
    ) -> Option<T> {
        let pause = (self.limit / 8).clamp(Duration::from_millis(10), Duration::from_secs(5));
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(result) = tokio::time::timeout(pause, work.as_mut()).await {
                self.last_sign = Instant::now();
                return Some(result);
            }
            if moved() {
                self.last_sign = Instant::now();
            } else if self.last_sign.elapsed() >= self.limit {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_for_the_limit_is_idle() {
        let mut clock = IdleClock::new(Duration::from_secs(80));
        let started = Instant::now();
        let result = clock.wait(std::future::pending::<()>(), || false).await;
        assert_eq!(result, None);
        assert_eq!(started.elapsed().as_secs(), 80);
    }

    #[tokio::test(start_paused = true)]
    async fn movement_resets_the_clock() {
        let mut clock = IdleClock::new(Duration::from_secs(80));
        let started = Instant::now();
        let mut count = 0;
        let moved = || {
            count += 1;
            count < 20
        };
        assert_eq!(clock.wait(std::future::pending::<()>(), moved).await, None);
        let elapsed = started.elapsed().as_secs();
        assert!((170..=190).contains(&elapsed), "{elapsed}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_in_time_is_handed_on() {
        let mut clock = IdleClock::new(Duration::from_secs(80));
        for _ in 0..10 {
            let work = tokio::time::sleep(Duration::from_secs(70));
            assert!(clock.wait(work, || false).await.is_some());
        }
    }
}

//! How often somebody may try to log in with a wrong token.
//!
//! A token cannot be guessed; the limit tells whoever tries to stop. A right token is never refused: many people may come
//! from one address, such as a proxy's, and looking a token up costs no more than what any request shows.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; beyond it all who are new share one count.
const REMEMBERED: usize = 10_000;

/// Wrong attempts of the last minute by address.
#[derive(Debug)]
pub(super) struct Attempts {
    limit: u32,
    counts: Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>,
}

impl Attempts {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit.max(1), counts: Mutex::default() }
    }

    /// Counts a wrong attempt; how many seconds to wait when it is one too many.
    pub(super) fn count(&self, address: Option<IpAddr>) -> Result<(), u32> {
        let now = Instant::now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= REMEMBERED {
            counts.retain(|_, (start, _)| now.duration_since(*start) < WINDOW);
        }
        let is_known = counts.len() < REMEMBERED || counts.contains_key(&address);
        let (start, count) = counts.entry(address.filter(|_| is_known)).or_insert((now, 0));
        if now.duration_since(*start) >= WINDOW {
            (*start, *count) = (now, 0);
        }
        if *count >= self.limit {
            let left = WINDOW.saturating_sub(now.duration_since(*start));
            return Err(u32::try_from(left.as_secs()).unwrap_or(u32::MAX) + 1);
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count() {
        let attempts = Attempts::new(3);
        let address = |last| Some(IpAddr::from([10, 0, 0, last]));
        for _ in 0..3 {
            attempts.count(address(1)).unwrap();
        }
        assert!((1..=60).contains(&attempts.count(address(1)).unwrap_err()));
        attempts.count(address(2)).unwrap();
        attempts.count(None).unwrap();
    }
}

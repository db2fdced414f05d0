//! A clock that stands still until a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use fastbuild::clock::{Clock, Moment, SystemClock};

/// The clock.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows the present.
    pub fn new() -> Self {
        Self(AtomicI64::new(SystemClock.now().0))
    }

    /// Moves it to a moment.
    pub fn set(&self, moment: Moment) {
        self.0.store(moment.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}

//! Time, passed in rather than taken, so that tests can hold it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

/// A moment: microseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub i64);

impl Moment {
    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The moment this many seconds later.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// The moment this many milliseconds later.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }

    /// Milliseconds from `earlier` to this moment, zero when it is later.
    pub fn millis_since(self, earlier: Self) -> i64 {
        ((self.0 - earlier.0) / 1_000).max(0)
    }

    /// ISO 8601 without offset in a zone, such as `2026-11-21T02:54:07.054672`.
    pub fn in_zone(self, zone: &TimeZone) -> String {
        self.civil(zone).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
    }

    /// The name of a task's directory, such as `2026-11-21-02-54-07-053159`.
    pub fn as_directory_name(self, zone: &TimeZone) -> String {
        self.civil(zone).strftime("%Y-%m-%d-%H-%M-%S-%6f").to_string()
    }

    fn civil(self, zone: &TimeZone) -> jiff::civil::DateTime {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone()).datetime()
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let now = Timestamp::now();
        Moment(now.round(Unit::Microsecond).unwrap_or(now).as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_six_digits_and_no_offset() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let moment = Moment(1_795_229_647_054_672);
        assert_eq!(moment.in_zone(&zone), "2026-11-21T10:54:07.054672");
        assert_eq!(moment.as_directory_name(&TimeZone::UTC), "2026-11-21-02-54-07-054672");
    }
}

//! When an undelivered callback is tried again: at least once a minute for ten minutes, then ever more rarely.

use crate::clock::Moment;

const FIRST_DELAYS_SECONDS: [i64; 4] = [5, 15, 30, 45];
const STEADY_SECONDS: i64 = 55;
const STEADY_UNTIL_SECONDS: i64 = 600;
const LONGEST_SECONDS: i64 = 3_600;

/// The moment of the next attempt after `attempts` failed ones, of which the last began at `started`, or `None` when the
/// callback has expired. `jitter` in 0..=1 shortens the wait by up to a tenth, so that many callbacks do not come back at once.
pub fn next_attempt(
    created: Moment,
    started: Moment,
    attempts: u64,
    expire_seconds: u64,
    jitter: f64,
) -> Option<Moment> {
    let age_seconds = started.millis_since(created) / 1_000;
    let wait = match usize::try_from(attempts).ok().and_then(|made| FIRST_DELAYS_SECONDS.get(made.saturating_sub(1))) {
        Some(delay) => *delay,
        None if age_seconds < STEADY_UNTIL_SECONDS => STEADY_SECONDS,
        // A quarter of the age doubles the distance about every three attempts.
        None => (age_seconds / 4).clamp(STEADY_SECONDS, LONGEST_SECONDS),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "an hour in microseconds is exact"
    )]
    let micros = (wait as f64 * 1e6 * (1.0 - 0.1 * jitter.clamp(0.0, 1.0))) as i64;
    let next = Moment(started.0 + micros);
    let expires = created.plus_seconds(i64::try_from(expire_seconds).unwrap_or(i64::MAX / 2_000_000));
    (next <= expires).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minute_of_the_first_ten_has_an_attempt_and_the_last_is_within_the_day() {
        for jitter in [0.0, 0.5, 1.0] {
            let created = Moment(1_000_000_000);
            let (mut now, mut attempts, mut gaps) = (created, 1, Vec::new());
            while let Some(next) = next_attempt(created, now, attempts, 86_400, jitter) {
                gaps.push((now.millis_since(created) / 1_000, next.millis_since(now)));
                (now, attempts) = (next, attempts + 1);
            }
            assert!(gaps.iter().filter(|(age, _)| *age < 600).all(|(_, gap)| *gap <= 60_000), "{gaps:?}");
            assert!(gaps.iter().all(|(_, gap)| *gap <= 3_600_000));
            assert!((40..100).contains(&attempts), "{attempts} attempts in a day");
            assert!(now.millis_since(created) > 82_000_000, "gave up early");
        }
    }
}

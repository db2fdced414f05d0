//! What this process remembers of attempts that the database did not take.
//!
//! Their rows still say that they are due, and only memory keeps them from being sent again at once. What the receiver
//! has is not sent again at all: its record alone is tried anew. A restart forgets all this and sends what rows say.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::outcome::Outcome;

const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Short enough for an attempt a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(40);
/// However long an attempt took, the next one does not follow on its heels.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// A pause that ended so long ago says nothing any more: the callback may be gone.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

struct Held {
    until: Instant,
    pause: Duration,
    /// The receiver has it.
    delivered: Option<Outcome>,
}

/// Deliveries that wait although their rows are due, by id.
#[derive(Default)]
pub(super) struct HeldBack(Mutex<HashMap<String, Held>>);

impl HeldBack {
    /// Whether a delivery must not be sent now.
    pub(super) fn has(&self, delivery_id: &str, now: Instant) -> bool {
        self.held().get(delivery_id).is_some_and(|held| held.delivered.is_some() || held.until > now)
    }

    /// What the receivers have and the database should be told again now.
    pub(super) fn to_record(&self, now: Instant) -> Vec<Outcome> {
        let mut held = self.held();
        held.retain(|_, held| held.delivered.is_some() || held.until + FORGOTTEN_AFTER > now);
        held.values().filter(|held| held.until <= now).filter_map(|held| held.delivered.clone()).collect()
    }

    /// Holds a delivery back, twice as long as the last time, counted from the attempt's start; for how long.
    pub(super) fn hold(&self, delivery_id: &str, started: Instant, delivered: Option<Outcome>) -> Duration {
        let mut held = self.held();
        let last = held.get(delivery_id).map(|held| held.pause);
        let pause = last.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        let now = Instant::now();
        let until = (started + pause).max(now + SHORTEST_PAUSE);
        held.insert(delivery_id.to_owned(), Held { until, pause, delivered });
        until - now
    }

    /// Lets a delivery go: its row says what follows.
    pub(super) fn release(&self, delivery_id: &str) {
        self.held().remove(delivery_id);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sender::Answer;
    use super::*;
    use crate::clock::Moment;
    use crate::store::{DeliveryRow, NewAttempt};

    fn outcome(delivery_id: &str) -> Outcome {
        let (delivery_id, text) = (delivery_id.to_owned(), String::new);
        let delivery = DeliveryRow {
            primary_id: 1,
            delivery_id: delivery_id.clone(),
            task_id: 7,
            url: text(),
            body: text(),
            status: "pending".to_owned(),
            attempts: 0,
            next_attempt_time: 1,
            create_time: 1,
            update_time: 1,
            receiver: text(),
        };
        let attempt = NewAttempt {
            delivery_id,
            task_id: 7,
            url: text(),
            headers_sealed: text(),
            body: text(),
            result: text(),
            status_code: Some(200),
        };
        Outcome::new(
            &delivery,
            (attempt, Answer { status_code: Some(200), text: text() }),
            Moment(1),
            Moment(1),
            86_400,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_forty_seconds_and_begin_anew_once_it_was_recorded() {
        let held_back = HeldBack::default();
        for seconds in [5, 10, 20, 40, 40] {
            let pause = held_back.hold("d1", Instant::now(), None);
            assert_eq!(pause, Duration::from_secs(seconds));
            assert!(held_back.has("d1", Instant::now()) && !held_back.has("d2", Instant::now()));
            tokio::time::advance(pause).await;
            assert!(!held_back.has("d1", Instant::now()), "after {seconds} s");
        }
        held_back.release("d1");
        assert_eq!(held_back.hold("d1", Instant::now(), None), FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_took_long_counts_from_its_start() {
        let held_back = HeldBack::default();
        let started = Instant::now();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(held_back.hold("d1", started, None), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(held_back.hold("d1", started, None), SHORTEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_receiver_has_is_only_recorded() {
        let held_back = HeldBack::default();
        let pause = held_back.hold("d1", Instant::now(), Some(outcome("d1")));
        held_back.hold("d2", Instant::now(), None);
        assert!(held_back.to_record(Instant::now()).is_empty());
        tokio::time::advance(pause).await;
        let due: Vec<String> =
            held_back.to_record(Instant::now()).into_iter().map(|outcome| outcome.delivery.delivery_id).collect();
        assert_eq!(due, ["d1"]);
        // However long it takes, it is neither sent again nor forgotten.
        tokio::time::advance(FORGOTTEN_AFTER * 2).await;
        assert_eq!(held_back.to_record(Instant::now()).len(), 1);
        assert!(held_back.has("d1", Instant::now()));
        assert_eq!(held_back.held().len(), 1, "d2 is forgotten");
    }
}

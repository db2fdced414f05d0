//! What came of an attempt, and what follows from it.

use super::schedule::next_attempt;
use super::sender::Answer;
use crate::clock::Moment;
use crate::metrics::{CallbackResult, Metrics};
use crate::store::{DeliveryRow, NewAttempt};

/// An attempt that was made.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) delivery: DeliveryRow,
    pub(super) attempt: NewAttempt,
    pub(super) answer: Answer,
    /// `pending`, `delivered` or `expired`.
    pub(super) status: &'static str,
    /// When the next attempt is due.
    pub(super) next: Moment,
    /// When the answer came.
    pub(super) time: Moment,
}

impl Outcome {
    /// Of an attempt that began at `started` and whose answer came at `time`.
    pub(super) fn new(
        delivery: &DeliveryRow,
        (attempt, answer): (NewAttempt, Answer),
        started: Moment,
        time: Moment,
        expire_seconds: u64,
    ) -> Self {
        let (status, next) = if answer.is_delivered() {
            ("delivered", time)
        } else {
            let created = Moment(delivery.create_time);
            match next_attempt(created, started, attempts(delivery), expire_seconds, rand::random()) {
                Some(next) => ("pending", next.max(time.plus_seconds(1))),
                None => ("expired", time),
            }
        };
        Self { delivery: delivery.clone(), attempt, answer, status, next, time }
    }

    /// Counts and logs it.
    pub(super) fn tell(&self, metrics: &Metrics) {
        let Self { delivery, answer, .. } = self;
        let result = match self.status {
            "delivered" => CallbackResult::Delivered,
            "expired" => CallbackResult::Expired,
            _ => CallbackResult::Failed,
        };
        metrics.callback_attempted(result, self.time.millis_since(Moment(delivery.create_time)));
        let (id, task_id, url) = (&delivery.delivery_id, delivery.task_id, &delivery.url);
        let attempts = attempts(delivery);
        match self.status {
            "delivered" => tracing::info!(task.id = task_id, "callback {id} of task {task_id} delivered to {url}"),
            "expired" => tracing::error!(
                task.id = task_id,
                "callback {id} of task {task_id} to {url} given up after {attempts} attempts: {}",
                answer.quoted()
            ),
            _ => tracing::warn!(
                task.id = task_id,
                "callback {id} of task {task_id} to {url} will be tried again: attempt {attempts} got {:?}: {}",
                answer.status_code,
                answer.quoted()
            ),
        }
    }
}

/// How many attempts a delivery has had with the one that was just made.
fn attempts(delivery: &DeliveryRow) -> u64 {
    u64::try_from(delivery.attempts).unwrap_or(0) + 1
}

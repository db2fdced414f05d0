//! The newest events of a running task, held for its watchers: a thousand of them read one line from memory instead of a
//! thousand files. Who is further behind reads the journal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

const KEPT_LINES: usize = 128;

/// An event as watchers are sent it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub name: &'static str,
    /// Whether nothing follows.
    pub is_end: bool,
    /// Its JSON.
    pub line: Arc<str>,
}

/// The newest events of a task.
#[derive(Debug)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// Number of the last event, kept or not.
    last: u64,
    lines: VecDeque<Told>,
}

impl Recent {
    /// None yet; the last event of the journal has this number.
    pub(super) fn new(last: u64) -> Self {
        Self(Mutex::new(Kept { last, lines: VecDeque::new() }))
    }

    pub(super) fn push(&self, told: Told) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.lines.len() == KEPT_LINES {
            kept.lines.pop_front();
        }
        kept.last = told.number;
        kept.lines.push_back(told);
    }

    /// The events that follow a number; `None` when some of them are not kept any more.
    fn after(&self, number: u64) -> Option<Vec<Told>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = usize::try_from(kept.last.saturating_sub(number)).ok()?;
        let skipped = kept.lines.len().checked_sub(missing)?;
        Some(kept.lines.iter().skip(skipped).cloned().collect())
    }
}

/// A running task's bell, which rings with the number of its last event, and the events behind it.
#[derive(Debug, Clone)]
pub struct Bell {
    pub(super) number: watch::Receiver<u64>,
    pub(super) recent: Arc<Recent>,
}

impl Bell {
    /// The events that follow a number; `None` when they must be read from the journal.
    pub fn after(&self, number: u64) -> Option<Vec<Told>> {
        self.recent.after(number)
    }

    /// Waits for an event that follows a number; `false` when the task runs no longer and there is none.
    pub async fn rings_after(&mut self, number: u64) -> bool {
        self.number.wait_for(|last| *last > number).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: u64) -> Told {
        Told { number, name: "log", is_end: false, line: number.to_string().into() }
    }

    #[test]
    fn what_is_kept_is_given_and_the_rest_is_not_invented() {
        let recent = Recent::new(7);
        let numbers =
            |number| recent.after(number).map(|lines| lines.iter().map(|told| told.number).collect::<Vec<_>>());
        assert_eq!(numbers(7), Some(vec![]));
        assert_eq!(numbers(9), Some(vec![]), "a watcher that is ahead waits");
        assert_eq!(numbers(6), None, "what an earlier process wrote is in the journal");
        recent.push(told(8));
        recent.push(told(9));
        assert_eq!(numbers(7), Some(vec![8, 9]));
        assert_eq!(numbers(8), Some(vec![9]));
        assert_eq!(numbers(6), None);
        (10..10 + KEPT_LINES as u64).for_each(|number| recent.push(told(number)));
        assert_eq!(numbers(8), None);
        assert_eq!(numbers(9).unwrap().len(), KEPT_LINES);
    }
}

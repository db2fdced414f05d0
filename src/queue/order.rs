//! How many tasks will be taken before one that waits, as the claim's order goes: round the users.

use std::collections::HashMap;

use crate::store::{QueueLine, QueueRank, Store, StoreError, TaskRow};
use crate::task::TaskState;

/// Who waits.
#[derive(Debug, Clone, Default)]
pub struct QueueOrder {
    lines: HashMap<String, QueueLine>,
}

impl QueueOrder {
    /// Of users who wait.
    pub fn new(lines: Vec<QueueLine>) -> Self {
        Self { lines: lines.into_iter().map(|line| (line.queue_user.clone(), line)).collect() }
    }

    /// How many tasks go before the one of that rank in its user's line: in each round every other user who still
    /// waits has one, and in the last round those who come before this user.
    pub fn position(&self, queue_user: &str, rank: i64) -> i64 {
        let own = self.lines.get(queue_user);
        let others = self.lines.values().filter(|line| line.queue_user != queue_user);
        let before = others.map(|line| {
            let is_earlier = own.is_none_or(|own| (line.turn, line.first) < (own.turn, own.first));
            line.waiting.min(rank + i64::from(is_earlier))
        });
        rank + before.sum::<i64>()
    }

    /// Where a new task of a user would stand.
    pub fn position_of_next(&self, queue_user: &str) -> i64 {
        self.position(queue_user, self.lines.get(queue_user).map_or(0, |line| line.waiting))
    }
}

/// The positions of those rows that wait, by row number.
pub async fn queue_positions(store: &Store, rows: &[TaskRow]) -> Result<HashMap<i64, i64>, StoreError> {
    let waiting = || rows.iter().filter(|row| row.state == TaskState::Queued.as_str()).map(|row| row.primary_id);
    let (Some(from), Some(to)) = (waiting().min(), waiting().max()) else { return Ok(HashMap::new()) };
    let (lines, ranks) = tokio::try_join!(store.queue_lines(), store.queue_ranks(from, to))?;
    let order = QueueOrder::new(lines);
    let position = |QueueRank { primary_id, queue_user, rank }| (primary_id, order.position(&queue_user, rank));
    Ok(ranks.into_iter().map(position).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(queue_user: &str, waiting: i64, first: i64, turn: i64) -> QueueLine {
        QueueLine { queue_user: queue_user.to_owned(), waiting, first, turn }
    }

    #[test]
    fn positions_are_those_of_a_queue_played_to_its_end() {
        let lines = [line("a", 5, 1, 7), line("b", 2, 6, 3), line("c", 1, 8, 0), line("d", 3, 9, 0)];
        let order = QueueOrder::new(lines.to_vec());
        let mut players = lines.to_vec();
        let mut taken: HashMap<String, i64> = HashMap::new();
        for (clock, position) in (100..).zip(0..11) {
            let next = players.iter_mut().filter(|line| line.waiting > 0).min_by_key(|line| (line.turn, line.first));
            let next = next.expect("eleven tasks wait");
            (next.waiting, next.turn) = (next.waiting - 1, clock);
            let rank = taken.entry(next.queue_user.clone()).or_default();
            assert_eq!(order.position(&next.queue_user, *rank), position, "{} {rank}", next.queue_user);
            *rank += 1;
        }
        // At worst: one of everybody else's before who comes new, all of them before who comes again.
        assert_eq!(order.position_of_next("e"), 4);
        assert_eq!(order.position_of_next("a"), 11);
    }
}

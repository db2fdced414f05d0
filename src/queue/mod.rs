//! The queue: rows that wait, and the workers that take them.
//!
//! A task is accepted by a committed row and nothing else; a worker is woken at once and looks again by itself now and
//! then. Start-up puts back what an earlier process left unfinished, and a timer what nobody works on. The order goes
//! round the users, each one's oldest task first.

mod cancel;
mod delete;
mod leftovers;
mod order;
mod repetition;
mod strays;
mod submit;
mod watchdog;
mod worker;

pub use cancel::{CancelError, Cancelled};
pub use delete::{DeleteError, delete_task};
pub use leftovers::{Maker, remove_leftovers};
pub use order::{QueueOrder, queue_positions};
pub use submit::{Accepted, Preview, Submission, Submissions, SubmitError};
pub use watchdog::Watchdog;
pub use worker::Worker;

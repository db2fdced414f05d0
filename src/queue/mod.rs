//! The queue: rows that wait, and the workers that take them.
//!
//! A task is accepted by a committed row and nothing else; a worker is woken at once and looks again by itself now and
//! then. Start-up puts back what an earlier process left unfinished. Order is the order of submission.

mod cancel;
mod delete;
mod leftovers;
mod submit;
mod worker;

pub use cancel::{CancelError, Cancelled};
pub use delete::{DeleteError, delete_task};
pub use leftovers::{Maker, remove_leftovers};
pub use submit::{Accepted, Preview, Submission, Submissions, SubmitError};
pub use worker::Worker;

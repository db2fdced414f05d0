//! The queue: rows that wait, and the workers that take them.
//!
//! A task is accepted by a committed row and nothing else; a worker is woken at once and looks again by itself now and
//! then. Start-up puts back what an earlier process left unfinished. Order is the order of submission.

mod cancel;
mod submit;
mod worker;

pub use cancel::{CancelError, Cancelled};
pub use submit::{Accepted, Preview, Submission, SubmitError, Submissions};
pub use worker::Worker;

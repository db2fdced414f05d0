//! What a task does, written down while it does it.
//!
//! Each task has a journal of numbered events beside its logs. Writers append; watchers read the file and are woken by a
//! number, so that any number of them costs the build nothing and a watcher that comes back misses nothing.

mod event;
mod feed;
mod journal;
mod recent;

pub use event::{Event, EventBody};
pub use feed::{Feed, Feeds};
pub use journal::{JournalReader, Numbered};
pub use recent::{Bell, Told};

//! The real service on a free port with a database of its own, and what stands around it.

mod browser;
pub mod captured;
pub mod certificate;
pub mod clock;
mod container;
mod daemon;
mod disk;
mod gated_index;
pub mod harbor;
mod harbor_api;
mod harbor_blobs;
mod harbor_fault;
mod images;
pub mod index;
pub mod meddling;
pub mod process;
pub mod proxy;
mod receiver;
pub mod registry;
mod request;
pub mod scripted;
mod service;
pub mod sockets;
mod watcher;

pub use browser::{Browser, DESKTOP, Look};
pub use clock::ManualClock;
pub use container::{Container, docker, docker_text};
pub use daemon::OwnDaemon;
pub use disk::SmallDisk;
pub use gated_index::GatedIndex;
pub use images::{fetch_again, forget, registry_only};
pub use receiver::Receiver;
pub use request::{RequestShape, encrypted};
pub use service::{Configuration, TestService};
pub use watcher::{Watched, Watcher};

use std::future::Future;
use std::time::{Duration, Instant};

/// Waits until `condition` gives something, or fails the test after `limit`.
pub async fn wait_for<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(start.elapsed() < limit, "gave up after {limit:?} waiting for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

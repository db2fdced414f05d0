//! Keeps disks from filling up: what is old and needed by nobody goes, by rules that the settings name.
//!
//! One timer runs every rule, and `POST /system/retention` the same ones; a dry run says what would go and why. Ours are
//! found by rows and labels, and by the one prefix that nobody else can have. What a container uses, an unfinished task
//! needs or a base row offers stays, and an image leaves the daemon only when the registry still has the very manifest
//! that was pushed.

mod build_cache;
mod directories;
mod images;
mod pins;
mod rows;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use sweep::{Kept, Kind, Reason, Removed, Sweep};

use crate::clock::Moment;
use crate::disk::Disks;
use crate::engine::EngineError;
use crate::health::Health;
use crate::pipeline::Pipeline;
use crate::settings::RetentionSection;
use crate::site::SiteError;
use crate::store::StoreError;

const MILLIS_PER_HOUR: i64 = 3_600_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// A start has other things to do first.
const FIRST_SWEEP: Duration = Duration::from_mins(5);
/// How often the disks are looked at between two sweeps.
const LOOK: Duration = Duration::from_secs(30);
/// How soon a disk that is still low is swept again.
const LOW_AGAIN: Duration = Duration::from_mins(10);

/// Why a rule could not be followed. The others are, all the same.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The site is not configured or its daemon cannot be reached.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The daemon refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The directory of task directories cannot be read.
    #[error("the task directories cannot be listed: {0}")]
    Directory(#[from] std::io::Error),
}

/// Runs the rules.
pub struct Retention {
    pipeline: Arc<Pipeline>,
    health: Arc<Health>,
    disks: Arc<Disks>,
    /// Two sweeps at once would tell of the same things twice.
    sweeping: tokio::sync::Mutex<()>,
}

impl Retention {
    /// Works with this pipeline's rows, directories and daemon.
    pub fn new(pipeline: Arc<Pipeline>, health: Arc<Health>, disks: Arc<Disks>) -> Self {
        Self { pipeline, health, disks, sweeping: tokio::sync::Mutex::default() }
    }

    /// Sweeps by the timer, and earlier when a disk is low, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let settings = self.settings().clone();
        if !settings.enabled {
            return;
        }
        let every = Duration::from_secs(settings.every_seconds.max(1));
        let mut next = tokio::time::Instant::now() + every.min(FIRST_SWEEP);
        let mut next_when_low = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK.min(every)) => {}
            }
            let now = tokio::time::Instant::now();
            let is_low = now >= next_when_low && self.disks.low().await.is_some();
            if now < next && !is_low {
                continue;
            }
            (next, next_when_low) = (now + every, now + LOW_AGAIN);
            tokio::select! {
                () = stop.cancelled() => return,
                sweep = self.sweep(false) => sweep.log(),
            }
        }
    }

    /// Follows every rule once; a dry run changes nothing.
    pub async fn sweep(&self, is_dry_run: bool) -> Sweep {
        let _turn = self.sweeping.lock().await;
        let mut sweep = Sweep::new(is_dry_run);
        let low = self.disks.low_docker().await;
        let outcome = self.sweep_directories(&mut sweep).await;
        sweep.note_failure(Kind::TaskDirectory, outcome);
        let outcome = self.sweep_rows(&mut sweep).await;
        sweep.note_failure(Kind::TaskRow, outcome);
        let outcome = self.sweep_images(&mut sweep, low.is_some()).await;
        sweep.note_failure(Kind::LocalImage, outcome);
        let outcome = self.sweep_pins(&mut sweep).await;
        sweep.note_failure(Kind::BuildInput, outcome);
        let outcome = self.sweep_build_cache(&mut sweep, low.map_or(0, |low| low.missing_bytes())).await;
        sweep.note_failure(Kind::BuildCache, outcome);
        sweep
    }

    fn settings(&self) -> &RetentionSection {
        &self.pipeline.settings.retention
    }

    fn hours_since(&self, since: Moment) -> i64 {
        self.pipeline.now().millis_since(since) / MILLIS_PER_HOUR
    }

    /// The moment before which what is this many days old lies; `None` when it is kept for ever.
    fn days_ago(&self, days: u32) -> Option<Moment> {
        (days > 0).then(|| self.pipeline.now().plus_seconds(-i64::from(days) * SECONDS_PER_DAY))
    }

    fn age_days(&self, since: Moment) -> i64 {
        self.pipeline.now().millis_since(since) / 1_000 / SECONDS_PER_DAY
    }
}

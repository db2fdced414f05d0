//! What this service depends on, and how each of it does.
//!
//! The last answers are kept for a few seconds, so that probes do not become load, and are renewed by a timer, so that
//! metrics show them without asking. The daemon's or the registry's own words go to the log, once, when something begins
//! to fail; callers are told the cause.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cause::Cause;
use crate::disk::{Disks, LowDisk};
use crate::engine::{DaemonDisk, EngineError};
use crate::site::{Site, SiteError};
use crate::store::Store;

/// How long an answer of the dependencies is good; Harbor is not asked to log us in for every probe.
const FRESH: Duration = Duration::from_secs(5);
/// How long one dependency may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How often the timer asks.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How often the daemon adds up its disk, for which it walks its layers.
const ADD_UP_AGAIN: Duration = Duration::from_mins(15);

/// How a dependency does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It answered.
    Ok,
    /// It failed or did not answer in time.
    Failing,
    /// Nobody configured it yet.
    NotConfigured,
    /// It could not be asked because another one fails.
    Unknown,
}

/// A dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// How it does.
    pub condition: Condition,
    /// Why it fails.
    pub cause: Option<Cause>,
    /// The disk, when one is low.
    pub low: Option<LowDisk>,
}

impl Dependency {
    fn of(condition: Condition) -> Self {
        Self { condition, cause: None, low: None }
    }

    fn failing(cause: Cause, low: Option<LowDisk>) -> Self {
        Self { condition: Condition::Failing, cause: Some(cause), low }
    }
}

/// Every dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The database.
    pub database: Dependency,
    /// The Docker server.
    pub docker_server: Dependency,
    /// Harbor, as the Docker server sees it.
    pub harbor: Dependency,
    /// Room on every disk that can be measured.
    pub disk: Dependency,
}

impl Report {
    /// Each with its name.
    pub fn parts(&self) -> [(&'static str, &Dependency); 4] {
        [
            ("database", &self.database),
            ("docker_server", &self.docker_server),
            ("harbor", &self.harbor),
            ("disk", &self.disk),
        ]
    }

    /// Whether nothing that is configured fails.
    pub fn is_ready(&self) -> bool {
        self.parts().iter().all(|(_, part)| part.condition != Condition::Failing)
    }
}

/// Asks the dependencies.
pub struct Health {
    store: Arc<Store>,
    site: Arc<Site>,
    disks: Arc<Disks>,
    last: Mutex<Option<Kept>>,
    usage: Mutex<Option<DaemonDisk>>,
    /// Another configuration is asked at once.
    changes: watch::Receiver<u64>,
}

/// A report of one configuration.
#[derive(Clone)]
struct Kept {
    time: Instant,
    configuration: u64,
    report: Report,
}

impl Health {
    /// Asks nothing yet.
    pub fn new(store: Arc<Store>, site: Arc<Site>, disks: Arc<Disks>) -> Self {
        let changes = site.changes();
        Self { store, site, disks, last: Mutex::default(), usage: Mutex::default(), changes }
    }

    /// How each does, at most a few seconds old.
    pub async fn report(&self) -> Report {
        let fresh = self.kept().filter(|kept| kept.time.elapsed() < FRESH);
        if let Some(kept) = fresh {
            return kept.report;
        }
        let configuration = *self.changes.borrow();
        let report = self.ask().await;
        let kept = Kept { time: Instant::now(), configuration, report: report.clone() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        report
    }

    /// What was found out last, however old, of the configuration in force.
    pub fn last(&self) -> Option<Report> {
        self.kept().map(|kept| kept.report)
    }

    /// Bytes in use at the daemon, as it said last.
    pub fn usage(&self) -> Option<DaemonDisk> {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what the daemon said of its disk.
    pub fn note_usage(&self, usage: Option<DaemonDisk>) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }

    /// Asks by itself until `stop`.
    pub async fn observe(self: Arc<Self>, stop: CancellationToken) {
        let looking = async {
            let mut changes = self.changes.clone();
            loop {
                changes.mark_unchanged();
                self.report().await;
                pause(LOOK_AGAIN, &mut changes).await;
            }
        };
        let adding_up = async {
            let mut changes = self.changes.clone();
            loop {
                changes.mark_unchanged();
                self.note_usage(self.ask_usage().await.ok());
                pause(ADD_UP_AGAIN, &mut changes).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looking => {}
            () = adding_up => {}
        }
    }

    async fn ask_usage(&self) -> Result<DaemonDisk, SiteError> {
        Ok(self.site.docker_server().await?.engine.disk_usage().await?)
    }

    fn kept(&self) -> Option<Kept> {
        let kept = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.filter(|kept| kept.configuration == *self.changes.borrow())
    }

    async fn ask(&self) -> Report {
        let before = self.last();
        let was = |name: &str| {
            let parts = before.as_ref().map(Report::parts);
            parts.and_then(|parts| parts.into_iter().find(|(part, _)| *part == name).map(|(_, part)| part.condition))
        };
        let was_failing = |name: &str| was(name) == Some(Condition::Failing);
        let ping = async { Ok(self.store.ping().await?) };
        let database = within("database", was_failing("database"), ping).await;
        let docker_server = within("docker_server", was_failing("docker_server"), self.reach()).await;
        let harbor = match docker_server.condition {
            Condition::Ok => within("harbor", was_failing("harbor"), self.login()).await,
            Condition::NotConfigured => Dependency::of(Condition::NotConfigured),
            Condition::Failing | Condition::Unknown => Dependency::of(Condition::Unknown),
        };
        let disk = match self.disks.low().await {
            None => Dependency::of(Condition::Ok),
            Some(low) => Dependency::failing(Cause::DiskFull, Some(low)),
        };
        Report { database, docker_server, harbor, disk }
    }

    async fn reach(&self) -> Result<(), SiteError> {
        let server = self.site.docker_server().await?;
        let info = server.engine.info().await?;
        self.disks.note_docker_root(&server.endpoint, &info.root_directory);
        Ok(())
    }

    async fn login(&self) -> Result<(), SiteError> {
        let harbor = self.site.harbor().await?;
        Ok(self.site.docker_server().await?.engine.check_login(&harbor.account).await?)
    }
}

/// Waits, at most until another configuration is in force. The site counts its changes as long as it lives.
async fn pause(time: Duration, changes: &mut watch::Receiver<u64>) {
    let _ = tokio::time::timeout(time, changes.changed()).await;
}

async fn within(name: &str, was_failing: bool, call: impl Future<Output = Result<(), SiteError>>) -> Dependency {
    let (cause, words) = match tokio::time::timeout(LIMIT, call).await {
        Ok(Ok(())) => return Dependency::of(Condition::Ok),
        Ok(Err(SiteError::NotConfigured(_))) => return Dependency::of(Condition::NotConfigured),
        Ok(Err(SiteError::Engine(EngineError { cause, message, .. }))) => (cause, message),
        Ok(Err(error @ (SiteError::Store(_) | SiteError::Sealed(_)))) => (Cause::Internal, error.to_string()),
        Err(_) => (Cause::Timeout, format!("no answer within {} s", LIMIT.as_secs())),
    };
    if !was_failing {
        tracing::warn!("{name} fails: {cause} - {words}");
    }
    Dependency::failing(cause, None)
}

//! What handlers share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::ApiError;
use super::kept::KeptAnswers;
use crate::access::{Access, Caller};
use crate::callback::CallbackService;
use crate::catalogue::Catalogue;
use crate::clock::{Clock, Moment};
use crate::console::Console;
use crate::disk::Disks;
use crate::health::Health;
use crate::images::Images;
use crate::language::Message;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::progress::Feeds;
use crate::queue::{Submissions, Worker};
use crate::retention::Retention;
use crate::sbom::Sboms;
use crate::scan::Scans;
use crate::secret::Sealer;
use crate::settings::Settings;
use crate::site::Site;
use crate::store::{Store, TaskRow};
use crate::task::TaskId;

/// What handlers share; cloning it is cheap.
#[derive(Clone)]
pub struct AppState {
    /// The settings of this process.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Arc<Store>,
    /// Host, Harbor and Docker server.
    pub site: Arc<Site>,
    /// Who may call.
    pub access: Arc<Access>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Opens what lies sealed in rows.
    pub sealer: Arc<Sealer>,
    /// Mirrors and installers.
    pub catalogue: Arc<Catalogue>,
    /// Journals of running tasks.
    pub feeds: Arc<Feeds>,
    /// The callback outbox.
    pub callbacks: Arc<CallbackService>,
    /// A task's way.
    pub pipeline: Arc<Pipeline>,
    /// Runs tasks.
    pub worker: Arc<Worker>,
    /// Accepts tasks.
    pub submissions: Arc<Submissions>,
    /// Images outside a task's run.
    pub images: Arc<Images>,
    /// Fires when the service stops.
    pub stop: CancellationToken,
    /// What this service depends on.
    pub health: Arc<Health>,
    /// The disks that fill up.
    pub disks: Arc<Disks>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Keeps disks from filling up.
    pub retention: Arc<Retention>,
    /// Lists as they were last answered.
    pub kept_lists: Arc<KeptAnswers>,
    /// Harbor's scans.
    pub scans: Arc<Scans>,
    /// Lists of what is installed.
    pub sboms: Arc<Sboms>,
}

impl AppState {
    /// What the console's pages need of it.
    pub(super) fn console(&self) -> Console {
        Console {
            settings: Arc::clone(&self.settings),
            store: Arc::clone(&self.store),
            site: Arc::clone(&self.site),
            catalogue: Arc::clone(&self.catalogue),
            callbacks: Arc::clone(&self.callbacks),
            cipher: Arc::clone(&self.pipeline.cipher),
            access: Arc::clone(&self.access),
        }
    }

    /// The task, when there is one and the caller may see it. Others learn nothing of it.
    pub(super) async fn task_of(&self, caller: &Caller, task_id: TaskId) -> Result<TaskRow, ApiError> {
        let task = self.store.task(task_id).await?.filter(|task| caller.sees(&task.owner));
        task.ok_or_else(|| Message::TaskUnknown { task_id: task_id.0 }.into())
    }

    /// An address on this service as answers tell it: signed where callers must show who they are.
    pub(super) fn address(&self, path: &str, task_id: Option<i64>) -> String {
        let prefix = self.site.public_url();
        if self.access.was_closed() {
            format!("{prefix}{}", self.access.sign(path, task_id))
        } else {
            format!("{prefix}{path}")
        }
    }

    /// Where the events of a task open without a token, where callers must show one.
    pub(super) fn events_url(&self, task_id: i64) -> Option<String> {
        self.access.was_closed().then(|| self.address("/api/fast-build/task/events", Some(task_id)))
    }

    /// Where the list of what is installed in a task's image opens without a token, where callers must show one.
    pub(super) fn sbom_url(&self, task_id: i64) -> Option<String> {
        self.access.was_closed().then(|| self.address("/api/fast-build/task/sbom", Some(task_id)))
    }

    /// A moment as answers write it.
    pub(super) fn time(&self, micros: i64) -> String {
        Moment(micros).in_zone(&self.settings.fb.time_zone.0)
    }
}

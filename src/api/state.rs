//! What handlers share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::health::Readiness;
use super::kept::KeptAnswers;
use crate::callback::CallbackService;
use crate::catalogue::Catalogue;
use crate::clock::{Clock, Moment};
use crate::console::Console;
use crate::images::Images;
use crate::pipeline::Pipeline;
use crate::progress::Feeds;
use crate::queue::{Submissions, Worker};
use crate::secret::Sealer;
use crate::settings::Settings;
use crate::site::Site;
use crate::store::Store;

/// What handlers share; cloning it is cheap.
#[derive(Clone)]
pub struct AppState {
    /// The settings of this process.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Arc<Store>,
    /// Host, Harbor and Docker server.
    pub site: Arc<Site>,
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
    /// The last answers of what this service depends on.
    pub readiness: Arc<Readiness>,
    /// Lists as they were last answered.
    pub kept_lists: Arc<KeptAnswers>,
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
        }
    }

    /// A moment as answers write it.
    pub(super) fn time(&self, micros: i64) -> String {
        Moment(micros).in_zone(&self.settings.fb.time_zone.0)
    }
}

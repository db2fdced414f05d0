//! What handlers share.

use std::sync::Arc;

use super::health::Readiness;
use crate::clock::{Clock, Moment};
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
    /// The last answers of what this service depends on.
    pub(super) readiness: Arc<Readiness>,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        site: Arc<Site>,
        clock: Arc<dyn Clock>,
        sealer: Arc<Sealer>,
    ) -> Self {
        Self { settings, store, site, clock, sealer, readiness: Arc::default() }
    }

    /// A moment as answers write it.
    pub(super) fn time(&self, micros: i64) -> String {
        Moment(micros).in_zone(&self.settings.fb.time_zone.0)
    }
}

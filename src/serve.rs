//! The service as a whole: made in one function, stopped in another.

mod certificate;
mod connection;
mod server;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use certificate::CertificateError;
use certificate::Certificates;
use connection::Limits;
use server::{Ends, Server};

use crate::access::{Access, AccessError};
use crate::aftermath::Aftermath;
use crate::api::{self, AppState};
use crate::callback::{CallbackService, CallbackSetupError};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::disk::Disks;
use crate::engine::Connector;
use crate::health::Health;
use crate::images::Images;
use crate::metrics::Metrics;
use crate::pipeline::{Inspections, PinsInUse, Pipeline, Workspaces};
use crate::progress::Feeds;
use crate::queue::{Maker, Submissions, Watchdog, Worker, remove_leftovers};
use crate::retention::Retention;
use crate::sbom::Sboms;
use crate::scan::Scans;
use crate::secret::{PlatformCipher, Sealer, SecretError};
use crate::settings::{LimitsSection, Settings};
use crate::site::{Site, SiteError};
use crate::store::{Store, StoreError};
use crate::task::TaskId;

/// Of the time a stop may take, what is kept for handing tasks back and closing the database.
const CLOSING_TIME: Duration = Duration::from_secs(3);

/// Why the service cannot start. Each says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory cannot be made.
    #[error("cannot create the directory {path}: {source}; make it, or name another in the settings")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Callbacks.
    #[error(transparent)]
    Callback(#[from] CallbackSetupError),
    /// The site's rows.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Who may call.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The service's certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The metrics.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The watchdog.
    #[error("the watchdog's thread cannot be started: {source}")]
    Watchdog {
        /// The system's words.
        source: std::io::Error,
    },
    /// The HTTP server.
    #[error("the HTTP server failed: {0}")]
    Http(#[from] std::io::Error),
}

/// What differs between a service and a test of it.
pub struct Outside {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Connections to Docker servers.
    pub connector: Arc<dyn Connector>,
}

/// A service that is made but does not serve yet.
pub struct Service {
    state: AppState,
    tracker: TaskTracker,
    maker: Maker,
    pushes: UnboundedReceiver<TaskId>,
}

impl Service {
    /// Makes directories, opens the database, puts interrupted tasks back.
    pub async fn prepare(settings: Settings, outside: Outside) -> Result<Self, StartError> {
        let settings = Arc::new(settings);
        make_directories(&settings).await?;
        let database = Path::new(&settings.db.file);
        let store = Arc::new(Store::open(database).await?);
        let sealer = Arc::new(Sealer::open_key_file(&settings.db.key_file, store.has_sealed_rows().await?)?);
        let cipher = Arc::new(PlatformCipher::from_settings(&settings.aes)?);
        if cipher.uses_default_key() {
            tracing::warn!(
                "the platform's AES key is the published default: change [aes] key here and at the platform together"
            );
        }
        let clock = outside.clock;
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let connector = outside.connector;
        let site =
            Site::open(store.clone(), sealer.clone(), connector, settings.clone(), clock.clone(), tracker.clone());
        let site = Arc::new(site.await?);
        let access = Arc::new(Access::new(store.clone(), sealer.clone(), clock.clone(), settings.clone())?);
        let catalogue =
            Arc::new(Catalogue::new(&settings.fb.source_dir, &settings.fb.tools_dir, settings.limits.upload_bytes));
        catalogue.remove_unfinished().await;
        let metrics = Arc::new(Metrics::new()?);
        let disks = Arc::new(Disks::new(&settings.fb.task_dir, database, settings.retention.watermarks()));
        let health = Arc::new(Health::new(store.clone(), site.clone(), disks.clone()));
        let callbacks = CallbackService::new(
            store.clone(),
            site.clone(),
            clock.clone(),
            metrics.clone(),
            &settings.callback,
            tracker.clone(),
        );
        let callbacks = Arc::new(callbacks?);
        let inspect_timeout = Duration::from_secs(settings.limits.inspect_seconds);
        let maker = Maker::new(&sealer)?;
        let inspections = Inspections::new(store.clone(), clock.clone(), inspect_timeout, maker.labels());
        let inspections = Arc::new(inspections);
        let workspaces = Arc::new(Workspaces::new(&settings.fb.task_dir));
        let feeds = Arc::new(Feeds::default());
        let (pushed, pushes) = unbounded_channel();
        let pipeline = Arc::new(Pipeline {
            store: store.clone(),
            site: site.clone(),
            catalogue: catalogue.clone(),
            sealer: sealer.clone(),
            cipher,
            feeds: feeds.clone(),
            inspections,
            workspaces,
            registries: Arc::default(),
            builds: Arc::default(),
            pins: PinsInUse::default(),
            settings: settings.clone(),
            clock: clock.clone(),
            callbacks: callbacks.clone(),
            metrics: metrics.clone(),
            disks: disks.clone(),
            pushes: pushed,
        });
        let slots = settings.build.max_concurrent;
        let worker = Arc::new(Worker::new(store.clone(), clock.clone(), pipeline.clone(), slots, tracker.clone()));
        worker.recover().await?;
        let submissions = Arc::new(Submissions::new(pipeline.clone(), worker.clone()));
        let retention = Arc::new(Retention::new(pipeline.clone(), health.clone(), disks.clone()));
        let pipeline_of_images = pipeline.clone();
        let scans = Arc::new(Scans::new(pipeline.clone()));
        let sboms = Arc::new(Sboms::new(pipeline.clone(), maker.labels(), tracker.clone(), stop.clone()));
        let state = AppState {
            settings,
            store,
            sealer,
            clock,
            site,
            access,
            catalogue,
            feeds,
            callbacks,
            pipeline,
            worker,
            submissions,
            images: Arc::new(Images::new(pipeline_of_images, tracker.clone(), stop.clone())),
            stop,
            health,
            disks,
            metrics,
            retention,
            kept_lists: Arc::default(),
            scans,
            sboms,
        };
        Ok(Self { state, tracker, maker, pushes })
    }

    /// What handlers share.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Serves until `shutdown`, then stops in order: no new requests and claims, then what runs ends or is handed back,
    /// then the database closes. Waiting callbacks stay rows.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let Self { state, tracker, maker, pushes } = self;
        state.access.listen_on(listener.local_addr()?).await?;
        let certificates = Certificates::open(&state.settings.tls).await?;
        let hand_back = CancellationToken::new();
        let stop = state.stop.clone();
        let watchdog = Watchdog::start(state.worker.clone()).map_err(|source| StartError::Watchdog { source })?;
        tracker.spawn(state.worker.clone().run(stop.clone(), hand_back.clone()));
        tracker.spawn(state.worker.clone().watch_for_strays(stop.clone()));
        tracker.spawn(remove_leftovers(state.site.clone(), maker, stop.clone()));
        tracker.spawn(state.callbacks.clone().run(stop.clone()));
        let aftermath = Aftermath {
            store: state.store.clone(),
            scans: state.scans.clone(),
            sboms: state.sboms.clone(),
            settings: state.settings.build.clone(),
        };
        tracker.spawn(aftermath.run(pushes, tracker.clone(), stop.clone()));
        if let Some(certificates) = certificates.clone() {
            tracker.spawn(certificates.follow(stop.clone()));
        }
        tracker.spawn(state.access.clone().note_uses(stop.clone()));
        tracker.spawn(state.health.clone().observe(stop.clone()));
        tracker.spawn(state.retention.clone().run(stop.clone()));
        let (images, bases) = (state.images.clone(), state.settings.build.base_images.clone());
        if !bases.is_empty() && state.site.missing_parts().is_empty() {
            tracker.spawn(async move { images.offer_configured_bases(&bases).await });
        }
        let limit = Duration::from_secs(state.settings.fb.shutdown_seconds);
        let store = state.store.clone();
        let ends = Ends { stop: stop.clone(), cut: CancellationToken::new() };
        let cut = ends.cut.clone();
        let (connections, limits) = connection_limits(&state.settings.limits);
        let server =
            tokio::spawn(Server::new(api::router(state), connections, limits, ends, certificates).run(listener));
        shutdown.await;
        tracing::info!("stopping: at most {} s", limit.as_secs());
        stop.cancel();
        let deadline = tokio::time::Instant::now() + limit.saturating_sub(CLOSING_TIME);
        tracker.close();
        let drained = async {
            tracker.wait().await;
            let served = server.await;
            // What a last request began goes on when its client does not wait for it.
            tracker.wait().await;
            served
        };
        tokio::pin!(drained);
        tokio::select! {
            _ = &mut drained => {}
            () = tokio::time::sleep_until(deadline) => {
                hand_back.cancel();
                if tokio::time::timeout(CLOSING_TIME, &mut drained).await.is_err() {
                    tracing::warn!("stopping: connections were still open");
                    cut.cancel();
                }
            }
        }
        watchdog.end().await;
        store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn connection_limits(settings: &LimitsSection) -> (usize, Limits) {
    let limits = Limits {
        header: Duration::from_secs(settings.header_seconds.max(1)),
        idle: Duration::from_secs(settings.idle_connection_seconds.max(1)),
        headers: settings.headers,
        header_bytes: settings.header_bytes,
    };
    (settings.connections, limits)
}

async fn make_directories(settings: &Settings) -> Result<(), StartError> {
    let files = [Path::new(&settings.db.file), settings.db.key_file.as_path()];
    let directories = [
        &settings.fb.base_dir,
        &settings.fb.source_dir,
        &settings.fb.task_dir,
        &settings.fb.tools_dir,
        &settings.fb.tls_dir,
    ];
    let parents = files.iter().filter_map(|file| file.parent());
    for path in directories.into_iter().map(PathBuf::as_path).chain(parents) {
        let made = tokio::fs::create_dir_all(path).await;
        made.map_err(|source| StartError::Directory { path: path.to_owned(), source })?;
    }
    for installer in ["python", "pip/pip2", "pip/pip3", "conda"] {
        let path = settings.fb.tools_dir.join(installer);
        let made = tokio::fs::create_dir_all(&path).await;
        made.map_err(|source| StartError::Directory { path, source })?;
    }
    Ok(())
}

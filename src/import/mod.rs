//! Moving in: takes over what the database of an old service holds.
//!
//! The old file is only read. Everything lands in one transaction or nothing does; what is there already is left alone,
//! so that an import can be repeated. Tables and columns that an old version did not have are reported, not required.

mod callbacks;
mod checks;
mod images;
mod lives;
mod report;
mod row;
mod settings_rows;
mod source;
mod stages;
mod tasks;
mod time;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

pub use report::{Report, TableReport};
pub use source::SourceError;

use crate::clock::Clock;
use crate::engine::RegistryAccount;
use crate::image::{ImageReference, RegistryHost};
use crate::secret::{PlatformCipher, Sealer, SecretError};
use crate::settings::Settings;
use crate::site::{Harbor, full_name};
use crate::store::{Durability, Store, StoreError, Writing};
use source::OldDatabase;

/// The host that a first start inserts; it counts as not configured.
const UNCONFIGURED_HOST: &str = "0.0.0.0";

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The old database.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Our own database, in use by a running service for instance.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our keys.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Old and new are the same file.
    #[error("{0} is the database of this service itself; name the old service's file")]
    SameFile(PathBuf),
    /// Our directory cannot be made.
    #[error("cannot create the directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

/// An import under way: where it reads, where it writes, what it learned.
struct Import<'a> {
    source: OldDatabase,
    writing: Writing<'a>,
    settings: &'a Settings,
    sealer: &'a Sealer,
    cipher: PlatformCipher,
    /// The Harbor whose DNS name and address are one.
    harbor: Option<Harbor>,
    /// Numbers of the tasks that this run added.
    added_tasks: BTreeSet<i64>,
    report: Report,
}

/// Takes over the database in `old`. With `is_trial` everything is done and then undone.
pub async fn import(settings: &Settings, old: &Path, is_trial: bool, clock: &dyn Clock) -> Result<Report, ImportError> {
    let ours = Path::new(&settings.db.file);
    if let (Ok(old_file), Ok(our_file)) = (old.canonicalize(), ours.canonicalize())
        && old_file == our_file
    {
        return Err(ImportError::SameFile(old.to_owned()));
    }
    let source = OldDatabase::open(old).await?;
    for path in [ours.parent(), settings.db.key_file.parent()].into_iter().flatten() {
        let made = std::fs::create_dir_all(path);
        made.map_err(|source| ImportError::Directory { path: path.to_owned(), source })?;
    }
    let store = Store::open(ours).await?;
    let outcome = run(settings, &store, source, is_trial, clock).await;
    store.close().await;
    outcome
}

async fn run(
    settings: &Settings,
    store: &Store,
    source: OldDatabase,
    is_trial: bool,
    clock: &dyn Clock,
) -> Result<Report, ImportError> {
    let sealer = Sealer::open_key_file(&settings.db.key_file, store.has_sealed_rows().await?)?;
    let is_configured = settings_rows::Configured {
        host: store.has_host_other_than(UNCONFIGURED_HOST).await?,
        harbor: !store.harbors(1).await?.is_empty(),
        docker_server: !store.docker_servers(1).await?.is_empty(),
    };
    let harbor = store.harbors(1).await?.pop().and_then(|row| same_registry(&row.registry, &row.registry_dns));
    let writing = store.write(Durability::Durable).await?;
    let report = Report::default();
    let cipher = PlatformCipher::from_settings(&settings.aes)?;
    let added_tasks = BTreeSet::new();
    let mut import = Import { source, writing, settings, sealer: &sealer, cipher, harbor, added_tasks, report };
    import.settings_rows(is_configured, clock.now()).await?;
    import.tasks(clock.now()).await?;
    import.stages().await?;
    import.images(clock.now()).await?;
    import.image_lives(clock.now()).await?;
    import.check_results(clock.now()).await?;
    import.callbacks(clock.now()).await?;
    import.report.unknown_tables = import.source.unread_tables();
    let Import { writing, mut report, source, .. } = import;
    source.close().await;
    if is_trial {
        writing.roll_back().await;
    } else {
        writing.commit().await?;
    }
    report.is_trial = is_trial;
    Ok(report)
}

impl Import<'_> {
    /// The name under which images are compared; a text that is no image name stands for itself.
    fn name_key(&self, name: &str) -> String {
        match (name.parse::<ImageReference>(), &self.harbor) {
            (Ok(reference), Some(harbor)) => harbor.name_key(&reference),
            (Ok(reference), None) => full_name(&reference),
            (Err(_), _) => name.to_owned(),
        }
    }
}

/// A Harbor that only knows which names are the same.
fn same_registry(registry: &str, registry_dns: &str) -> Option<Harbor> {
    let account = RegistryAccount {
        registry: registry.parse::<RegistryHost>().ok()?,
        username: String::new(),
        password: SecretString::from(""),
    };
    Some(Harbor { row_id: 0, account, dns: registry_dns.parse().ok(), ca_pem: None })
}

//! A new key for what lies sealed in the database.
//!
//! The order makes every interruption harmless: the new key is on disk before anything is sealed under it, rows change
//! hands page by page, and an old key leaves the file only after no row names it. Whatever a kill leaves can be served,
//! and a second run ends what the first began. The service must not run meanwhile; the database's lock sees to that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::pipeline::REQUEST_PURPOSE;
use crate::secret::{Sealer, SecretError};
use crate::settings::Settings;
use crate::site::{HARBOR_PASSWORD_PURPOSE, HEADERS_PURPOSE};
use crate::store::{Resealed, SealedColumn, Store, StoreError};

const PAGE: i64 = 200;

/// Why the keys could not be rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is nothing to rotate.
    #[error("there is no database {}; the settings name another one than the service's?", .0.display())]
    NoDatabase(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RotationReport {
    /// Name of the key that seals from now on.
    pub key: String,
    /// Texts sealed anew.
    pub resealed: u64,
    /// Names of the keys that left the file.
    pub retired: Vec<String>,
    /// Texts that no key opens, by table, column and row. They stay as they are, and the keys that they name stay.
    pub unreadable: Vec<String>,
}

/// Adds a key, seals every row anew, retires the old keys.
pub async fn rotate(settings: &Settings) -> Result<RotationReport, RotationError> {
    let file = Path::new(&settings.db.file);
    if !file.is_file() {
        return Err(RotationError::NoDatabase(file.to_owned()));
    }
    let store = Store::open(file).await?;
    let outcome = run(&store, &settings.db.key_file).await;
    store.close().await;
    outcome
}

async fn run(store: &Store, key_file: &Path) -> Result<RotationReport, RotationError> {
    Sealer::open_key_file(key_file, store.has_sealed_rows().await?)?;
    let sealer = Sealer::rotate_key_file(key_file)?;
    let mut report =
        RotationReport { key: sealer.key_id().to_owned(), resealed: 0, retired: Vec::new(), unreadable: Vec::new() };
    let mut needed = BTreeSet::new();
    for column in SealedColumn::ALL {
        reseal(store, &sealer, column, &mut report, &mut needed).await?;
    }
    // Free pages still hold the old texts; a key that leaked would open them.
    store.compact().await?;
    report.retired = Sealer::retire_from_key_file(key_file, &needed)?;
    Ok(report)
}

fn purpose(column: SealedColumn) -> &'static str {
    match column {
        SealedColumn::HarborPassword => HARBOR_PASSWORD_PURPOSE,
        SealedColumn::CallbackHeaders | SealedColumn::AttemptHeaders => HEADERS_PURPOSE,
        SealedColumn::TaskSecrets => REQUEST_PURPOSE,
    }
}

async fn reseal(
    store: &Store,
    sealer: &Sealer,
    column: SealedColumn,
    report: &mut RotationReport,
    needed: &mut BTreeSet<String>,
) -> Result<(), RotationError> {
    let purpose = purpose(column);
    let mut after = i64::MIN;
    loop {
        let rows = store.sealed_rows(column, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.primary_id;
        let mut resealed = Vec::with_capacity(rows.len());
        for row in rows {
            if !sealer.is_outdated(&row.sealed) {
                continue;
            }
            if let Ok(plain) = sealer.open(purpose, &row.sealed) {
                resealed.push(Resealed { sealed: sealer.seal(purpose, &plain)?, row });
            } else {
                report.unreadable.push(format!("{} row {}", column.name(), row.primary_id));
                needed.extend(Sealer::key_id_of(&row.sealed).map(str::to_owned));
            }
        }
        if !resealed.is_empty() {
            store.reseal(column, &resealed).await?;
            report.resealed += resealed.len() as u64;
        }
    }
}

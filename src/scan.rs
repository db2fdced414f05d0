//! Harbor's own scan of what was pushed: asked for after the push, shown on request.
//!
//! A courtesy and never a condition: a task has ended before its scan is asked for, and a registry that is no Harbor,
//! has no scanner or does not answer is a reason to tell and nothing more.

use std::sync::Arc;
use std::time::Duration;

use crate::image::{Digest, ImageReference};
use crate::pipeline::Pipeline;
use crate::registry::{RegistryClient, RegistryError, ScanOverview, ScanStatus};
use crate::site::SiteError;
use crate::store::TaskRow;
use crate::task::TaskState;

/// How long all questions until a scan has begun may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How long somebody who looks at a scan is kept waiting.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// What is known of an image's scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// Harbor's word.
    Known(ScanOverview),
    /// There is none.
    Absent(NotScanned),
}

/// Why there is no scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotScanned {
    /// The task has pushed nothing.
    NotPushed,
    /// The image is not in our registry.
    Elsewhere,
    /// Our registry is no Harbor.
    NoHarbor,
    /// The project has no scanner.
    NoScanner,
    /// Harbor has a scanner, and has not scanned this image.
    NotYet,
    /// Harbor could not be asked.
    Unanswered {
        /// Why not, in its own words.
        reason: String,
    },
}

/// An image that a task pushed.
struct Pushed {
    name: ImageReference,
    digest: Digest,
}

impl Pushed {
    fn of(task: &TaskRow) -> Option<Self> {
        let is_pushed = task.task_state() == TaskState::PushSuccess;
        let digest = task.image_digest.as_deref().filter(|_| is_pushed)?.parse().ok()?;
        Some(Self { name: task.target_image_name.parse().ok()?, digest })
    }
}

/// Scans of what was pushed.
pub struct Scans {
    pipeline: Arc<Pipeline>,
}

impl Scans {
    /// Asks this pipeline's Harbor.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline }
    }

    /// Has Harbor scan what a task pushed, unless it does so already. Logged, and told to nobody.
    pub async fn request(&self, task: &TaskRow) {
        let (id, image) = (task.id(), &task.target_image_name);
        match tokio::time::timeout(REQUEST_LIMIT, self.begin(task)).await {
            Ok(Ok(None)) => tracing::info!(task.id = %id, "Harbor scans {image}"),
            Ok(Ok(Some(reason))) => tracing::debug!(task.id = %id, "no scan of {image}: {reason:?}"),
            Ok(Err(error)) => tracing::info!(task.id = %id, "no scan of {image}: {error}"),
            Err(_) => tracing::info!(task.id = %id, "no scan of {image}: Harbor took too long"),
        }
    }

    async fn begin(&self, task: &TaskRow) -> Result<Option<NotScanned>, RegistryError> {
        let Some(pushed) = Pushed::of(task) else { return Ok(Some(NotScanned::NotPushed)) };
        let client = match self.client(&pushed).await {
            Ok(Ok(client)) => client,
            Ok(Err(reason)) => return Ok(Some(reason)),
            Err(error) => return Ok(Some(NotScanned::Unanswered { reason: error.to_string() })),
        };
        if !client.is_harbor().await? {
            return Ok(Some(NotScanned::NoHarbor));
        }
        match client.has_scanner(&pushed.name).await {
            Ok(false) => return Ok(Some(NotScanned::NoScanner)),
            // An account may have the right to scan without the one to read scanners.
            Ok(true) | Err(RegistryError::Denied { .. }) => {}
            Err(error) => return Err(error),
        }
        // A project that scans every push has begun by itself.
        let known = client.scan_overview(&pushed.name, &pushed.digest).await.ok().flatten();
        if !known.is_some_and(|overview| overview.status.is_under_way()) {
            client.start_scan(&pushed.name, &pushed.digest).await?;
        }
        Ok(None)
    }

    /// What Harbor says of the scan of what a task pushed.
    pub async fn of(&self, task: &TaskRow) -> Result<Scan, SiteError> {
        let Some(pushed) = Pushed::of(task) else { return Ok(Scan::Absent(NotScanned::NotPushed)) };
        let client = match self.client(&pushed).await? {
            Ok(client) => client,
            Err(reason) => return Ok(Scan::Absent(reason)),
        };
        let unanswered = |reason: String| Scan::Absent(NotScanned::Unanswered { reason });
        Ok(match tokio::time::timeout(READ_LIMIT, read(&client, &pushed)).await {
            Ok(Ok(scan)) => scan,
            Ok(Err(error)) => unanswered(error.to_string()),
            Err(_) => unanswered(format!("{} did not answer within {} s", client.host(), READ_LIMIT.as_secs())),
        })
    }

    /// The client of the registry that has the image, or why there is none.
    async fn client(&self, pushed: &Pushed) -> Result<Result<RegistryClient, NotScanned>, SiteError> {
        let site = &self.pipeline.site;
        let harbor = site.harbor().await?;
        let Some(account) = harbor.account_for(&pushed.name) else { return Ok(Err(NotScanned::Elsewhere)) };
        let docker = site.docker_server().await?;
        let client = self.pipeline.registries.client(&harbor, &docker, &pushed.name).await;
        // It hangs on what the daemon says about registries, and on a CA that can be read.
        let reason = || NotScanned::Unanswered { reason: format!("{} cannot be asked directly", account.registry) };
        Ok(client.ok_or_else(reason))
    }
}

async fn read(client: &RegistryClient, pushed: &Pushed) -> Result<Scan, RegistryError> {
    if !client.is_harbor().await? {
        return Ok(Scan::Absent(NotScanned::NoHarbor));
    }
    let overview = client.scan_overview(&pushed.name, &pushed.digest).await?;
    if let Some(overview) = overview.filter(|overview| overview.status != ScanStatus::NotScanned) {
        return Ok(Scan::Known(overview));
    }
    // Whether there is a scanner matters only to the words.
    let has_scanner = client.has_scanner(&pushed.name).await.unwrap_or(true);
    Ok(Scan::Absent(if has_scanner { NotScanned::NotYet } else { NotScanned::NoScanner }))
}

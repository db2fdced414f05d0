//! Documents made once an image, and kept.
//!
//! Whoever asks while a document is made waits for that one, and it is made to its end when the asker goes away. The
//! file's name holds the digest, so that a document is never served for another image.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cyclonedx::{self, Subject};
use super::{SbomError, SbomProblem, inventory, records};
use crate::cause::Cause;
use crate::engine::{Engine, EngineError, ProbeOrder, ProbeOutput, Progress};
use crate::image::{Digest, ImageReference};
use crate::inspect::{ProbeLimits, is_without_shell};
use crate::pipeline::Pipeline;
use crate::store::TaskRow;
use crate::task::TaskState;

/// Changes whenever a document that is kept should be made anew.
const FORM: u32 = 1;
/// A large scientific image has some 3,000 packages, a record of 100 bytes for each fact.
const OUTPUT_LIMIT_BYTES: usize = 8 << 20;
/// Images that are read at the same time.
const AT_ONCE: usize = 2;

type Outcome = Result<Bytes, Arc<SbomError>>;
type Making = Shared<BoxFuture<'static, Outcome>>;

/// Makes and keeps the lists of what is installed.
pub struct Sboms {
    pipeline: Arc<Pipeline>,
    limits: ProbeLimits,
    slots: Semaphore,
    under_way: Mutex<HashMap<PathBuf, Making>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Sboms {
    /// Reads images with this pipeline's daemon; probe containers carry these labels. What is made is joined by `tracker`
    /// and given up at `stop`.
    pub fn new(
        pipeline: Arc<Pipeline>,
        labels: BTreeMap<String, String>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let timeout = Duration::from_secs(pipeline.settings.limits.inspect_seconds);
        let limits = ProbeLimits { timeout, labels, output_bytes: OUTPUT_LIMIT_BYTES, ..ProbeLimits::default() };
        Self { pipeline, limits, slots: Semaphore::new(AT_ONCE), under_way: Mutex::default(), tracker, stop }
    }

    /// The document of the image that a task pushed: kept, or made now.
    pub async fn of(self: &Arc<Self>, task: &TaskRow) -> Outcome {
        let subject = subject_of(task).ok_or_else(|| SbomError::NotPushed(task.id()))?;
        let directory = self.pipeline.workspaces.directory(&task.work_dir_name);
        let file = directory.join(format!("sbom-{FORM}-{}.cdx.json", subject.digest.hex()));
        if let Some(kept) = read_kept(&file).await {
            return Ok(kept);
        }
        self.making(subject, file).await
    }

    /// The making that is under way for this file, or one that begins now.
    fn making(self: &Arc<Self>, subject: Subject, file: PathBuf) -> Making {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(making) = under_way.get(&file) {
            return making.clone();
        }
        let (sboms, key, image) = (Arc::clone(self), file.clone(), subject.name.to_string());
        let work = self.tracker.spawn(async move {
            let _entry = Entry { sboms: Arc::clone(&sboms), file: file.clone() };
            let stopping = SbomError::Image { image: subject.name.to_string(), problem: SbomProblem::Stopping };
            let outcome = tokio::select! {
                outcome = sboms.make(&subject, &file) => outcome,
                () = sboms.stop.cancelled() => Err(stopping),
            };
            outcome.map_err(Arc::new)
        });
        let cut = move || Err(Arc::new(SbomError::Image { image, problem: SbomProblem::CutShort }));
        let making = async move { work.await.unwrap_or_else(|_| cut()) }.boxed().shared();
        under_way.insert(key, making.clone());
        making
    }

    async fn make(&self, subject: &Subject, file: &Path) -> Result<Bytes, SbomError> {
        // Another one may have ended between the look at the file and this.
        if let Some(kept) = read_kept(file).await {
            return Ok(kept);
        }
        let _slot = self.slots.acquire().await;
        let docker = self.pipeline.site.docker_server().await?;
        let engine = docker.engine.as_ref();
        let (image_id, fetched) = self.image(engine, subject).await?;
        let output = self.probe(engine, subject, &image_id).await;
        if let Some(name) = fetched {
            // It came for this alone. A daemon that needs it for something else keeps it.
            let _ = engine.remove_image(&name.to_string()).await;
        }
        let (mark, output) = output?;
        let inventory = {
            let limit_bytes = self.limits.output_bytes;
            let records = records::read(&output.stdout, &mark);
            inventory::read(&records.ok_or_else(|| incomplete(subject, &output, &mark, limit_bytes))?)
        };
        let document = cyclonedx::document(subject, &inventory, self.pipeline.now());
        let document = Bytes::from(document.to_string());
        match keep(file, &document).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                tracing::debug!("the SBOM of {} is not kept: its task's directory is gone", subject.name);
            }
            Err(error) => tracing::warn!("the SBOM of {} is not kept and will be made again: {error}", subject.name),
            Ok(()) => {}
        }
        let (task_id, packages) = (subject.task_id, inventory.packages.len());
        tracing::info!(task.id = task_id, "SBOM of {}@{}: {packages} packages", subject.name, subject.digest);
        Ok(document)
    }

    /// The image on the daemon: the one that the push confirmed, else fetched from the registry by its digest, under the
    /// name that it then has.
    async fn image(
        &self,
        engine: &dyn Engine,
        subject: &Subject,
    ) -> Result<(String, Option<ImageReference>), SbomError> {
        let refused = |source: EngineError| match source.cause {
            Cause::BaseNotFound => image_error(subject, SbomProblem::Gone),
            _ => SbomError::Engine { image: subject.name.to_string(), source },
        };
        if let Some(image_id) = &subject.image_id
            && engine.inspect_image(image_id.as_str()).await.map_err(refused)?.is_some()
        {
            return Ok((image_id.to_string(), None));
        }
        let pinned = format!("{}@{}", subject.name.name(), subject.digest);
        let pinned: ImageReference = pinned.parse().map_err(|_| image_error(subject, SbomProblem::Gone))?;
        if let Some(config) = engine.inspect_image(&pinned.to_string()).await.map_err(refused)? {
            return Ok((config.image_id.map_or_else(|| pinned.to_string(), |id| id.to_string()), None));
        }
        let account = self.pipeline.site.harbor().await?.account_for(&pinned);
        let limit = Duration::from_secs(self.pipeline.settings.limits.pull_seconds);
        let pull = engine.pull(&pinned, account.as_ref(), &|_: Progress| {});
        let late = |_| {
            let text = format!("pulling {pinned} took longer than {} s", limit.as_secs());
            Err(EngineError::new(Cause::Timeout, text))
        };
        let config = tokio::time::timeout(limit, pull).await.unwrap_or_else(late).map_err(refused)?;
        Ok((config.image_id.map_or_else(|| pinned.to_string(), |id| id.to_string()), Some(pinned)))
    }

    async fn probe(
        &self,
        engine: &dyn Engine,
        subject: &Subject,
        image_id: &str,
    ) -> Result<(String, ProbeOutput), SbomError> {
        let mark = records::new_mark();
        let order = ProbeOrder {
            image: image_id.to_owned(),
            entrypoint: vec!["/bin/sh".to_owned(), "-c".to_owned(), records::script(&mark)],
            memory_bytes: self.limits.memory_bytes,
            pids: self.limits.pids,
            timeout: self.limits.timeout,
            output_limit_bytes: self.limits.output_bytes,
            labels: self.limits.labels.clone(),
        };
        match engine.probe(&order).await {
            Ok(output) => Ok((mark, output)),
            Err(error) if is_without_shell(&error) => Err(image_error(subject, SbomProblem::NoShell)),
            Err(source) => Err(SbomError::Engine { image: subject.name.to_string(), source }),
        }
    }
}

/// The entry of a making, which goes however the making ends.
struct Entry {
    sboms: Arc<Sboms>,
    file: PathBuf,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.sboms.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.file);
    }
}

/// The image that a task pushed; `None` when it pushed none.
fn subject_of(task: &TaskRow) -> Option<Subject> {
    let is_pushed = task.task_state() == TaskState::PushSuccess;
    let digest: Digest = task.image_digest.as_deref().filter(|_| is_pushed)?.parse().ok()?;
    let image_id = task.image_id.as_deref().and_then(|hex| format!("sha256:{hex}").parse().ok());
    let name = task.target_image_name.parse().ok()?;
    Some(Subject { name, digest, image_id, base: task.base_image_name.clone(), task_id: task.task_id })
}

/// Puts the document into its place whole, or not at all. A directory that is gone stays gone: its task was deleted or
/// has ended long ago, and without a request in it nothing would ever remove it.
async fn keep(file: &Path, document: &[u8]) -> std::io::Result<()> {
    let unfinished = file.with_extension(format!("{}.part", hex::encode(rand::random::<[u8; 6]>())));
    let kept = async {
        tokio::fs::write(&unfinished, document).await?;
        tokio::fs::rename(&unfinished, file).await
    }
    .await;
    if kept.is_err() {
        // The first error is the one to tell.
        let _ = tokio::fs::remove_file(&unfinished).await;
    }
    kept
}

/// A kept document. What cannot be read is made anew.
async fn read_kept(file: &Path) -> Option<Bytes> {
    let metadata = tokio::fs::symlink_metadata(file).await.ok()?;
    if !metadata.is_file() {
        return None;
    }
    tokio::fs::read(file).await.ok().map(Bytes::from)
}

fn incomplete(subject: &Subject, output: &ProbeOutput, mark: &str, limit_bytes: usize) -> SbomError {
    let printed = output.stdout.len() + output.stderr.len();
    let has_no_shell = matches!(output.exit_code, 126 | 127) && output.stdout.is_empty();
    // The daemon keeps the end of what is far too long, and drops its beginning.
    let has_lost_its_start = output.exit_code == 0 && output.stdout.contains(mark);
    let problem = match (has_no_shell, printed >= limit_bytes || has_lost_its_start) {
        (true, _) => SbomProblem::NoShell,
        (_, true) => SbomProblem::TooLong { limit_bytes },
        _ => SbomProblem::CutShort,
    };
    image_error(subject, problem)
}

fn image_error(subject: &Subject, problem: SbomProblem) -> SbomError {
    SbomError::Image { image: subject.name.to_string(), problem }
}

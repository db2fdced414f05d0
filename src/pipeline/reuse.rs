//! One build per distinct request: its key, its turn, and the image that an earlier task made of it.
//!
//! The key stands for everything that determines an image: recipe, context, base, mirror and installer files, passwords
//! (as a keyed hash, since their own hashes are salted), the labels that are not the task's. With a password it stands
//! for the owner too: whoever got another's image would know that the password is the same. Only tasks that built carry
//! it; the age that counts is that of an image's packages, which may come from the daemon's cache. Whoever has the same
//! key waits for its turn and then finds the image in the registry; a turn ends when the task's end is stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use super::Pipeline;
use super::failure::StageFailure;
use super::passwords::KeptPasswords;
use super::run::Run;
use crate::cause::Cause;
use crate::explanation::Explanation;
use crate::image::{Digest, ImageReference};
use crate::recipe::{Recipe, RecipeError};
use crate::registry::{AssembleOrder, Assembled, Assembly, Platform};
use crate::store::ImageRow;
use crate::task::{StageName, TaskId};

/// Changes whenever equal keys no longer mean equal images.
const KEY_VERSION: &str = "fastbuild build key 2";
/// What passwords are hashed for.
const KEY_PURPOSE: &str = "build_key";
/// Labels that differ from task to task.
const OF_THE_TASK: [&str; 2] = ["task_id", "maintainer"];

/// Held while a task makes the image of a key.
pub type Turn = OwnedMutexGuard<()>;

/// Who makes which image at the moment.
#[derive(Default)]
pub struct BuildsUnderWay {
    turns: Mutex<HashMap<String, Weak<Turns<()>>>>,
}

impl BuildsUnderWay {
    /// The lock of a key.
    pub(super) fn turns_of(&self, key: &str) -> Arc<Turns<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, known| known.strong_count() > 0);
        if let Some(known) = turns.get(key).and_then(Weak::upgrade) {
            return known;
        }
        let fresh = Arc::new(Turns::new(()));
        turns.insert(key.to_owned(), Arc::downgrade(&fresh));
        fresh
    }
}

/// An image in our Harbor that is what a request asks for, but for its labels.
#[derive(Debug, Clone)]
pub struct KeptImage {
    /// The task that built it.
    pub task_id: TaskId,
    /// Its name.
    pub reference: ImageReference,
    /// Its manifest.
    pub manifest_digest: Digest,
    /// Its id on the daemon that built it.
    pub image_id: Digest,
    /// Its size on that daemon.
    pub size_bytes: u64,
    /// Whether the asking task's owner may know where it comes from.
    is_own: bool,
}

impl KeptImage {
    fn of_row(row: &ImageRow, is_own: bool) -> Option<Self> {
        Some(Self {
            task_id: TaskId(row.task_id),
            is_own,
            reference: format!("{}:{}", row.name, row.tag).parse().ok()?,
            manifest_digest: row.digest.parse().ok()?,
            image_id: format!("sha256:{}", row.image_id).parse().ok()?,
            size_bytes: u64::try_from(row.size_bytes).ok()?,
        })
    }

    /// What the asking task's log says of it: other people's tasks and repositories have no name there.
    fn made_by(&self) -> String {
        if self.is_own {
            return format!("task {} built the same as {}", self.task_id, self.reference);
        }
        "an earlier task built the same".to_owned()
    }

    fn called(&self) -> String {
        if self.is_own { self.reference.to_string() } else { "an earlier image".to_owned() }
    }
}

impl Pipeline {
    /// The key of what a recipe makes.
    pub(super) fn build_key(&self, run: &Run, recipe: &Recipe) -> Result<String, StageFailure> {
        let passwords = KeptPasswords::of(&run.request);
        let owner = if passwords.is_empty() { "" } else { run.task.owner.as_str() };
        let passwords = self.sealer.keyed_hash(KEY_PURPOSE, &passwords.to_json());
        let passwords = passwords.map_err(|error| StageFailure::internal("passwords cannot be hashed", &error))?;
        let mut hasher = Sha256::new();
        // A label that is absent cannot be taken away from an image that has it.
        let has_maintainer = recipe.labels.contains_key("maintainer").to_string();
        let fingerprint = recipe.fingerprint().map_err(RecipeError::from)?;
        for part in [KEY_VERSION, &fingerprint, &passwords, owner, &has_maintainer] {
            hasher.update(part);
            hasher.update([0]);
        }
        for (name, value) in recipe.labels.iter().filter(|(name, _)| !OF_THE_TASK.contains(&name.as_str())) {
            hasher.update(format!("{name}\0{value}\0"));
        }
        Ok(hex::encode(hasher.finalize()))
    }

    /// Waits until nobody else makes the image of this key, and says whether somebody did. Who forces a build waits for
    /// nobody.
    pub(super) async fn turn(&self, run: &Run, key: &str) -> (Option<Turn>, bool) {
        if run.request.force {
            return (None, false);
        }
        let turns = self.builds.turns_of(key);
        if let Ok(turn) = turns.clone().try_lock_owned() {
            return (Some(turn), false);
        }
        run.feed.log(StageName::Build, "another task builds the same image at the moment: waiting for it");
        // Who only waits keeps nobody else from building. What is made then needs no slot either, unless it is a build.
        run.watch.lend_slot();
        (Some(turns.lock_owned().await), true)
    }

    /// The image of this key in our Harbor, if there is one, it is young enough, and the registry still has it.
    pub(super) async fn kept_image(&self, run: &Run, key: &str) -> Result<Option<KeptImage>, StageFailure> {
        let request = &run.request;
        if request.force {
            run.feed.log(StageName::Build, "a build was asked for in any case ('force')");
            return Ok(None);
        }
        let Some(row) = self.store.image_by_build_key(key, run.oldest_packages()).await? else { return Ok(None) };
        let maker = self.store.task(TaskId(row.task_id)).await?;
        let is_own = maker.is_some_and(|maker| maker.owner == run.task.owner);
        let Some(kept) = KeptImage::of_row(&row, is_own) else { return Ok(None) };
        if run.harbor.account_for(&kept.reference).is_none() {
            return Ok(None);
        }
        let Some(client) = self.registries.client_for(&run.harbor, &run.docker, &request.target).await else {
            return Ok(None);
        };
        let Ok(by_digest) = format!("{}@{}", row.name, row.digest).parse() else { return Ok(None) };
        match client.resolve(&by_digest).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                run.feed.log(StageName::Build, format!("{}, but its image is gone from the registry", kept.made_by()));
                return Ok(None);
            }
            Err(error) => {
                self.registries.note_unavailable(client.host(), &error);
                return Ok(None);
            }
        }
        run.feed.log(StageName::Build, format!("nothing to build: {}", kept.made_by()));
        tracing::info!(task.id = %run.id(), "task {} gets the image of task {}: {}", run.id(), kept.task_id, kept.reference);
        Ok(Some(kept))
    }

    /// Gives a kept image the target's name and this task's labels, inside the registry. `None` when the registry does
    /// not do it, for whatever reason; the target's tag is then as it was. An error when nobody can say whether it is: what
    /// is built instead would give the name a second digest.
    pub(super) async fn assemble(
        &self,
        run: &Run,
        kept: &KeptImage,
        recipe: &Recipe,
    ) -> Result<Option<Assembled>, StageFailure> {
        let target = &run.request.target;
        let Some(client) = self.registries.client_for(&run.harbor, &run.docker, target).await else { return Ok(None) };
        let order = AssembleOrder {
            source: kept.reference.clone(),
            manifest_digest: kept.manifest_digest.clone(),
            target: target.clone(),
            labels: recipe.labels.clone(),
            author: None,
            platform: Platform::default(),
        };
        // The same order gives the same manifest. Once it may be there, nothing but its confirmation will do.
        let may_be_there = AtomicBool::new(false);
        let assembling = run.retrying(StageName::Push, || async {
            let answer = client.assemble(&order).await;
            may_be_there.fetch_or(matches!(answer, Ok(Assembly::Unconfirmed(_))), Ordering::Relaxed);
            let is_as_it_was = !may_be_there.load(Ordering::Relaxed);
            let failure = match answer {
                Ok(Assembly::Done(assembled)) => return Ok(Ok(assembled)),
                Ok(Assembly::Fallback(reason)) => {
                    StageFailure::new(Cause::RegistryUnreachable, Explanation::quoted(reason))
                }
                Ok(Assembly::Unconfirmed(error)) | Err(error) => {
                    if is_as_it_was {
                        self.registries.note_unavailable(client.host(), &error);
                    }
                    StageFailure::from(error)
                }
            };
            if is_as_it_was { Ok(Err(failure)) } else { Err(failure) }
        });
        match assembling.await? {
            Ok(assembled) => {
                run.feed.log(
                    StageName::Push,
                    format!(
                        "{target} was put together in the registry from {}: {} layers mounted, {} bytes sent, digest {}",
                        kept.called(), assembled.mounted_layers, assembled.moved_bytes, assembled.digest
                    ),
                );
                Ok(Some(assembled))
            }
            Err(reason) => {
                run.feed.log(StageName::Push, format!("the registry does not put the image together: {reason}"));
                Ok(None)
            }
        }
    }
}

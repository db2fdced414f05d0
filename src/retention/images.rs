//! Images of ours on the daemon: copies of what the registry has, and what failed tasks left.
//!
//! Ours are those that carry our label and the number of a task on record here; several services may share a daemon. The
//! names under `fastbuild.invalid` have a rule of their own (`pins`).

use std::collections::HashSet;

use super::{Kind, Reason, Retention, RetentionError, Sweep};
use crate::clock::Moment;
use crate::engine::{Engine, LocalImage};
use crate::image::{ImageReference, is_pin};
use crate::pipeline::stands_for;
use crate::settings::LocalImages;
use crate::site::Harbor;
use crate::store::ImageRow;
use crate::task::{TaskId, TaskState};

const TASK_LABEL: &str = "task_id";

/// What is to become of an image's name.
enum Verdict {
    /// Young, not ours, or none of this rule's business.
    Leave,
    /// Old enough, but in use.
    Keep(Kind, Reason),
    /// Goes.
    Remove(Kind, Reason),
}

/// What a rule looks at.
struct Place<'a> {
    engine: &'a dyn Engine,
    harbor: &'a Harbor,
    in_use: &'a HashSet<String>,
    is_low: bool,
}

impl Retention {
    /// Removes what is older than `local_image_hours`, or at once when the daemon's disk is low.
    pub(super) async fn sweep_images(&self, sweep: &mut Sweep, is_low: bool) -> Result<(), RetentionError> {
        let docker = self.pipeline.site.docker_server().await?;
        let harbor = self.pipeline.site.harbor().await?;
        let images = docker.engine.list_our_images().await?;
        if images.is_empty() {
            return Ok(());
        }
        let in_use: HashSet<String> = docker.engine.images_in_use().await?.into_iter().collect();
        let place = Place { engine: docker.engine.as_ref(), harbor: &harbor, in_use: &in_use, is_low };
        for image in &images {
            if image.tags.is_empty() {
                let verdict = self.judge_nameless(&place, image).await?;
                self.follow(sweep, &place, verdict, None, image).await?;
            }
            for tag in &image.tags {
                let Ok(reference) = tag.parse::<ImageReference>() else { continue };
                if is_pin(&reference) {
                    continue;
                }
                let verdict = self.judge(&place, &reference, image).await?;
                self.follow(sweep, &place, verdict, Some((tag.as_str(), &reference)), image).await?;
            }
        }
        Ok(())
    }

    /// Does what was judged: by name, or by id for an image that has none.
    async fn follow(
        &self,
        sweep: &mut Sweep,
        place: &Place<'_>,
        verdict: Verdict,
        tag: Option<(&str, &ImageReference)>,
        image: &LocalImage,
    ) -> Result<(), RetentionError> {
        let name = tag.map_or(image.image_id.as_str(), |(name, _)| name);
        let (kind, reason) = match verdict {
            Verdict::Leave => return Ok(()),
            Verdict::Keep(kind, reason) => {
                sweep.keep(kind, name, reason);
                return Ok(());
            }
            Verdict::Remove(kind, reason) => (kind, reason),
        };
        if !sweep.is_dry_run {
            if let Some((_, reference)) = tag {
                // The judgement asked the registry, which may take a minute. The name may stand for a newer image by
                // now, which the next sweep judges, or a task may need it.
                if !stands_for(place.engine, name, &image.image_id).await? {
                    return Ok(());
                }
                if let Some(reason) = self.use_of(place, &place.harbor.name_key(reference), image).await? {
                    sweep.keep(kind, name, reason);
                    return Ok(());
                }
            }
            // Never by force: what came into use a moment ago is refused by the daemon itself.
            if let Err(error) = place.engine.remove_image(name).await {
                sweep.keep(kind, name, Reason::Refused(error.message));
                return Ok(());
            }
            self.pipeline.store.note_removed(name, self.pipeline.now()).await?;
        }
        sweep.remove(kind, name, image.size_bytes, reason);
        Ok(())
    }

    async fn judge(
        &self,
        place: &Place<'_>,
        reference: &ImageReference,
        image: &LocalImage,
    ) -> Result<Verdict, RetentionError> {
        let key = place.harbor.name_key(reference);
        match self.pipeline.store.image_by_name(&key).await? {
            Some(row) if row.r#type == "Base" => Ok(Verdict::Keep(Kind::LocalImage, Reason::BaseImage)),
            Some(row) if is_of_record(&row, image) => self.judge_copy(place, reference, &key, &row, image).await,
            _ => self.judge_left_behind(place, &key, image).await,
        }
    }

    /// A copy of what a task pushed.
    async fn judge_copy(
        &self,
        place: &Place<'_>,
        reference: &ImageReference,
        key: &str,
        row: &ImageRow,
        image: &LocalImage,
    ) -> Result<Verdict, RetentionError> {
        if self.settings().local_images == LocalImages::Keep {
            return Ok(Verdict::Leave);
        }
        let Some(hours) = self.old_enough(Moment(row.update_time), place.is_low) else { return Ok(Verdict::Leave) };
        let keep = |reason| Ok(Verdict::Keep(Kind::LocalImage, reason));
        if let Some(reason) = self.use_of(place, key, image).await? {
            return keep(reason);
        }
        let account = place.harbor.account_for(reference);
        match place.engine.resolve_digest(reference, account.as_ref()).await {
            Ok(Some(digest)) if digest.to_string() == row.digest => {
                Ok(Verdict::Remove(Kind::LocalImage, Reason::Pushed { hours }))
            }
            Ok(_) => keep(Reason::NotInRegistry),
            Err(error) => keep(Reason::Refused(error.message)),
        }
    }

    /// What stands under a target's name without being its image of record: a task made it and did not push it, or a
    /// newer task's image took its place in the registry.
    async fn judge_left_behind(
        &self,
        place: &Place<'_>,
        key: &str,
        image: &LocalImage,
    ) -> Result<Verdict, RetentionError> {
        let Some((task_id, state, ended)) = self.maker_of(image).await? else { return Ok(Verdict::Leave) };
        if self.old_enough(ended, place.is_low).is_none() {
            return Ok(Verdict::Leave);
        }
        if let Some(reason) = self.use_of(place, key, image).await? {
            return Ok(Verdict::Keep(Kind::Leftover, reason));
        }
        let is_of_another = self.pipeline.store.image_by_name(key).await?.is_some();
        Ok(match state {
            // Deleted from the list while a container used it: people decide about that one.
            TaskState::PushSuccess if !is_of_another => Verdict::Leave,
            TaskState::PushSuccess => Verdict::Remove(Kind::Leftover, Reason::Nameless { task_id }),
            _ => Verdict::Remove(Kind::Leftover, Reason::NotPushed { task_id }),
        })
    }

    /// An image that lost its name.
    async fn judge_nameless(&self, place: &Place<'_>, image: &LocalImage) -> Result<Verdict, RetentionError> {
        let Some((task_id, _, ended)) = self.maker_of(image).await? else { return Ok(Verdict::Leave) };
        if self.old_enough(ended, place.is_low).is_none() {
            return Ok(Verdict::Leave);
        }
        if place.in_use.contains(&image.image_id) {
            return Ok(Verdict::Keep(Kind::Leftover, Reason::Container));
        }
        Ok(Verdict::Remove(Kind::Leftover, Reason::Nameless { task_id }))
    }

    /// Why an image may not go. Unfinished tasks are asked for at this moment, since a sweep takes its time.
    async fn use_of(&self, place: &Place<'_>, key: &str, image: &LocalImage) -> Result<Option<Reason>, RetentionError> {
        if place.in_use.contains(&image.image_id) {
            return Ok(Some(Reason::Container));
        }
        let task = self.pipeline.task_that_needs(place.harbor, key).await?;
        Ok(task.map(|_| Reason::UnfinishedTask))
    }

    /// The ended task on record that made an image, its end state and when it ended.
    async fn maker_of(&self, image: &LocalImage) -> Result<Option<(i64, TaskState, Moment)>, RetentionError> {
        let Some(task_id) = image.labels.get(TASK_LABEL).and_then(|label| label.parse().ok()) else { return Ok(None) };
        let task = self.pipeline.store.task(TaskId(task_id)).await?;
        let ended = task.filter(|task| task.task_state().is_end());
        Ok(ended.map(|task| (task_id, task.task_state(), Moment(task.end_time.unwrap_or(task.update_time)))))
    }

    /// Hours since a moment, once they are enough.
    fn old_enough(&self, since: Moment, is_low: bool) -> Option<i64> {
        let hours = self.hours_since(since);
        (is_low || hours >= i64::from(self.settings().local_image_hours)).then_some(hours)
    }
}

fn is_of_record(row: &ImageRow, image: &LocalImage) -> bool {
    !row.digest.is_empty() && image.image_id.strip_prefix("sha256:") == Some(row.image_id.as_str())
}

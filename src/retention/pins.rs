//! Names of ours on the daemon that builds start from: bases and installers.
//!
//! Nobody else can have such a name (`image::is_pin`), which is how they are found: a base's is one more name of an image
//! that others made, so that it carries no label of ours. Only the name goes; an image that has another stays. The daemon
//! says when a name was last renewed, and every task that uses one renews it, tasks of other services there too.

use super::{Kind, Reason, Retention, RetentionError, Sweep};
use crate::clock::Moment;

/// What another service on the same daemon needs at the moment cannot be seen here.
const LEAST_HOURS: i64 = 1;

impl Retention {
    /// Removes names that nobody renewed for `local_image_hours` and that no unfinished task holds.
    pub(super) async fn sweep_pins(&self, sweep: &mut Sweep) -> Result<(), RetentionError> {
        let docker = self.pipeline.site.docker_server().await?;
        let limit_hours = i64::from(self.settings().local_image_hours).max(LEAST_HOURS);
        for pin in docker.engine.list_pins().await? {
            let hours = self.hours_since(Moment(pin.last_named_seconds.saturating_mul(1_000_000)));
            if hours < limit_hours {
                continue;
            }
            let name = pin.name.to_string();
            if self.pipeline.pins.is_held(&name) {
                sweep.keep(Kind::BuildInput, name, Reason::UnfinishedTask);
                continue;
            }
            if !sweep.is_dry_run {
                match docker.engine.remove_image(&name).await {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => {
                        sweep.keep(Kind::BuildInput, name, Reason::Refused(error.message));
                        continue;
                    }
                }
            }
            sweep.remove(Kind::BuildInput, name, pin.size_bytes, Reason::Unused { hours });
        }
        Ok(())
    }
}

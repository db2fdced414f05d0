//! What builds start from is held on the Docker server under names of ours: inspected bases, and installer files that
//! travel once instead of with every context.
//!
//! A name is held while a task needs it, so that cleaning leaves it alone. Somebody else may still remove it between our
//! look and the build: then the build says which one is missing, and it is put there again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Pipeline;
use super::failure::StageFailure;
use super::prepare::Prepared;
use super::run::Run;
use crate::catalogue::InstallerFile;
use crate::engine::{BuildOrder, ContextContent, ContextFile, DOCKERFILE};
use crate::image::{ImageReference, PIN_REGISTRY, installer_pin};
use crate::recipe::INSTALLER_PATH;
use crate::task::StageName;

/// The label of an installer's image that says which file it is.
const INSTALLER_LABEL: &str = "fastbuild.installer";

/// Names of ours that tasks need at the moment.
#[derive(Debug, Clone, Default)]
pub struct PinsInUse(Arc<Mutex<HashMap<String, usize>>>);

impl PinsInUse {
    /// Holds a name until the answer is dropped.
    pub fn hold(&self, name: &ImageReference) -> PinHold {
        let name = name.to_string();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default() += 1;
        PinHold { name, pins: self.clone() }
    }

    /// Whether a task needs it.
    pub fn is_held(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

/// A name that a task needs.
#[derive(Debug)]
pub struct PinHold {
    name: String,
    pins: PinsInUse,
}

impl Drop for PinHold {
    fn drop(&mut self) {
        let mut held = self.pins.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.name);
            }
        }
    }
}

/// Whether a build failed because a name of ours was gone.
pub(super) fn has_lost_pin(failure: &StageFailure) -> bool {
    let words = failure.to_string();
    words.contains(PIN_REGISTRY) || words.contains("layer does not exist")
}

impl Pipeline {
    /// Puts the installers of a recipe on the Docker server, those that it does not have.
    pub(super) async fn provide_installers(&self, run: &Run, prepared: &Prepared) -> Result<(), StageFailure> {
        for file in &prepared.recipe.installers {
            let image = installer_pin(&file.digest);
            // Two tasks that find it missing at the same time send it once.
            let _turn = self.builds.turns_of(&image.to_string()).lock_owned().await;
            let (engine, name) = (run.docker.engine.as_ref(), image.to_string());
            if run.retrying(StageName::Build, || engine.inspect_image(&name)).await?.is_some() {
                run.feed.log(StageName::Build, format!("{} is on the Docker server already", file.name));
                // Docker keeps the time of it: cleaning goes by that.
                run.retrying(StageName::Build, || engine.tag(&name, &image)).await?;
                continue;
            }
            let order = self.installer_order(file, &image, prepared);
            let sink = run.feed.sink(StageName::Build);
            let built = run.retrying(StageName::Build, || engine.build(&order, &sink)).await?;
            run.feed.log(
                StageName::Build,
                format!("{} travelled to the Docker server once: {} bytes, as {image}", file.name, built.context_bytes),
            );
        }
        Ok(())
    }

    fn installer_order(&self, file: &InstallerFile, image: &ImageReference, prepared: &Prepared) -> BuildOrder {
        let name = INSTALLER_PATH.trim_start_matches('/');
        let dockerfile = format!("FROM scratch\nCOPY {name} {INSTALLER_PATH}\n");
        let content = |path: &str, content| ContextFile { path: path.to_owned(), mode: 0o644, content };
        let exact = ContextContent::Exact { path: file.path.clone(), digest: file.digest.clone() };
        let labels = [("constructor", "FastBuild"), (INSTALLER_LABEL, file.name.as_str())];
        BuildOrder {
            builder: prepared.builder,
            context: vec![content(DOCKERFILE, ContextContent::Bytes(dockerfile.into())), content(name, exact)],
            tags: vec![image.clone()],
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            arguments: std::collections::BTreeMap::new(),
            extra_hosts: Vec::new(),
            target: None,
            network: None,
            memory_bytes: None,
            no_cache: false,
            idle_timeout: Duration::from_secs(self.settings.limits.idle_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Cause;
    use crate::explanation::Explanation;

    #[test]
    fn a_name_is_held_until_its_last_task_ends() {
        let pins = PinsInUse::default();
        let name: ImageReference = "fastbuild.invalid/base:1".parse().unwrap();
        let (first, second) = (pins.hold(&name), pins.hold(&name));
        drop(first);
        assert!(pins.is_held(&name.to_string()));
        drop(second);
        assert!(!pins.is_held(&name.to_string()));
    }

    #[test]
    fn a_build_that_missed_a_name_of_ours_is_told_from_others() {
        let failure = |message: &str| StageFailure::new(Cause::BaseNotFound, Explanation::quoted(message));
        assert!(has_lost_pin(&failure("Head \"https://fastbuild.invalid/v2/installer/manifests/1\": no such host")));
        assert!(!has_lost_pin(&failure("E: Unable to locate package nosuch (exit code 100)")));
    }
}

//! Containers that an earlier process of this service left on the daemon when it was killed.
//!
//! The label `constructor=FastBuild` alone says too little: containers that people run from our images inherit it, and
//! other services may share the daemon. So every probe container names its service (by a hash of its key) and the process
//! that made it; what carries our service and another process is nobody's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::engine::EngineError;
use crate::secret::{Sealer, SecretError};
use crate::site::{Site, SiteError};

const SERVICE_LABEL: &str = "fastbuild.service";
const PROCESS_LABEL: &str = "fastbuild.process";
/// A creation that was under way when the process died may still happen, so one look is not enough.
const FIRST_LOOKS: [Duration; 3] = [Duration::from_secs(0), Duration::from_secs(3), Duration::from_secs(30)];
const STEADY_PAUSE: Duration = Duration::from_mins(5);

/// Who made a container.
#[derive(Debug, Clone)]
pub struct Maker {
    service: String,
    process: String,
}

impl Maker {
    /// This process of the service that has these keys.
    pub fn new(sealer: &Sealer) -> Result<Self, SecretError> {
        let mut service = sealer.keyed_hash("container labels", &SecretString::from("service"))?;
        service.truncate(16);
        Ok(Self { service, process: hex::encode(rand::random::<[u8; 8]>()) })
    }

    /// The labels of what it makes.
    pub fn labels(&self) -> BTreeMap<String, String> {
        [(SERVICE_LABEL.to_owned(), self.service.clone()), (PROCESS_LABEL.to_owned(), self.process.clone())].into()
    }

    fn is_left_over(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(SERVICE_LABEL) == Some(&self.service)
            && labels.get(PROCESS_LABEL).is_some_and(|process| *process != self.process)
    }
}

/// Removes left-over containers until `stop`. A daemon that cannot be asked is asked again later.
pub async fn remove_leftovers(site: Arc<Site>, maker: Maker, stop: CancellationToken) {
    let mut looks = FIRST_LOOKS.into_iter();
    loop {
        let pause = looks.next().unwrap_or(STEADY_PAUSE);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        match site.docker_server().await {
            Ok(server) => {
                if let Err(error) = sweep(server.engine.as_ref(), &maker).await {
                    tracing::debug!("left-over containers could not be looked for: {error}");
                }
            }
            Err(SiteError::NotConfigured(_)) => {}
            Err(error) => tracing::debug!("left-over containers could not be looked for: {error}"),
        }
    }
}

async fn sweep(engine: &dyn crate::engine::Engine, maker: &Maker) -> Result<(), EngineError> {
    for container in engine.list_our_containers().await? {
        if maker.is_left_over(&container.labels) {
            engine.remove_container(&container.container_id).await?;
            tracing::warn!("removed the container {} that an earlier process left", container.container_id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_earlier_process_of_ours_made_is_left_over() {
        let sealer = |key: &str| Sealer::from_settings(&SecretString::from(key), &[]);
        let earlier = Maker::new(&sealer("one")).unwrap();
        let present = Maker::new(&sealer("one")).unwrap();
        let other = Maker::new(&sealer("two")).unwrap();
        assert!(present.is_left_over(&earlier.labels()));
        assert!(!present.is_left_over(&present.labels()));
        assert!(!present.is_left_over(&other.labels()));
        assert!(!present.is_left_over(&[("constructor".to_owned(), "FastBuild".to_owned())].into()));
    }
}

//! Probes: a script run once in an image, in a container that is always removed.
//!
//! The container has no network, no capability but to read what belongs to others, no way to gain privileges, nothing to write to, and limits on memory
//! and processes; the image may be hostile. It carries a name of ours, so that it can be removed even when its creation was cut off.

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use bollard::{container::LogOutput, errors::Error as BollardError};
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::daemon::{ANSWER_LIMIT, Daemon};
use super::images::{OUR_LABEL, remove_container};
use super::{EngineError, ProbeOrder, ProbeOutput};
use crate::cause::Cause;

const MIN_LOG_BYTES: usize = 1024 * 1024;

/// Runs a probe.
pub(super) async fn probe(daemon: &Daemon, order: &ProbeOrder) -> Result<ProbeOutput, EngineError> {
    let mut container = ProbeContainer::create(daemon, order);
    let result = tokio::time::timeout(order.timeout, container.run(order)).await.unwrap_or_else(|_| {
        let text = format!("the probe of {} took longer than {} s", order.image, order.timeout.as_secs());
        Err(EngineError::new(Cause::Timeout, text))
    });
    container.remove().await;
    result
}

/// A container that is removed when it is dropped.
struct ProbeContainer {
    daemon: Daemon,
    name: String,
    creation: Option<JoinHandle<Result<(), EngineError>>>,
    is_removed: bool,
}

impl ProbeContainer {
    /// Begins the creation in a task of its own: a creation whose request is cut off may still happen at the daemon,
    /// and then a removal that came before it would leave the container behind.
    fn create(daemon: &Daemon, order: &ProbeOrder) -> Self {
        let name = format!("fastbuild-probe-{}", hex::encode(rand::random::<[u8; 8]>()));
        let (creator, body, own_name) = (daemon.clone(), container_body(order), name.clone());
        let creation = async move {
            let options = CreateContainerOptionsBuilder::new().name(&own_name).build();
            let call = Box::pin(creator.docker.create_container(Some(options), body));
            creator.call("creating a probe container", ANSWER_LIMIT, call).await.map(drop)
        };
        let creation = tokio::spawn(creation.in_current_span());
        Self { daemon: daemon.clone(), name, creation: Some(creation), is_removed: false }
    }

    async fn run(&mut self, order: &ProbeOrder) -> Result<ProbeOutput, EngineError> {
        if let Some(creation) = &mut self.creation {
            let created = creation.await;
            self.creation = None;
            created.map_err(|error| EngineError::new(Cause::Internal, format!("the probe was cut off: {error}")))??;
        }
        let docker = &self.daemon.docker;
        let start = docker.start_container(&self.name, None::<StartContainerOptions>);
        self.daemon.call("starting a probe container", ANSWER_LIMIT, start).await?;
        let exit_code = self.wait().await?;
        let (stdout, stderr) = self.logs(order.output_limit_bytes).await?;
        Ok(ProbeOutput { exit_code, stdout, stderr })
    }

    async fn wait(&self) -> Result<i64, EngineError> {
        let mut answers = self.daemon.docker.wait_container(&self.name, None::<WaitContainerOptions>);
        match answers.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            // bollard's word for an exit code other than 0, which is a result.
            Some(Err(BollardError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(EngineError::from_bollard(&error)),
            None => Err(EngineError::new(Cause::DaemonLost, "the daemon stopped waiting for the probe container")),
        }
    }

    async fn logs(&self, limit_bytes: usize) -> Result<(String, String), EngineError> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let mut logs = self.daemon.docker.logs(&self.name, Some(options));
        let (mut stdout, mut stderr, mut left) = (Vec::new(), Vec::new(), limit_bytes);
        while let Some(piece) = logs.next().await {
            let (target, message) = match piece.map_err(|error| EngineError::from_bollard(&error))? {
                LogOutput::StdErr { message } => (&mut stderr, message),
                LogOutput::StdOut { message } | LogOutput::Console { message } => (&mut stdout, message),
                LogOutput::StdIn { .. } => continue,
            };
            target.extend_from_slice(&message[..message.len().min(left)]);
            left = left.saturating_sub(message.len());
            if left == 0 {
                break;
            }
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((text(stdout), text(stderr)))
    }

    async fn remove(mut self) {
        // If this future is dropped halfway, the drop below begins anew.
        clean_up(&self.daemon, &self.name, &mut self.creation).await;
        self.is_removed = true;
    }
}

impl Drop for ProbeContainer {
    fn drop(&mut self) {
        if self.is_removed {
            return;
        }
        let (daemon, name, mut creation) = (self.daemon.clone(), std::mem::take(&mut self.name), self.creation.take());
        // Without a runtime the process ends; the next start finds the container by its label.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let removal = async move { clean_up(&daemon, &name, &mut creation).await };
            runtime.spawn(removal.in_current_span());
        }
    }
}

async fn clean_up(daemon: &Daemon, name: &str, creation: &mut Option<JoinHandle<Result<(), EngineError>>>) {
    if let Some(creation) = creation {
        // Whatever came of it: the removal is tried.
        let _ = creation.await;
    }
    *creation = None;
    if let Err(error) = remove_container(daemon, name).await {
        tracing::warn!("the probe container {name} was not removed: {error}");
    }
}

fn container_body(order: &ProbeOrder) -> ContainerCreateBody {
    let limit = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let (name, value) = OUR_LABEL;
    // A script that never stops printing must not fill the daemon's disk.
    let log_bytes = (order.output_limit_bytes.saturating_mul(4)).max(MIN_LOG_BYTES);
    let log_options = [("max-size".to_owned(), log_bytes.to_string()), ("max-file".to_owned(), "1".to_owned())];
    ContainerCreateBody {
        image: Some(order.image.clone()),
        entrypoint: Some(order.entrypoint.clone()),
        cmd: Some(Vec::new()),
        user: Some("0:0".to_owned()),
        working_dir: Some("/".to_owned()),
        labels: Some(order.labels.clone().into_iter().chain([(name.to_owned(), value.to_owned())]).collect()),
        network_disabled: Some(true),
        // The daemon would run the image's own health check inside the probe.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        attach_stdout: Some(false),
        attach_stderr: Some(false),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            memory: Some(limit(order.memory_bytes)),
            memory_swap: Some(limit(order.memory_bytes)),
            pids_limit: Some(limit(order.pids)),
            // Nor must one that writes.
            readonly_rootfs: Some(true),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            cap_drop: Some(vec!["ALL".to_owned()]),
            // Homes are 0700 on many bases, and what the image's own user has installed there counts.
            cap_add: Some(vec!["DAC_OVERRIDE".to_owned()]),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(log_options.into()),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

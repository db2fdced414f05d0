//! Direct access to our Harbor, kept per configuration row.
//!
//! An optimisation and never a condition: where this service cannot reach the registry, one warning is logged and
//! everything goes through the daemon.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::explanation::Explanation;
use crate::image::{Digest, ImageReference, RegistryHost};
use crate::registry::{PreflightReport, RegistryAccess, RegistryClient, RegistryError, is_insecure};
use crate::site::{DockerServer, Harbor};

use super::failure::StageFailure;

/// How long a registry's word that a repository may be pushed to is good for other tags of it: long enough for many
/// tasks at once, too short for anybody to wait for.
const PUSHABLE_FRESH: Duration = Duration::from_secs(5);
/// How long a digest is waited for; a registry that answers at all needs a fraction of it.
const DIGEST_LIMIT: Duration = Duration::from_secs(5);
/// How long a registry that fell silent is not asked again. Where a firewall drops what we send, every task would wait
/// for it several times.
const SILENT_FOR: Duration = Duration::from_mins(2);
/// The same for one that refuses the connection, which takes a few attempts and a second to find out.
const CLOSED_FOR: Duration = Duration::from_secs(15);

type Repository = (i64, RegistryHost, String);

/// Clients of registries.
#[derive(Default)]
pub struct Registries {
    clients: Mutex<HashMap<(i64, i64, RegistryHost), RegistryClient>>,
    /// Repositories of registries that are no Harbor, where nothing hangs on the tag.
    pushable: Mutex<HashMap<Repository, Instant>>,
    warned: Mutex<HashSet<RegistryHost>>,
    /// Registries that did not answer, and until when they are left alone.
    silent: Mutex<HashMap<RegistryHost, Instant>>,
}

impl Registries {
    /// A client for an image of our Harbor; `None` for any other registry, where none can be made, and for a while where
    /// the registry gives us no answer.
    pub async fn client_for(
        &self,
        harbor: &Harbor,
        docker: &DockerServer,
        reference: &ImageReference,
    ) -> Option<RegistryClient> {
        let account = harbor.account_for(reference)?;
        if self.is_silent(&account.registry) {
            return None;
        }
        self.client(harbor, docker, reference).await
    }

    /// The same, asked by a person who waits for the registry's own answer, whatever became of the last one.
    pub async fn client(
        &self,
        harbor: &Harbor,
        docker: &DockerServer,
        reference: &ImageReference,
    ) -> Option<RegistryClient> {
        let account = harbor.account_for(reference)?;
        let key = (harbor.row_id, docker.row_id, account.registry.clone());
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if known.is_some() {
            return known;
        }
        // What the daemon speaks plain HTTP to, we may; all else must be HTTPS.
        let info = docker.known_info().await.ok()?;
        let access = RegistryAccess {
            host: account.registry.clone(),
            is_insecure: is_insecure(&account.registry, &info.insecure_registries),
            ca_pem: harbor.ca_pem.clone(),
            account: Some(account),
        };
        let host = access.host.clone();
        match RegistryClient::new(access) {
            Ok(client) => {
                self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(key, client.clone());
                Some(client)
            }
            Err(error) => {
                self.warn_once(&host, &error.to_string());
                None
            }
        }
    }

    /// The digest that our Harbor has under a name, asked with one request; `None` for any other registry, for a name
    /// that it does not know, and where it cannot be asked.
    pub async fn digest_of(
        &self,
        harbor: &Harbor,
        docker: &DockerServer,
        reference: &ImageReference,
    ) -> Option<Digest> {
        let client = self.client_for(harbor, docker, reference).await?;
        match tokio::time::timeout(DIGEST_LIMIT, client.resolve(reference)).await {
            Ok(Ok(head)) => head.map(|head| head.digest),
            Ok(Err(error)) => {
                self.note_unavailable(client.host(), &error);
                None
            }
            Err(_) => {
                self.warn_once(client.host(), &format!("no answer within {} s", DIGEST_LIMIT.as_secs()));
                self.leave_alone(client.host(), SILENT_FOR);
                None
            }
        }
    }

    /// Asks our Harbor whether a push would succeed and returns what is worth a line in a log.
    pub async fn preflight(
        &self,
        harbor: &Harbor,
        docker: &DockerServer,
        target: &ImageReference,
    ) -> Result<Vec<String>, StageFailure> {
        let Some(client) = self.client_for(harbor, docker, target).await else { return Ok(Vec::new()) };
        let repository = (harbor.row_id, client.host().clone(), target.repository().to_owned());
        if self.is_pushable(&repository) {
            return Ok(vec![format!("{} lets {} be pushed, as it said a moment ago", client.host(), target)]);
        }
        let start = Instant::now();
        let report = client.preflight(target).await;
        if let Some(finding) = report.failure() {
            return Err(StageFailure::new(finding.cause, Explanation::quoted(&finding.message)));
        }
        match report {
            PreflightReport::Checked(checks) => {
                self.warned.lock().unwrap_or_else(PoisonError::into_inner).remove(client.host());
                if !checks.is_harbor {
                    self.note_pushable(repository);
                }
                let mut lines = vec![format!("{} lets {} be pushed", client.host(), target)];
                lines.extend(checks.notes);
                Ok(lines)
            }
            PreflightReport::Unavailable { reason, .. } => {
                if start.elapsed() >= DIGEST_LIMIT {
                    self.leave_alone(client.host(), SILENT_FOR);
                }
                self.warn_once(client.host(), &reason);
                Ok(vec![format!("{} was not asked beforehand: {reason}", client.host())])
            }
        }
    }

    fn is_pushable(&self, repository: &Repository) -> bool {
        let mut pushable = self.pushable.lock().unwrap_or_else(PoisonError::into_inner);
        pushable.retain(|_, time| time.elapsed() < PUSHABLE_FRESH);
        pushable.contains_key(repository)
    }

    fn note_pushable(&self, repository: Repository) {
        self.pushable.lock().unwrap_or_else(PoisonError::into_inner).insert(repository, Instant::now());
    }

    fn is_silent(&self, host: &RegistryHost) -> bool {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.retain(|_, until| *until > Instant::now());
        silent.contains_key(host)
    }

    fn leave_alone(&self, host: &RegistryHost, time: Duration) {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).insert(host.clone(), Instant::now() + time);
    }

    /// Warns once that shortcuts are off.
    pub fn note_unavailable(&self, host: &RegistryHost, error: &RegistryError) {
        self.warn_once(host, &error.to_string());
        if matches!(error, RegistryError::Unreachable { .. } | RegistryError::Tls { .. }) {
            self.leave_alone(host, CLOSED_FOR);
        }
    }

    fn warn_once(&self, host: &RegistryHost, reason: &str) {
        if self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(host.clone()) {
            tracing::warn!("registry {host} cannot be asked directly, everything goes through the daemon: {reason}");
        }
    }
}

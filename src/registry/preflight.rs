//! Would a push succeed? Asked before the first byte is built, so that a task fails in seconds and with its own cause.
//!
//! Only what the registry says clearly is a finding. What this service cannot find out is a note, and a registry that
//! it cannot reach or trust makes the whole report unavailable: the daemon may well reach it.

use super::client::RegistryClient;
use super::error::RegistryError;
use super::harbor::{HarborRepository, Room};
use super::manifest::ManifestHead;
use super::token::{Scope, missing_actions};
use crate::cause::Cause;
use crate::image::ImageReference;

/// What is known before a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightReport {
    /// The registry answered.
    Checked(PreflightChecks),
    /// This service cannot ask the registry; shortcuts are off, everything goes through the daemon.
    Unavailable {
        /// `REGISTRY_UNREACHABLE` or `REGISTRY_TLS`, as this service sees it.
        cause: Cause,
        /// Why, for one warning.
        reason: String,
    },
}

/// What the registry said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreflightChecks {
    /// Whether it is a Harbor, with projects, quotas and immutable tags.
    pub is_harbor: bool,
    /// Why a push would fail; empty when nothing speaks against it.
    pub findings: Vec<Finding>,
    /// What could not be checked.
    pub notes: Vec<String>,
    /// What stands under the tag already.
    pub existing: Option<ManifestHead>,
    /// Bytes that the project still takes, where it has a limit.
    pub quota_left_bytes: Option<u64>,
}

/// Why a push would fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The cause for people and machines.
    pub cause: Cause,
    /// What was found.
    pub message: String,
}

impl PreflightReport {
    /// The first reason against a push.
    pub fn failure(&self) -> Option<&Finding> {
        match self {
            Self::Checked(checks) => checks.findings.first(),
            Self::Unavailable { .. } => None,
        }
    }
}

impl PreflightChecks {
    fn find(&mut self, cause: Cause, message: impl Into<String>) {
        self.findings.push(Finding { cause, message: message.into() });
    }

    /// Keeps a verdict as a finding and hands back what is none.
    fn take_verdict<T>(&mut self, result: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_verdict() => {
                self.find(error.cause(), error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps an error as a note.
    fn take_note<T>(&mut self, result: Result<T, RegistryError>) -> Option<T> {
        result.map_err(|error| self.notes.push(error.to_string())).ok()
    }
}

impl RegistryClient {
    /// Asks the registry everything that a push of this name depends on.
    pub async fn preflight(&self, target: &ImageReference) -> PreflightReport {
        let limit = self.transport.limits.total_timeout;
        match tokio::time::timeout(limit, self.check_push(target)).await {
            Ok(Ok(checks)) => PreflightReport::Checked(checks),
            Ok(Err(error)) => PreflightReport::Unavailable { cause: error.cause(), reason: error.to_string() },
            Err(_) => PreflightReport::Unavailable {
                cause: Cause::RegistryUnreachable,
                reason: format!("{} did not answer everything within {} s", self.host(), limit.as_secs()),
            },
        }
    }

    async fn check_push(&self, target: &ImageReference) -> Result<PreflightChecks, RegistryError> {
        let path = self.path_of(target);
        let scopes = [Scope::push(&path)];
        let mut checks = PreflightChecks::default();
        let access = self.check_access(&path, &scopes).await;
        let may_push = match checks.take_verdict(access)? {
            Some(missing) if missing.is_empty() => true,
            Some(missing) => {
                let message = format!("the account may not {} {path}", missing.join(" or "));
                checks.find(Cause::RegistryAuth, message);
                false
            }
            None => false,
        };
        checks.is_harbor = self.is_harbor().await?;
        if may_push {
            let head = RegistryError::absent(self.head(&path, target.tag_or_latest(), &scopes).await);
            checks.existing = checks.take_verdict(head)?.flatten();
        }
        if checks.is_harbor {
            self.check_harbor(target, &mut checks).await;
        } else {
            checks.notes.push("not a Harbor: projects, quotas and immutable tags were not checked".to_owned());
        }
        Ok(checks)
    }

    /// The actions that the account lacks: as its token says, else by opening an upload and giving it up.
    async fn check_access(&self, path: &str, scopes: &[Scope]) -> Result<Vec<&'static str>, RegistryError> {
        let token = self.transport.patiently(|| self.transport.token(scopes)).await?;
        if let Some(missing) = token.and_then(|token| missing_actions(&token, path, &["pull", "push"])) {
            return Ok(missing);
        }
        match self.open_upload(path, scopes).await {
            Ok(upload) => {
                self.cancel_upload(&upload, scopes).await;
                Ok(Vec::new())
            }
            // A registry that hides what one may not see.
            Err(RegistryError::NotFound { .. }) => Ok(vec!["push"]),
            Err(error) => Err(error),
        }
    }

    async fn check_harbor(&self, target: &ImageReference, checks: &mut PreflightChecks) {
        let Some(repository) = HarborRepository::of(target) else {
            checks.find(Cause::RegistryAuth, format!("{target} names no project, and Harbor keeps images in projects"));
            return;
        };
        let (project, room) =
            tokio::join!(self.harbor_project(&repository.project), self.harbor_room(&repository.project));
        match checks.take_note(project) {
            Some(None) => {
                // The account's missing rights are a consequence of it.
                checks.findings.clear();
                checks.find(
                    Cause::RegistryAuth,
                    format!("there is no project {} in {}", repository.project, self.host()),
                );
                return;
            }
            Some(Some(project)) if project.is_proxy_cache() => {
                let message = format!("project {} is a proxy cache, which takes no pushes", repository.project);
                checks.find(Cause::RegistryAuth, message);
            }
            Some(Some(_)) | None => {}
        }
        match checks.take_note(room) {
            Some(Room::Bytes { limit, left }) => {
                checks.quota_left_bytes = Some(left);
                if left == 0 {
                    let message = format!("project {} has used all of its {limit} bytes", repository.project);
                    checks.find(Cause::QuotaExceeded, message);
                }
            }
            Some(Room::Unknown) => checks.notes.push(format!("the quota of {} is not told", repository.project)),
            Some(Room::Unlimited) | None => {}
        }
        if checks.existing.is_some() {
            let told = self.harbor_is_immutable(&repository, target.tag_or_latest()).await;
            match checks.take_note(told) {
                Some(Some(true)) => {
                    let message = format!("{target} exists and is immutable; choose another tag");
                    checks.find(Cause::TagImmutable, message);
                }
                Some(None) => checks.notes.push("a rule on immutable tags is not understood".to_owned()),
                Some(Some(false)) | None => {}
            }
        }
    }
}

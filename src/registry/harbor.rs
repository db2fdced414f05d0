//! Harbor's own API, version 2.0: projects, quotas, immutable tags, tags deleted alone.
//!
//! Robot accounts often may not read all of it; what is not told is not known and stops nobody.

use std::collections::HashMap;
use std::sync::OnceLock;

use http::Method;
use serde::Deserialize;

use super::client::RegistryClient;
use super::delete::Deletion;
use super::error::RegistryError;
use super::glob;
use super::order::Order;
use crate::image::{Digest, ImageReference};

const ANSWER_LIMIT_BYTES: usize = 1 << 20;
const PAGE_SIZE: usize = 100;
const PAGES: usize = 10;

/// Whether the registry is a Harbor, once known.
#[derive(Default)]
pub(super) struct HarborKnowledge(OnceLock<bool>);

/// A repository as Harbor's API addresses it.
pub(super) struct HarborRepository {
    pub(super) project: String,
    /// Without the project.
    pub(super) name: String,
}

impl HarborRepository {
    /// `None` for a repository outside any project, which Harbor does not have.
    pub(super) fn of(reference: &ImageReference) -> Option<Self> {
        let (project, name) = reference.repository().split_once('/')?;
        Some(Self { project: project.to_owned(), name: name.to_owned() })
    }

    /// The path of its artifacts; the API wants slashes encoded twice.
    pub(super) fn artifacts(&self) -> String {
        let name = self.name.replace('/', "%252F");
        format!("/api/v2.0/projects/{}/repositories/{name}/artifacts", self.project)
    }
}

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    /// Set for a proxy cache, which takes no pushes.
    #[serde(default)]
    registry_id: Option<i64>,
}

impl Project {
    pub(super) fn is_proxy_cache(&self) -> bool {
        self.registry_id.is_some_and(|id| id > 0)
    }
}

#[derive(Debug, Deserialize)]
struct Summary {
    #[serde(default)]
    quota: Option<Quota>,
}

/// A project's quota as Harbor tells it: bytes by the key `storage`, -1 for no limit.
#[derive(Debug, Default, Deserialize)]
struct Quota {
    #[serde(default)]
    hard: Option<HashMap<String, i64>>,
    #[serde(default)]
    used: Option<HashMap<String, i64>>,
}

/// Room in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Unlimited,
    /// Harbor did not tell.
    Unknown,
    Bytes {
        limit: u64,
        left: u64,
    },
}

#[derive(Debug, Deserialize)]
struct Tag {
    name: String,
    #[serde(default)]
    immutable: Option<bool>,
}

/// A rule that makes tags immutable.
#[derive(Debug, Deserialize)]
pub(super) struct ImmutableRule {
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    scope_selectors: HashMap<String, Vec<Selector>>,
    #[serde(default)]
    tag_selectors: Vec<Selector>,
}

#[derive(Debug, Deserialize)]
struct Selector {
    #[serde(default)]
    decoration: String,
    #[serde(default)]
    pattern: String,
}

impl Selector {
    /// Whether the selector means this name; `None` when it cannot be told.
    fn selects(&self, name: &str) -> Option<bool> {
        let is_match = glob::matches(&self.pattern, name)?;
        match self.decoration.as_str() {
            "matches" | "repoMatches" => Some(is_match),
            "excludes" | "repoExcludes" => Some(!is_match),
            _ => None,
        }
    }
}

impl ImmutableRule {
    /// Whether an existing tag is immutable by this rule. Harbor looks at the first selector of each kind only.
    fn covers(&self, repository: &str, tag: &str) -> Option<bool> {
        let scope = self.scope_selectors.get("repository").and_then(|selectors| selectors.first());
        let (false, Some(scope), Some(tags)) = (self.disabled, scope, self.tag_selectors.first()) else {
            return Some(false);
        };
        Some(scope.selects(repository)? && tags.selects(tag)?)
    }
}

/// Whether any rule makes this tag immutable; `None` when a rule cannot be understood and no other one does.
fn is_immutable_by(rules: &[ImmutableRule], repository: &str, tag: &str) -> Option<bool> {
    let verdicts: Vec<Option<bool>> = rules.iter().map(|rule| rule.covers(repository, tag)).collect();
    if verdicts.contains(&Some(true)) {
        return Some(true);
    }
    if verdicts.contains(&None) { None } else { Some(false) }
}

impl RegistryClient {
    /// Whether the registry is a Harbor. Asked once.
    pub async fn is_harbor(&self) -> Result<bool, RegistryError> {
        if let Some(&known) = self.harbor.0.get() {
            return Ok(known);
        }
        let order = Order::new(Method::GET, "/api/v2.0/ping", "asking whether the registry is a Harbor")
            .accepts(&[200, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410]);
        let is_harbor = match self.transport.fetch(&order).await {
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                answer.status == 200 && text.trim().trim_matches('"') == "Pong"
            }
            Err(RegistryError::TooLarge { .. }) => false,
            Err(error) => return Err(error),
        };
        Ok(*self.harbor.0.get_or_init(|| is_harbor))
    }

    /// A project; `None` when there is none of that name.
    pub(super) async fn harbor_project(&self, project: &str) -> Result<Option<Project>, RegistryError> {
        let what = format!("reading project {project}");
        RegistryError::absent(self.harbor_get(&format!("/api/v2.0/projects/{project}"), &what).await)
    }

    /// How much room a project has.
    pub(super) async fn harbor_room(&self, project: &str) -> Result<Room, RegistryError> {
        let what = format!("reading the quota of project {project}");
        let summary: Summary = self.harbor_get(&format!("/api/v2.0/projects/{project}/summary"), &what).await?;
        Ok(room_of(&summary.quota.unwrap_or_default()))
    }

    /// Whether an existing tag is immutable: Harbor's own word, else what its rules say; `None` when neither tells.
    pub(super) async fn harbor_is_immutable(
        &self,
        repository: &HarborRepository,
        tag: &str,
    ) -> Result<Option<bool>, RegistryError> {
        let what = format!("asking whether {}/{}:{tag} is immutable", repository.project, repository.name);
        let path = format!("{}/{tag}/tags?with_immutable_status=true&q=name%3D{tag}", repository.artifacts());
        let told = match self.harbor_get::<Vec<Tag>>(&path, &what).await {
            Ok(tags) => tags.iter().find(|known| known.name == tag).and_then(|known| known.immutable),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => None,
        };
        if told.is_some() {
            return Ok(told);
        }
        let path = format!("/api/v2.0/projects/{}/immutabletagrules?page_size={PAGE_SIZE}", repository.project);
        let rules: Vec<ImmutableRule> = self.harbor_get(&path, &what).await?;
        Ok(is_immutable_by(&rules, &repository.name, tag))
    }

    /// Deletes a tag of a digest, then the artifact when no tag is left on it.
    pub(super) async fn delete_from_harbor(
        &self,
        reference: &ImageReference,
        digest: &Digest,
    ) -> Result<Deletion, RegistryError> {
        let Some(repository) = HarborRepository::of(reference) else { return Ok(Deletion::Absent) };
        let tag = reference.tag_or_latest();
        let Some(tags) = self.harbor_tags(&repository, digest).await? else {
            return Ok(Deletion::TooManyTags { limit: PAGE_SIZE * PAGES });
        };
        let others: Vec<String> = tags.into_iter().filter(|other| other != tag).collect();
        if !others.is_empty() {
            return Ok(Deletion::Shared { tags: others });
        }
        let artifact = format!("{}/{digest}", repository.artifacts());
        let what = format!("deleting {reference}");
        // By digest, so that a tag that moved in this moment stays.
        let order = Order::new(Method::DELETE, format!("{artifact}/tags/{tag}"), &what).for_account();
        RegistryError::absent(self.transport.fetch(&order.accepts(&[200, 202, 204])).await)?;
        // Somebody may have tagged it in this moment; an artifact that stays behind untagged is Harbor's to clean.
        if self.harbor_tags(&repository, digest).await.is_ok_and(|tags| tags.is_some_and(|tags| tags.is_empty())) {
            let order = Order::new(Method::DELETE, artifact, &what).for_account().accepts(&[200, 202, 204]);
            if let Err(error) = self.transport.fetch(&order).await {
                tracing::info!("{reference} has lost its tag, its manifest stays in Harbor: {error}");
            }
        }
        Ok(Deletion::Deleted)
    }

    /// The tags of an artifact; `None` when there are more than are looked at.
    async fn harbor_tags(
        &self,
        repository: &HarborRepository,
        digest: &Digest,
    ) -> Result<Option<Vec<String>>, RegistryError> {
        let what = format!("listing the tags of {}/{}@{digest}", repository.project, repository.name);
        let mut names = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{}/{digest}/tags?page_size={PAGE_SIZE}&page={page}", repository.artifacts());
            let tags: Vec<Tag> = self.harbor_get(&path, &what).await?;
            let is_last = tags.len() < PAGE_SIZE;
            names.extend(tags.into_iter().map(|tag| tag.name));
            if is_last {
                return Ok(Some(names));
            }
        }
        Ok(None)
    }

    async fn harbor_get<T: serde::de::DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, RegistryError> {
        let order = Order::new(Method::GET, path, what).for_account().limit(ANSWER_LIMIT_BYTES);
        self.transport.fetch(&order).await?.json(what)
    }
}

fn room_of(quota: &Quota) -> Room {
    let storage = |values: &Option<HashMap<String, i64>>| values.as_ref()?.get("storage").copied();
    match (storage(&quota.hard), storage(&quota.used)) {
        (Some(limit), _) if limit < 0 => Room::Unlimited,
        (Some(limit), used) => {
            let (limit, used) = (limit.unsigned_abs(), u64::try_from(used.unwrap_or(0)).unwrap_or(0));
            Room::Bytes { limit, left: limit.saturating_sub(used) }
        }
        (None, _) => Room::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_harbor_reads_them() {
        let rule = |disabled: bool, (scope, repositories): (&str, &str), (decoration, tags): (&str, &str)| {
            let text = serde_json::json!({"disabled": disabled, "action": "immutable", "template": "immutable_template",
                "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": scope, "pattern": repositories}]},
                "tag_selectors": [{"kind": "doublestar", "decoration": decoration, "pattern": tags}]});
            serde_json::from_value::<ImmutableRule>(text).unwrap()
        };
        let releases = || rule(false, ("repoMatches", "science/**"), ("matches", "v*"));
        let odd = || rule(false, ("repoMatches", "**"), ("hashes", "v*"));
        for (rules, expected) in [
            (vec![], Some(false)),
            (vec![releases()], Some(true)),
            (vec![rule(true, ("repoMatches", "**"), ("matches", "**"))], Some(false)),
            (vec![rule(false, ("repoExcludes", "science/**"), ("matches", "**"))], Some(false)),
            (vec![rule(false, ("repoExcludes", "other"), ("excludes", "latest"))], Some(true)),
            (vec![odd()], None),
            (vec![odd(), releases()], Some(true)),
            (vec![serde_json::from_str("{}").unwrap()], Some(false)),
        ] {
            assert_eq!(is_immutable_by(&rules, "science/numpy", "v1.0"), expected, "{rules:?}");
        }
    }

    #[test]
    fn room_is_read_from_quotas() {
        for (text, expected) in [
            (r#"{"hard":{"storage":-1},"used":{"storage":5}}"#, Room::Unlimited),
            (r#"{"hard":{"storage":100},"used":{"storage":40}}"#, Room::Bytes { limit: 100, left: 60 }),
            (r#"{"hard":{"storage":100},"used":{"storage":140}}"#, Room::Bytes { limit: 100, left: 0 }),
            (r#"{"hard":{"storage":100},"used":{"storage":-9}}"#, Room::Bytes { limit: 100, left: 100 }),
            (r#"{"hard":{}}"#, Room::Unknown),
            ("{}", Room::Unknown),
        ] {
            assert_eq!(room_of(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
    }
}

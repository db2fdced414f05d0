//! Deleting an image from the registry, only when nobody else's tag would go with it.
//!
//! A registry deletes manifests, and with one go all tags that point to it; Harbor can delete a tag alone. Either way
//! the digest is looked at first: what moved, or carries another tag, stays.

use futures_util::{StreamExt, TryStreamExt};
use http::Method;
use serde::Deserialize;

use super::client::RegistryClient;
use super::error::RegistryError;
use super::manifest::Document;
use super::order::Order;
use super::token::Scope;
use crate::image::{Digest, ImageReference};

const QUESTIONS_AT_ONCE: usize = 8;
const TAG_PAGE_LIMIT_BYTES: usize = 1 << 20;

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// The tag is gone, and the manifest with it unless Harbor keeps it for an index.
    Deleted,
    /// The registry does not know the name.
    Absent,
    /// The tag stands for something else now; it stays.
    Moved {
        /// What it stands for.
        found: Digest,
    },
    /// The manifest carries other tags too; it stays.
    Shared {
        /// They.
        tags: Vec<String>,
    },
    /// The repository has more tags than are looked at; the manifest stays.
    TooManyTags {
        /// How many are looked at.
        limit: usize,
    },
}

#[derive(Deserialize)]
struct TagPage {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl RegistryClient {
    /// Deletes what stands under a tag when it is still `expected` and has no other tag.
    pub async fn delete_tag_safely(
        &self,
        reference: &ImageReference,
        expected: &Digest,
    ) -> Result<Deletion, RegistryError> {
        let path = self.path_of(reference);
        let scopes = [Scope::delete(&path)];
        let tag = reference.tag_or_latest();
        let head = RegistryError::absent(self.head(&path, tag, &scopes).await)?;
        match head {
            None => return Ok(Deletion::Absent),
            Some(head) if head.digest != *expected => return Ok(Deletion::Moved { found: head.digest }),
            Some(_) => {}
        }
        if self.is_harbor().await? {
            return self.delete_from_harbor(reference, expected).await;
        }
        let Some(tags) = self.tags(&path, &scopes).await? else {
            return Ok(Deletion::TooManyTags { limit: self.transport.limits.tags });
        };
        let others: Vec<Option<String>> = futures_util::stream::iter(tags.into_iter().filter(|other| other != tag))
            .map(|other| async {
                let carries = self.carries(&path, &other, expected, &scopes).await?;
                Ok::<_, RegistryError>(carries.then_some(other))
            })
            .buffered(QUESTIONS_AT_ONCE)
            .try_collect()
            .await?;
        let others: Vec<String> = others.into_iter().flatten().collect();
        if !others.is_empty() {
            return Ok(Deletion::Shared { tags: others });
        }
        let what = format!("deleting {path}:{tag}");
        let order = Order::new(Method::DELETE, format!("/v2/{path}/manifests/{expected}"), what);
        let answer = self.transport.fetch(&order.scopes(&scopes).accepts(&[200, 202, 204])).await;
        // Not there: an attempt before did it, though its answer was lost.
        RegistryError::absent(answer)?;
        Ok(Deletion::Deleted)
    }

    /// Whether a tag stands for a digest, or for an index that holds it.
    async fn carries(&self, path: &str, tag: &str, digest: &Digest, scopes: &[Scope]) -> Result<bool, RegistryError> {
        let Some(head) = RegistryError::absent(self.head(path, tag, scopes).await)? else { return Ok(false) };
        if head.digest == *digest {
            return Ok(true);
        }
        if !head.is_index() {
            return Ok(false);
        }
        let index = self.raw_manifest(path, head.digest.as_str(), scopes).await?;
        Ok(match index.document(&format!("reading index {path}:{tag}"))? {
            Document::Index(entries) => entries.iter().any(|entry| entry.digest == *digest),
            Document::Image { .. } => false,
        })
    }

    /// All tags of a repository; `None` when there are more than are looked at.
    async fn tags(&self, path: &str, scopes: &[Scope]) -> Result<Option<Vec<String>>, RegistryError> {
        let limit = self.transport.limits.tags;
        let what = format!("listing the tags of {path}");
        let mut page = format!("/v2/{path}/tags/list?n=100");
        let mut tags = Vec::new();
        // A registry that pages for ever is stopped by its pages as well as by its tags.
        for _ in 0..=limit {
            let order = Order::new(Method::GET, &page, &what).scopes(scopes).limit(TAG_PAGE_LIMIT_BYTES);
            let answer = self.transport.fetch(&order).await?;
            let listed: TagPage = answer.json(&what)?;
            tags.extend(listed.tags.unwrap_or_default());
            if tags.len() > limit {
                return Ok(None);
            }
            let Some(next) = answer.header("link").and_then(next_page) else {
                // What is no tag of ours to ask for is not asked for: it would be part of a path.
                let name = format!("{}/x", self.host());
                tags.retain(|tag| format!("{name}:{tag}").parse::<ImageReference>().is_ok());
                return Ok(Some(tags));
            };
            page = self.transport.local_path(&what, next).await?;
        }
        Ok(None)
    }
}

/// The address in `</v2/x/tags/list?last=b&n=100>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_next_page_are_read() {
        for (link, expected) in [
            (r#"</v2/x/tags/list?last=b&n=2>; rel="next""#, Some("/v2/x/tags/list?last=b&n=2")),
            (r#"</v2/x>; rel="prev""#, None),
            ("/v2/x", None),
            ("<", None),
            ("", None),
        ] {
            assert_eq!(next_page(link), expected, "{link}");
        }
    }
}

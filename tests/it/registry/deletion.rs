//! Deletion at a Harbor, where tags have a life of their own, and at a registry that turns pages.

use axum::http::Method;
use fastbuild::cause::Cause;
use fastbuild::image::Digest;
use fastbuild::registry::{Deletion, Limits, RegistryClient};
use serde_json::{Value, json};

use crate::support::harbor::{Fault, Harbor, INDEX_TYPE, quick_limits};

/// The digest under `team/a/b:1`.
fn image(harbor: &Harbor) -> Digest {
    harbor.put_image("team/a/b", "1", &[b"one"], &json!({"task_id": "1"}))
}

fn retag(harbor: &Harbor, digest: &Digest, tag: &str) {
    let mut contents = harbor.contents();
    contents.tags.insert(("team/a/b".to_owned(), tag.to_owned()), digest.to_string());
}

#[tokio::test]
async fn harbor_loses_tag_and_artifact() {
    let harbor = Harbor::start().await;
    let digest = image(&harbor);
    let (client, reference) = (harbor.client(), harbor.reference("team/a/b:1"));
    retag(&harbor, &digest, "2");
    let shared = Deletion::Shared { tags: vec!["2".to_owned()] };
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), shared);
    assert!(harbor.seen(&Method::DELETE, "").is_empty());

    harbor.contents().tags.remove(&("team/a/b".to_owned(), "2".to_owned()));
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), Deletion::Deleted);
    assert!(harbor.contents().manifests.is_empty() && harbor.contents().tags.is_empty());
    assert!(!harbor.seen(&Method::DELETE, "/repositories/a%252Fb/artifacts/sha256:").is_empty());
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), Deletion::Absent);
}

#[tokio::test]
async fn harbor_keeps_what_is_immutable() {
    let harbor = Harbor::start().await;
    let digest = image(&harbor);
    harbor.project("team", |team| team.immutable = Some(("a/b".to_owned(), "1".to_owned())));
    let error = harbor.client().delete_tag_safely(&harbor.reference("team/a/b:1"), &digest).await.unwrap_err();
    assert_eq!(error.cause(), Cause::TagImmutable, "{error:?}");
    assert_eq!(harbor.tag("team/a/b", "1"), Some(digest.to_string()));
}

#[tokio::test]
async fn an_artifact_that_is_tagged_again_in_that_moment_stays() {
    let harbor = Harbor::start().await;
    let digest = image(&harbor);
    let artifact = format!("/artifacts/{digest}");
    harbor.fail(Method::DELETE, &format!("{artifact}/tags/1"), 1, Fault::Status(200, ""));
    let deletion = harbor.client().delete_tag_safely(&harbor.reference("team/a/b:1"), &digest).await.unwrap();
    // The tag is still there after its deletion, as if somebody had set it anew.
    assert_eq!(deletion, Deletion::Deleted);
    assert!(harbor.contents().manifests.contains_key(&("team/a/b".to_owned(), digest.to_string())));
}

#[tokio::test]
async fn a_plain_registry_is_searched_page_by_page() {
    let harbor = Harbor::start().await;
    harbor.contents().is_harbor = false;
    let digest = image(&harbor);
    for (number, tag) in ["a", "b", "c", "d"].into_iter().enumerate() {
        harbor.put_image("team/a/b", tag, &[&[u8::try_from(number).unwrap()]], &Value::Null);
    }
    retag(&harbor, &digest, "z");
    let reference = harbor.reference("team/a/b:1");
    let shared = Deletion::Shared { tags: vec!["z".to_owned()] };
    assert_eq!(harbor.client().delete_tag_safely(&reference, &digest).await.unwrap(), shared);
    assert_eq!(harbor.seen(&Method::GET, "/tags/list").len(), 3);

    let limits = Limits { tags: 3, ..quick_limits() };
    let client = RegistryClient::with_limits(harbor.access(), limits).unwrap();
    let too_many = Deletion::TooManyTags { limit: 3 };
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), too_many);

    harbor.contents().tags.remove(&("team/a/b".to_owned(), "z".to_owned()));
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": digest.as_str(), "size": 1}]}).to_string();
    harbor.put_manifest("team/a/b", "index", INDEX_TYPE, index.as_bytes());
    let shared = Deletion::Shared { tags: vec!["index".to_owned()] };
    assert_eq!(harbor.client().delete_tag_safely(&reference, &digest).await.unwrap(), shared);
    assert!(harbor.seen(&Method::DELETE, "").is_empty());
}

#[tokio::test]
async fn nothing_is_deleted_before_all_tags_were_seen() {
    let harbor = Harbor::start().await;
    harbor.contents().is_harbor = false;
    let digest = image(&harbor);
    let reference = harbor.reference("team/a/b:1");
    harbor.fail(Method::GET, "/tags/list", 1, Fault::Answer("application/json", r#"{"tags":7}"#.into()));
    let error = harbor.client().delete_tag_safely(&reference, &digest).await.unwrap_err();
    assert_eq!(error.cause(), Cause::RegistryUnreachable, "{error:?}");

    harbor.contents().pages_for_ever = true;
    let client = RegistryClient::with_limits(harbor.access(), Limits { tags: 3, ..quick_limits() }).unwrap();
    let too_many = Deletion::TooManyTags { limit: 3 };
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), too_many);
    assert!(harbor.seen(&Method::DELETE, "").is_empty());
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_one() {
    let harbor = Harbor::start().await;
    harbor.contents().is_harbor = false;
    let digest = image(&harbor);
    harbor.fail(Method::DELETE, "/manifests/", 1, Fault::Status(404, ""));
    let reference = harbor.reference("team/a/b:1");
    assert_eq!(harbor.client().delete_tag_safely(&reference, &digest).await.unwrap(), Deletion::Deleted);

    let digest = image(&harbor);
    harbor.fail(Method::DELETE, "/manifests/", 1, Fault::Status(405, r#"{"errors":[{"code":"UNSUPPORTED"}]}"#));
    let error = harbor.client().delete_tag_safely(&reference, &digest).await.unwrap_err();
    assert!(error.to_string().contains("UNSUPPORTED"), "{error}");
}

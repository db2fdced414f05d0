//! Assembly at a Harbor: tokens for two repositories, mounts that are refused, indexes.

use axum::http::Method;
use fastbuild::registry::{AssembleOrder, Assembly, Limits, RegistryClient, RegistryError};
use serde_json::{Value, json};

use super::{done, order};
use crate::support::harbor::{Fault, Harbor, INDEX_TYPE, MANIFEST_TYPE, quick_limits};

fn labels() -> Value {
    json!({"task_id": "1", "kept": "yes"})
}

#[tokio::test]
async fn one_token_carries_both_repositories() {
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "1", &[b"one", b"two", b"one"], &labels());
    let (source, target) = (harbor.reference("base/a:1"), harbor.reference("team/b/c:2"));
    let assembled = done(harbor.client().assemble(&order(&source, &digest, &target)).await.unwrap());

    assert_eq!((assembled.mounted_layers, assembled.copied_layers), (2, 0), "the repeated layer is mounted once");
    assert_eq!(harbor.tag("team/b/c", "2"), Some(assembled.digest.to_string()));
    let tokens = harbor.seen(&Method::GET, "/service/token");
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let asked = url::form_urlencoded::parse(tokens[0].path.split_once('?').unwrap().1.as_bytes());
    let scopes: Vec<String> = asked.filter(|(name, _)| name == "scope").map(|(_, value)| value.into_owned()).collect();
    assert_eq!(scopes, ["repository:team/b/c:pull,push", "repository:base/a:pull"]);
    let contents = harbor.contents();
    let kept = &contents.manifests[&("team/b/c".to_owned(), assembled.digest.to_string())];
    assert_eq!(kept.0, MANIFEST_TYPE);
    let config = &contents.blobs[&("team/b/c".to_owned(), assembled.image_id.to_string())];
    let config: Value = serde_json::from_slice(config).unwrap();
    let expected = json!({"task_id": "2", "kept": "yes", "constructor": "FastBuild", "maintainer": "bob"});
    assert_eq!((&config["config"]["Labels"], &config["config"]["Env"]), (&expected, &json!(["A=b"])));
}

#[tokio::test]
async fn layers_that_are_not_mounted_are_copied_when_they_are_small() {
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "1", &[b"one", b"four"], &labels());
    harbor.contents().mounts = false;
    let (source, target) = (harbor.reference("base/a:1"), harbor.reference("team/b:2"));
    let assembled = done(harbor.client().assemble(&order(&source, &digest, &target)).await.unwrap());
    assert_eq!((assembled.mounted_layers, assembled.copied_layers), (0, 2));
    assert_eq!(harbor.contents().uploads.len(), 0);

    let target = harbor.reference("team/c:2");
    let limits = Limits { copy_limit_bytes: 6, ..quick_limits() };
    let client = RegistryClient::with_limits(harbor.access(), limits).unwrap();
    let fallback = client.assemble(&order(&source, &digest, &target)).await.unwrap();
    assert!(matches!(&fallback, Assembly::Fallback(reason) if reason.contains("2 layers of 7 bytes")), "{fallback:?}");
    assert_eq!((harbor.tag("team/c", "2"), harbor.contents().cancelled_uploads), (None, 2));
}

#[tokio::test]
async fn a_copy_that_differs_is_refused() {
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "1", &[b"one"], &labels());
    harbor.contents().mounts = false;
    harbor.fail(Method::GET, "/blobs/sha256:7692", 1, Fault::Answer("application/octet-stream", "0ne".into()));
    let (source, target) = (harbor.reference("base/a:1"), harbor.reference("team/b:2"));
    let error = harbor.client().assemble(&order(&source, &digest, &target)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 400, .. }), "{error:?}");
    assert_eq!(harbor.tag("team/b", "2"), None);
}

#[tokio::test]
async fn an_index_gives_its_platform() {
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "amd", &[b"one"], &labels());
    let arm = json!({"digest": format!("sha256:{}", "a".repeat(64)), "size": 1, "mediaType": MANIFEST_TYPE, "platform": {"os": "linux", "architecture": "arm64"}});
    let amd = json!({"digest": digest.as_str(), "size": 1, "mediaType": MANIFEST_TYPE, "platform": {"os": "linux", "architecture": "amd64"}});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [arm, amd]}).to_string();
    let index_digest = harbor.put_manifest("base/a", "1", INDEX_TYPE, index.as_bytes());
    let (source, target) = (harbor.reference("base/a:1"), harbor.reference("base/a:2"));
    let client = harbor.client();
    assert!(client.resolve(&source).await.unwrap().unwrap().is_index());
    assert_eq!(client.task_id_of(&source).await.unwrap(), Some(1));
    let assembled = done(client.assemble(&order(&source, &index_digest, &target)).await.unwrap());
    assert_eq!(harbor.tag("base/a", "2"), Some(assembled.digest.to_string()));

    let mut other = order(&source, &index_digest, &target);
    other.platform.architecture = "s390x".to_owned();
    assert!(matches!(client.assemble(&other).await.unwrap(), Assembly::Fallback(_)));
}

#[tokio::test]
async fn a_tag_that_somebody_else_takes_meanwhile_is_no_success() {
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "1", &[b"one"], &labels());
    let (source, target) = (harbor.reference("base/a:1"), harbor.reference("base/a:2"));
    // The manifest is said to be there, and is not.
    harbor.put_image("base/a", "2", &[b"theirs"], &labels());
    harbor.fail(Method::PUT, "/manifests/2", 1, Fault::Status(201, ""));
    let error = harbor.client().assemble(&order(&source, &digest, &target)).await.unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");
}

#[tokio::test]
async fn a_manifest_that_may_be_there_is_the_same_when_it_is_put_again() {
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "1", &[b"one"], &labels());
    let order = order(&harbor.reference("base/a:1"), &digest, &harbor.reference("team/b:2"));
    harbor.fail(Method::HEAD, "/manifests/2", usize::MAX, Fault::Status(503, ""));
    let answer = harbor.client().assemble(&order).await.unwrap();
    assert!(matches!(answer, Assembly::Unconfirmed(RegistryError::Busy { status: 503, .. })), "{answer:?}");
    let first = harbor.tag("team/b", "2");
    assert!(first.is_some(), "it is there all the same");
    harbor.clear_faults();
    let again = done(harbor.client().assemble(&order).await.unwrap());
    assert_eq!(first, Some(again.digest.to_string()));
    harbor.fail(Method::PUT, "/manifests/2", 1, Fault::Status(412, ""));
    let refused = done(harbor.client().assemble(&order).await.unwrap());
    assert_eq!(refused.digest, again.digest, "a tag that refuses what it holds already holds it");
    harbor.fail(Method::PUT, "/manifests/3", 1, Fault::Status(403, ""));
    let other = AssembleOrder { target: harbor.reference("team/b:3"), ..order };
    assert!(harbor.client().assemble(&other).await.is_err());
    assert_eq!(harbor.tag("team/b", "3"), None);
}

#[tokio::test]
async fn a_revoked_token_is_fetched_again() {
    let harbor = Harbor::start().await;
    harbor.put_image("base/a", "1", &[b"one"], &labels());
    let client = harbor.client();
    let reference = harbor.reference("base/a:1");
    assert!(client.resolve(&reference).await.unwrap().is_some());
    harbor.contents().tokens.clear();
    assert!(client.resolve(&reference).await.unwrap().is_some());
    assert_eq!(harbor.seen(&Method::GET, "/service/token").len(), 2);
}

#[tokio::test]
async fn immutable_and_full_are_named_by_the_push_itself() {
    use fastbuild::cause::Cause;
    let harbor = Harbor::start().await;
    let digest = harbor.put_image("base/a", "1", &[b"one"], &labels());
    harbor.put_image("team/b", "v1", &[b"old"], &labels());
    harbor.project("team", |team| team.immutable = Some(("b".to_owned(), "v1".to_owned())));
    let source = harbor.reference("base/a:1");
    let client = harbor.client();
    let error = client.assemble(&order(&source, &digest, &harbor.reference("team/b:v1"))).await.unwrap_err();
    assert_eq!(error.cause(), Cause::TagImmutable, "{error:?}");

    let words =
        r#"{"errors":[{"code":"DENIED","message":"adding 9 GiB will exceed the configured upper limit of 1 GiB."}]}"#;
    harbor.fail(Method::POST, "/v2/team/full/blobs/uploads/?mount", 1, Fault::Status(403, words));
    let error = client.assemble(&order(&source, &digest, &harbor.reference("team/full:1"))).await.unwrap_err();
    assert_eq!(error.cause(), Cause::QuotaExceeded, "{error:?}");
}

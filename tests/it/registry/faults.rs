//! A registry that fails, lies or says too much. Each row names what comes of it and how often it was asked.

use axum::http::Method;
use bytes::Bytes;
use fastbuild::cause::Cause;
use fastbuild::registry::{Limits, Platform, RegistryClient, RegistryError};
use serde_json::json;

use crate::support::harbor::{Fault, Harbor, MANIFEST_TYPE, PASSWORD, quick_limits};

async fn with_image() -> Harbor {
    let harbor = Harbor::start().await;
    harbor.put_image("base/a", "1", &[b"one"], &json!({"task_id": "77"}));
    harbor
}

#[tokio::test]
async fn statuses_have_causes_and_attempts() {
    for (status, cause, attempts) in [
        (400, Cause::RegistryUnreachable, 1),
        (401, Cause::RegistryAuth, 2),
        (403, Cause::RegistryAuth, 1),
        (429, Cause::RegistryUnreachable, 3),
        (500, Cause::RegistryUnreachable, 3),
        (502, Cause::RegistryUnreachable, 3),
        (503, Cause::RegistryUnreachable, 3),
        (302, Cause::RegistryUnreachable, 1),
    ] {
        let harbor = with_image().await;
        harbor.fail(Method::GET, "/manifests/", 9, Fault::Status(status, "{\"errors\":[{\"message\":\"~~~???>>>\"}]}"));
        let error = harbor.client().manifest(&harbor.reference("base/a:1")).await.unwrap_err();
        assert_eq!(error.cause(), cause, "{status}: {error:?}");
        assert_eq!(harbor.seen(&Method::GET, "/manifests/").len(), attempts, "{status}");
        assert!(!format!("{error:?}{error}").contains(PASSWORD), "{error:?}");
    }
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    for fault in [Fault::Status(503, ""), Fault::TooMany(0), Fault::Cut] {
        let harbor = with_image().await;
        harbor.fail(Method::GET, "/manifests/", 2, fault);
        assert!(harbor.client().manifest(&harbor.reference("base/a:1")).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_registry_that_wants_an_hour_is_given_up() {
    let harbor = with_image().await;
    harbor.fail(Method::GET, "/manifests/", 9, Fault::TooMany(3600));
    let error = harbor.client().manifest(&harbor.reference("base/a:1")).await.unwrap_err();
    let hour = std::time::Duration::from_hours(1);
    assert!(matches!(error, RegistryError::Busy { status: 429, retry_after: Some(asked), .. } if asked == hour));
    assert_eq!(harbor.seen(&Method::GET, "/manifests/").len(), 1);
}

#[tokio::test]
async fn connections_that_break_are_unreachable() {
    let harbor = with_image().await;
    harbor.fail(Method::GET, "/manifests/", 9, Fault::Cut);
    let error = harbor.client().manifest(&harbor.reference("base/a:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
    assert_eq!(harbor.seen(&Method::GET, "/manifests/").len(), 3);
}

#[tokio::test]
async fn silence_ends() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let harbor = with_image().await;
    let access = fastbuild::registry::RegistryAccess {
        host: silent.local_addr().unwrap().to_string().parse().unwrap(),
        ..harbor.access()
    };
    let moment = std::time::Duration::from_millis(50);
    let limits = Limits { attempts: 1, connect_timeout: moment, idle_timeout: moment, ..quick_limits() };
    let client = RegistryClient::with_limits(access, limits).unwrap();
    let error = client.resolve(&harbor.reference("base/a:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn lies_about_content_are_seen() {
    let harbor = with_image().await;
    let client = harbor.client();
    let reference = harbor.reference("base/a:1");
    let digest = client.resolve(&reference).await.unwrap().unwrap().digest;
    let by_digest = harbor.reference(&format!("base/a@{digest}"));
    let forged = || Fault::Answer(MANIFEST_TYPE, Bytes::from_static(b"{\"forged\":true}"));

    harbor.fail(Method::GET, "/manifests/sha256:", 1, forged());
    let error = client.manifest(&by_digest).await.unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");

    harbor.fail(Method::GET, "/blobs/sha256:", 1, Fault::Answer("application/json", "{}".into()));
    let error = client.task_id_of(&reference).await.unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");

    harbor.fail(Method::GET, "/manifests/1", 1, forged());
    let error = client.task_id_of(&reference).await.unwrap_err();
    assert!(matches!(error, RegistryError::Malformed { .. }), "{error:?}");
    assert_eq!(client.task_id_of(&reference).await.unwrap(), Some(77));
}

#[tokio::test]
async fn too_much_and_too_odd_are_errors() {
    let large = Bytes::from(vec![b' '; (4 << 20) + 1]);
    for (method, path, fault) in [
        (Method::GET, "/manifests/", Fault::Answer(MANIFEST_TYPE, large.clone())),
        (Method::GET, "/manifests/", Fault::Answer(MANIFEST_TYPE, "[[[[".into())),
        (Method::GET, "/manifests/", Fault::Answer("text/html", "<html>".into())),
        (Method::GET, "/service/token", Fault::Answer("application/json", "{}".into())),
        (Method::GET, "/service/token", Fault::Answer("application/json", "\"canary\"".into())),
        (Method::GET, "/service/token", Fault::Answer("application/json", r#"{"token":"a\nb"}"#.into())),
        (Method::GET, "/service/token", Fault::Answer("application/json", large)),
        (Method::GET, "/service/token", Fault::Status(404, "")),
        (Method::GET, "/v2/", Fault::Status(404, "")),
    ] {
        let harbor = with_image().await;
        harbor.fail(method, path, 9, fault);
        let error = harbor.client().image(&harbor.reference("base/a:1"), &Platform::default()).await.unwrap_err();
        assert_eq!(error.cause(), Cause::RegistryUnreachable, "{path}: {error:?}");
        assert!(!error.is_transient() && !error.to_string().contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn blobs_are_followed_without_credentials() {
    let (harbor, storage) = (with_image().await, Harbor::start().await);
    let reference = harbor.reference("base/a:1");
    let (path, config) = {
        let contents = harbor.contents();
        let entry = contents.blobs.iter().find(|(_, bytes)| bytes.starts_with(b"{")).unwrap();
        (format!("/v2/storage/blobs/{}", entry.0.1), entry.1.clone())
    };
    storage.fail(Method::GET, &path, 1, Fault::Answer("application/octet-stream", config));
    harbor.fail(Method::GET, "/blobs/", 1, Fault::Redirect(307, format!("{}{path}", storage.url())));
    assert_eq!(harbor.client().task_id_of(&reference).await.unwrap(), Some(77));
    let asked = storage.seen(&Method::GET, "/v2/storage");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].authorization, None);

    for elsewhere in ["file:///etc/passwd", "/v2/base/a/blobs/again", ""] {
        harbor.fail(Method::GET, "/blobs/", 6, Fault::Redirect(302, elsewhere.to_owned()));
        let error = harbor.client().task_id_of(&reference).await.unwrap_err();
        assert!(matches!(error, RegistryError::Malformed { .. }), "{elsewhere}: {error:?}");
        harbor.clear_faults();
    }
}

#[tokio::test]
async fn uploads_that_point_elsewhere_stay_here() {
    let (harbor, thief) = (with_image().await, Harbor::start().await);
    // A proxy in front makes registries name themselves wrongly: the path is what counts.
    harbor.contents().upload_host = Some(thief.host().to_string());
    let digest = harbor.tag("base/a", "1").unwrap().parse().unwrap();
    let (source, target) = (harbor.reference("base/a:1"), harbor.reference("team/b:2"));
    super::done(harbor.client().assemble(&super::order(&source, &digest, &target)).await.unwrap());
    assert!(thief.seen(&Method::PUT, "").is_empty() && thief.seen(&Method::GET, "").is_empty());
}

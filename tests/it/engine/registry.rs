//! Pull, push, digests and the login test through a daemon, against a registry with a password whose base64 holds
//! the two characters that old daemons stumble over.

use fastbuild::cause::Cause;
use fastbuild::engine::{AskDaemon, Builder, Engine, Progress, RegistryAccount};
use fastbuild::image::ImageReference;

use crate::lab::{Events, account, base, engine, have, order, registry, unique_name};

fn stranger() -> RegistryAccount {
    RegistryAccount { password: "not-the-password".into(), ..account() }
}

fn nowhere(path: &str) -> ImageReference {
    // Nothing listens on the discard port.
    format!("127.0.0.1:9/{path}").parse().expect("name")
}

async fn built(engine: &dyn Engine, name: &ImageReference) {
    let base = base("scratchlike:1");
    have(engine, &base).await;
    let order = order(Builder::BuildKit, &format!("FROM {base}\nLABEL name={name}\n"), &[name]);
    engine.build(&order, &Events::default()).await.expect("build");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_test_tells_right_from_wrong() {
    let engine = engine().await;
    engine.check_login(&account()).await.expect("login");
    let error = engine.check_login(&stranger()).await.expect_err("wrong password");
    assert_eq!(error.cause, Cause::RegistryAuth, "{error}");
    assert!(!error.message.contains("not-the-password"), "{error}");
    let gone = RegistryAccount { registry: "127.0.0.1:9".parse().expect("host"), ..account() };
    let error = engine.check_login(&gone).await.expect_err("nobody there");
    assert_eq!(error.cause, Cause::RegistryUnreachable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_gives_the_digest_that_the_registry_has() {
    let engine = engine().await;
    let name = unique_name("push");
    built(&*engine, &name).await;
    assert_eq!(engine.resolve_digest(&name, Some(&account())).await.expect("question"), None);
    let events = Events::default();
    let digest = engine.push(&name, Some(&account()), &AskDaemon, &events).await.expect("push");
    assert_eq!(engine.resolve_digest(&name, Some(&account())).await.expect("question"), Some(digest.clone()));
    assert!(!events.0.lock().expect("lock").is_empty());
    let again = engine.push(&name, Some(&account()), &AskDaemon, &Events::default()).await.expect("second push");
    assert_eq!(again, digest);

    let before = engine.inspect_image(&name.to_string()).await.expect("inspect").expect("image");
    assert!(engine.remove_image(&name.to_string()).await.expect("removal"));
    let pulled = engine.pull(&name, Some(&account()), &Events::default()).await.expect("pull");
    assert_eq!(pulled.image_id, before.image_id);
    assert!(pulled.repository_digests.iter().any(|known| known.ends_with(digest.as_str())));
    engine.remove_image(&name.to_string()).await.expect("removal");

    let by_digest: ImageReference = format!("{}@{digest}", name.name()).parse().expect("reference");
    let pulled = engine.pull(&by_digest, Some(&account()), &Events::default()).await.expect("pull by digest");
    assert_eq!(pulled.image_id, before.image_id);
    engine.remove_image(&by_digest.to_string()).await.expect("removal");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_pushes_have_their_causes() {
    let engine = engine().await;
    let name = unique_name("refused");
    built(&*engine, &name).await;
    for account in [None, Some(&stranger())] {
        let error = engine.push(&name, account, &AskDaemon, &Events::default()).await.expect_err("refused");
        assert_eq!(error.cause, Cause::RegistryAuth, "{error}");
    }
    let gone = nowhere("test/refused:1");
    engine.tag(&name.to_string(), &gone).await.expect("tag");
    let error = engine.push(&gone, None, &AskDaemon, &Events::default()).await.expect_err("nobody there");
    assert_eq!(error.cause, Cause::RegistryUnreachable, "{error}");
    for name in [&name, &gone] {
        engine.remove_image(&name.to_string()).await.expect("removal");
    }
    let error = engine
        .push(&unique_name("never-built"), Some(&account()), &AskDaemon, &Events::default())
        .await
        .expect_err("absent");
    assert!(error.message.contains("does not exist locally"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_pulls_have_their_causes() {
    let engine = engine().await;
    let unknown: ImageReference = format!("{}/base/debian:no-such-tag", registry()).parse().expect("name");
    let error = engine.pull(&unknown, Some(&account()), &Events::default()).await.expect_err("unknown tag");
    assert_eq!(error.cause, Cause::BaseNotFound, "{error}");
    let unknown = unique_name("unknown-repository");
    let error = engine.pull(&unknown, Some(&account()), &Events::default()).await.expect_err("unknown repository");
    assert_eq!(error.cause, Cause::BaseNotFound, "{error}");
    for account in [None, Some(&stranger())] {
        let error = engine.pull(&base("debian:12"), account, &Events::default()).await.expect_err("refused");
        assert_eq!(error.cause, Cause::RegistryAuth, "{error}");
        let error = engine.resolve_digest(&base("debian:12"), account).await.expect_err("refused");
        assert_eq!(error.cause, Cause::RegistryAuth, "{error}");
    }
    let error = engine.pull(&nowhere("base/x:1"), None, &Events::default()).await.expect_err("nobody there");
    assert_eq!(error.cause, Cause::RegistryUnreachable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_reports_its_layers() {
    let engine = engine().await;
    let events = Events::default();
    engine.pull(&base("debian:12"), Some(&account()), &events).await.expect("pull");
    let told = |event: &Progress| matches!(event, Progress::Line { .. } | Progress::Bytes { .. });
    assert!(events.0.lock().expect("lock").iter().any(told));
}

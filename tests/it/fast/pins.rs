//! What builds start from is cleaned off the Docker server: names of ours alone, and none that a task needs.

use std::sync::Arc;

use fastbuild::clock::SystemClock;
use fastbuild::engine::{LocalImage, PinnedImage};
use fastbuild::image::{Digest, base_pin, installer_pin, is_pin};
use fastbuild::retention::{Kind, Reason};
use fastbuild::serve::{Outside, Service};
use fastbuild::settings::load;
use fastbuild::site::DockerServerOrder;

use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{docker, docker_text};

const HOUR: i64 = 3_600;

fn now_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_used_for_long_go() {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let pin = |name, hours: i64| PinnedImage {
        name,
        image_id: "sha256:1".to_owned(),
        last_named_seconds: now_seconds() - hours * HOUR,
        size_bytes: 1,
    };
    let [old, held, young] = ["old", "held", "young"].map(|text| base_pin(&digest(text)));
    let installer = installer_pin(&digest("old"));
    let engine = Arc::new(ScriptedEngine::default());
    *engine.pins.lock().unwrap() =
        vec![pin(old.clone(), 25), pin(held.clone(), 25), pin(young.clone(), 23), pin(installer.clone(), 100)];
    // Nameless, with our labels, but no task of ours recorded it: somebody made it from an image of ours.
    let labels = [("constructor", "FastBuild"), ("task_id", "1795229647053")];
    *engine.images.lock().unwrap() = vec![LocalImage {
        image_id: digest("theirs").to_string(),
        tags: Vec::new(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        created_seconds: 0,
        size_bytes: 1,
    }];
    let directory = tempfile::tempdir().unwrap();
    let base_dir = directory.path().join("data").display().to_string();
    let mut settings = load(None, [("FASTBUILD__FB__BASE_DIR".to_owned(), base_dir)]).unwrap();
    settings.retention.local_image_hours = 24;
    let connector = Arc::new(ScriptedConnector(engine.clone()));
    let service = Service::prepare(settings, Outside { clock: Arc::new(SystemClock), connector }).await.unwrap();
    let state = service.state();
    let order = DockerServerOrder { host: "10.0.0.1".to_owned(), port: 2375, tls_archive: None };
    state.site.update_docker_server(order).await.unwrap();
    let hold = state.pipeline.pins.hold(&held);
    let dry = state.retention.sweep(true).await;
    assert!(engine.removed.lock().unwrap().is_empty(), "a dry run changes nothing");
    let found: Vec<_> = dry.removed.iter().map(|removed| (removed.kind, &removed.name, &removed.reason)).collect();
    let (of_base, of_installer) = (Reason::Unused { hours: 25 }, Reason::Unused { hours: 100 });
    let names = [old.to_string(), installer.to_string()];
    assert_eq!(found, [(Kind::BuildInput, &names[0], &of_base), (Kind::BuildInput, &names[1], &of_installer)]);
    assert_eq!((&dry.kept[0].name, &dry.kept[0].reason), (&held.to_string(), &Reason::UnfinishedTask));
    assert_eq!(state.retention.sweep(false).await.removed, dry.removed);
    assert_eq!(*engine.removed.lock().unwrap(), names);
    drop(hold);
    state.retention.sweep(false).await;
    assert!(engine.removed.lock().unwrap().contains(&held.to_string()), "once its task has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_says_when_a_name_was_renewed_and_keeps_what_has_another() {
    let engine = lab::engine().await;
    let base = lab::base("debian:12");
    lab::have(engine.as_ref(), &base).await;
    let pin = base_pin(&Digest::of(&rand::random::<[u8; 16]>()));
    let start = now_seconds();
    engine.tag(&base.to_string(), &pin).await.unwrap();
    let pins = engine.list_pins().await.unwrap();
    assert!(pins.iter().all(|pin| is_pin(&pin.name)), "{pins:?}");
    let found = pins.iter().find(|found| found.name == pin).expect("the name that was just given");
    assert!((start - 2..=now_seconds() + 2).contains(&found.last_named_seconds), "{found:?}");
    assert!(engine.remove_image(&pin.to_string()).await.unwrap());
    assert!(engine.inspect_image(&base.to_string()).await.unwrap().is_some(), "the base itself stays");
    let names = docker_text(&["images", "--format", "{{.Repository}}:{{.Tag}}", &pin.to_string()]).await;
    assert_eq!(names, "");
    docker(&["rmi", &pin.to_string()]).await;
}

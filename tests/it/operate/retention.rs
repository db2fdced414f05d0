//! What is old goes, what is in use stays, a dry run changes nothing: rule by rule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastbuild::clock::{Clock, Moment, SystemClock};
use fastbuild::engine::LocalImage;
use fastbuild::image::{Digest, ImageReference};
use fastbuild::settings::Settings;
use serde_json::{Value, json};

use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Container, RequestShape, TestService, forget, wait_for};

const LIMIT: Duration = Duration::from_mins(4);

/// A clock that is days ahead.
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Moment {
        SystemClock.now().plus_seconds(self.0 * 86_400)
    }
}

pub(super) fn by_hand_only(settings: &mut Settings) {
    settings.retention.enabled = false;
    settings.retention.local_image_hours = 0;
    settings.retention.build_cache_gb = 0.0;
}

pub(super) async fn sweep(service: &TestService, is_dry_run: bool) -> Value {
    let (_, answer) = service.post_empty(&format!("/system/retention?dry_run={is_dry_run}")).await;
    assert_eq!((&answer["code"], &answer["data"]["dry_run"]), (&json!(0), &json!(is_dry_run)), "{answer:#}");
    assert_eq!(answer["data"]["failed"], json!([]), "{answer:#}");
    answer["data"].clone()
}

/// Names of one kind in a list of a sweep.
pub(super) fn names(sweep: &Value, list: &str, kind: &str) -> Vec<String> {
    let things = sweep[list].as_array().unwrap().iter().filter(|thing| thing["kind"] == kind);
    let mut names: Vec<String> = things.map(|thing| thing["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

async fn submit(service: &TestService, base: &ImageReference, target: &ImageReference) -> i64 {
    service.submit(&RequestShape::platform(base, target, "").build()).await
}

/// What a daemon has of a task.
pub(super) fn local(image_id: &str, tag: Option<&ImageReference>, task_id: i64) -> LocalImage {
    let labels = [("constructor", "FastBuild".to_owned()), ("task_id", task_id.to_string())];
    LocalImage {
        image_id: image_id.to_owned(),
        tags: tag.into_iter().map(ToString::to_string).collect(),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        created_seconds: 0,
        size_bytes: 1 << 20,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_directories_and_rows_go_when_they_are_old_and_nobody_needs_them() {
    let engine =
        || Arc::new(ScriptedEngine { gate: Some(tokio::sync::Semaphore::new(4)), ..ScriptedEngine::default() });
    let (directory, base) = (Arc::new(tempfile::tempdir().unwrap()), lab::base("scripted:1"));
    let first = engine();
    let service =
        TestService::start_over(directory.clone(), by_hand_only, Arc::new(ScriptedConnector(first.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let targets: Vec<ImageReference> =
        ["pushed", "contained", "gone", "needed"].into_iter().map(lab::unique_name).collect();
    let mut ids = Vec::new();
    for target in &targets {
        let id = submit(&service, &base, target).await;
        assert_eq!(service.end_of(id, LIMIT).await["state"], "PUSH_SUCCESS");
        ids.push(id);
        let digest = Digest::of(format!("manifest {target}").as_bytes());
        first.digests.lock().unwrap().insert(target.to_string(), digest);
    }
    // The registry lost the third; the fourth is the base of a task that hangs at the gate.
    first.digests.lock().unwrap().remove(&targets[2].to_string());
    let hanging = submit(&service, &targets[3], &lab::unique_name("hanging")).await;
    service.wait_for_log(hanging, "prepare", "lines").await;
    let left = lab::unique_name("left");
    let cancelled = submit(&service, &base, &left).await;
    service.post_empty(&format!("/task/cancel-task?task_id={cancelled}")).await;
    service.end_of(cancelled, LIMIT).await;
    let id_of = |name: &ImageReference| Digest::of(name.to_string().as_bytes()).to_string();
    let nameless = Digest::of(b"nameless").to_string();
    let pin: ImageReference = format!("fastbuild.invalid/base:{}", "a".repeat(64)).parse().unwrap();
    {
        let mut images = first.images.lock().unwrap();
        images.extend(targets.iter().zip(&ids).map(|(target, id)| local(&id_of(target), Some(target), *id)));
        images.push(local(&id_of(&left), Some(&left), cancelled));
        images.push(local(&nameless, None, ids[0]));
        // Another service's on the same daemon, and a pin: none of ours to clean.
        images.push(local(&Digest::of(b"foreign").to_string(), Some(&lab::unique_name("foreign")), 4711));
        images.push(local(&Digest::of(b"foreign too").to_string(), None, 4712));
        images.push(local(&Digest::of(b"pinned").to_string(), Some(&pin), cancelled));
    }
    first.used_images.lock().unwrap().push(id_of(&targets[1]));
    let dry = sweep(&service, true).await;
    assert_eq!(names(&dry, "removed", "local_image"), [targets[0].to_string()]);
    assert_eq!(names(&dry, "removed", "leftover"), sorted(vec![left.to_string(), nameless.clone()]));
    let kept = sorted(targets[1..].iter().map(ToString::to_string).collect());
    assert_eq!(names(&dry, "kept", "local_image"), kept, "{dry:#}");
    assert!(first.removed.lock().unwrap().is_empty(), "a dry run changes nothing");
    let wet = sweep(&service, false).await;
    assert_eq!((&wet["removed"], &wet["kept"]), (&dry["removed"], &dry["kept"]));
    let removed = sorted(first.removed.lock().unwrap().clone());
    assert_eq!(removed, sorted(vec![targets[0].to_string(), left.to_string(), nameless]));
    let (_, images) = service.get("/image/list-all").await;
    assert_eq!(images["data"].as_array().unwrap().len(), 4, "the list names what the registry has");
    service.stop().await;

    // A hundred days later.
    let closed =
        || Arc::new(ScriptedEngine { gate: Some(tokio::sync::Semaphore::new(0)), ..ScriptedEngine::default() });
    let connector = Arc::new(ScriptedConnector(closed()));
    let service = TestService::start_at(directory.clone(), by_hand_only, connector, Arc::new(Ahead(100))).await;
    let root = directory.path().join("data/task");
    let task = |id: i64| format!("/task/task-details_by_task_id?task_id={id}");
    let hanging_directory = service.get(&task(hanging)).await.1["data"]["work_dir_name"].as_str().unwrap().to_owned();
    service.lay("task/orphan/Front_end_request_json", "{}");
    service.lay("task/foreign/notes.txt", "not ours");
    let entries = || std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let before = entries().len();
    let dry = sweep(&service, true).await;
    assert_eq!(names(&dry, "removed", "task_directory").len(), 6, "four pushed, one cancelled, one orphan: {dry:#}");
    assert!(names(&dry, "removed", "task_row").is_empty(), "{dry:#}");
    assert_eq!(entries().len(), before, "a dry run changes nothing");
    sweep(&service, false).await;
    let mut stay = entries();
    stay.sort();
    assert_eq!(stay, [hanging_directory.as_str(), "foreign"]);
    assert_eq!(service.get(&task(ids[0])).await.1["data"]["state"], "PUSH_SUCCESS", "the record stays");
    let (_, log) = service.get(&format!("/task/log?task_id={}&stage=build&after=0", ids[0])).await;
    assert_eq!((&log["code"], &log["data"]["lines"]), (&json!(0), &json!([])), "{log}");
    service.stop().await;

    // And more than a year later.
    let connector = Arc::new(ScriptedConnector(closed()));
    let service = TestService::start_at(directory.clone(), by_hand_only, connector, Arc::new(Ahead(400))).await;
    let dry = sweep(&service, true).await;
    assert_eq!(names(&dry, "removed", "task_row"), [cancelled.to_string()], "the others' images are in the list");
    assert_eq!(names(&dry, "removed", "history_row"), ["image_check_result", "image_life"], "{dry:#}");
    assert_eq!(service.get(&task(cancelled)).await.1["code"], 0);
    sweep(&service, false).await;
    assert_eq!(service.get(&task(cancelled)).await.1["code"], -1);
    assert_eq!(service.get("/image-life/all").await.1["data"], json!([]));
    service.delete(&format!("/image/delete-image-by-image-name?image_name={}", targets[0])).await;
    sweep(&service, false).await;
    assert_eq!(service.get(&task(ids[0])).await.1["code"], -1);
    for id in &ids[1..] {
        assert_eq!(service.get(&task(*id)).await.1["code"], 0);
    }
    assert_eq!(service.get(&task(hanging)).await.1["code"], 0, "never an unfinished one");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_daemon_loses_copies_of_what_the_registry_has_and_keeps_what_a_container_uses() {
    let service = TestService::configured_with(by_hand_only).await;
    let base = lab::base("debian:12");
    let (free, used) = (lab::unique_name("retention"), lab::unique_name("retention"));
    for target in [&free, &used] {
        let request = RequestShape::platform(&base, target, "").edit(|document| document["force"] = json!(true));
        service.build(&request.build(), LIMIT).await;
    }
    let container = Container::run(&used.to_string(), &["sleep", "600"]).await;
    let engine = lab::engine().await;
    let has = async |image: &ImageReference| engine.inspect_image(&image.to_string()).await.unwrap().is_some();
    let dry = sweep(&service, true).await;
    assert_eq!(names(&dry, "removed", "local_image"), [free.to_string()]);
    assert_eq!(names(&dry, "kept", "local_image"), [used.to_string()]);
    assert!(has(&free).await && has(&used).await, "a dry run changes nothing");
    sweep(&service, false).await;
    assert!(!has(&free).await && has(&used).await && has(&base).await);
    // What went comes back from the registry.
    let account = lab::account();
    assert!(engine.resolve_digest(&free, Some(&account)).await.unwrap().is_some());
    lab::have(engine.as_ref(), &free).await;
    container.remove().await;
    sweep(&service, false).await;
    assert!(!has(&free).await && !has(&used).await);
    service.stop().await;
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/with-lab.sh --tls"))
}

/// On the second daemon, since a cache belongs to everybody who builds on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_build_cache_beyond_its_budget_is_pruned_down_to_it() {
    let service = TestService::start_with(|settings| {
        by_hand_only(settings);
        settings.retention.local_image_hours = 10_000;
        settings.retention.build_cache_gb = 0.001;
    })
    .await;
    let tar = std::fs::read(format!("{}/client.tar", variable("FASTBUILD_LAB_TLS_DIR"))).unwrap();
    let configuration = Configuration::default()
        .with("docker_host", &variable("FASTBUILD_LAB_TLS_HOST"))
        .with("docker_port", &variable("FASTBUILD_LAB_TLS_PORT"))
        .with_tls(tar);
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let target = lab::unique_name("cache");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, "").os_packages("apt", &["tree"]);
    service.build(&request.edit(|document| document["force"] = json!(true)).build(), LIMIT).await;
    let dry = sweep(&service, true).await;
    assert_eq!(names(&dry, "removed", "build_cache"), ["buildkit"], "{dry:#}");
    let again = sweep(&service, true).await;
    assert_eq!(again["removed"], dry["removed"], "a dry run changes nothing");
    let wet = sweep(&service, false).await;
    assert!(wet["freed_bytes"].as_u64().unwrap() > 0, "{wet:#}");
    assert_eq!(names(&wet, "kept", "local_image"), Vec::<String>::new());
    let task = service.post(&format!("/task/rebuild-task?task_id={}", task_of(&service).await), &json!(null)).await.1;
    let rebuilt = service.end_of(task["data"]["task_id"].as_i64().unwrap(), LIMIT).await;
    assert_eq!(rebuilt["state"], "PUSH_SUCCESS", "{rebuilt:#}");
    service.delete(&format!("/image/delete-image-by-image-name?image_name={target}")).await;
    service.stop().await;
}

async fn task_of(service: &TestService) -> i64 {
    service.get("/task/all-tasks").await.1["data"][0]["task_id"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_sweeps_by_itself() {
    let service = TestService::configured_with(|settings| {
        by_hand_only(settings);
        settings.retention.enabled = true;
        settings.retention.every_seconds = 1;
    })
    .await;
    let target = lab::unique_name("timer");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, "");
    service.build(&request.edit(|document| document["force"] = json!(true)).build(), LIMIT).await;
    let engine = lab::engine().await;
    wait_for("the image to go", LIMIT, || async {
        engine.inspect_image(&target.to_string()).await.unwrap().is_none().then_some(())
    })
    .await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_below_its_watermark_refuses_and_holds_and_recovers_by_itself() {
    let engine = Arc::new(ScriptedEngine { gate: Some(tokio::sync::Semaphore::new(0)), ..ScriptedEngine::default() });
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let free = fastbuild::disk::space(directory.path()).unwrap().free_bytes >> 30;
    let margin = (free / 8).clamp(1, 4);
    #[expect(clippy::cast_precision_loss, reason = "gigabytes")]
    let change = |settings: &mut Settings| {
        by_hand_only(settings);
        settings.build.max_concurrent = 1;
        settings.retention.own_free_gb = (free - margin) as f64;
    };
    let service = TestService::start_over(directory.clone(), change, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let base = lab::base("scripted:1");
    let running = submit(&service, &base, &lab::unique_name("disk")).await;
    service.wait_for_log(running, "prepare", "lines").await;
    let waiting = submit(&service, &base, &lab::unique_name("disk")).await;
    let ballast = directory.path().join("ballast");
    let size = format!("{}G", margin * 2);
    let filled = std::process::Command::new("fallocate").args(["-l", &size]).arg(&ballast).status().unwrap();
    assert!(filled.success());
    let refused = RequestShape::platform(&base, &lab::unique_name("disk"), "").build();
    let (status, answer) = service.post("/task/build-image", &refused).await;
    assert_eq!((status, &answer["code"]), (200, &json!(-1)), "{answer}");
    assert!(answer["msg"].as_str().unwrap().contains("DISK_FULL"), "{answer}");
    // What it depends on is asked again every few seconds.
    let ready = wait_for("/readyz to tell of the disk", Duration::from_secs(30), || async {
        let ready: Value = serde_json::from_str(&service.text("/readyz").await).unwrap();
        let (status, cause) = (&ready["disk"]["status"], &ready["disk"]["cause"]);
        (status == "failing" && cause == "DISK_FULL").then(|| ready.clone())
    })
    .await;
    assert!(ready["disk"]["reason"].as_str().unwrap().contains("任务目录"), "{ready}");
    let figures = super::exposition::Exposition::of(&service).await;
    assert_eq!(figures.count("fastbuild_submissions_refused_total", &[("reason", "disk_full")]), 1);
    // What runs goes on, what waits is not begun, and nothing is lost.
    engine.gate.as_ref().unwrap().add_permits(2);
    assert_eq!(service.end_of(running, LIMIT).await["state"], "PUSH_SUCCESS");
    let (_, row) = service.get(&format!("/task/task-details_by_task_id?task_id={waiting}")).await;
    assert_eq!(row["data"]["state"], "QUEUED");
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(service.end_of(waiting, LIMIT).await["state"], "PUSH_SUCCESS");
    service.submit(&refused).await;
    engine.gate.as_ref().unwrap().add_permits(1);
    service.stop().await;
}

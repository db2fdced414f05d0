//! One build per distinct request: what is served from an earlier build, what never is, and that nobody can tell.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastbuild::engine::AskDaemon;
use fastbuild::image::ImageReference;
use fastbuild::settings::Settings;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, RequestShape, TestService, docker, docker_text};

const LIMIT: Duration = Duration::from_secs(300);
const NOTHING_TO_BUILD: &str = "nothing to build: task ";
const PUT_TOGETHER: &str = "was put together in the registry";

fn request(target: &ImageReference) -> RequestShape {
    RequestShape::console(&lab::base("entrypoint:1"), target, "").os_packages("apt", &["tree"]).ssh("Alkaid123456")
}

async fn log(service: &TestService, task: &Value, stage: &str) -> String {
    service.text(&format!("/task/{}/{stage}.log", task["work_dir_name"].as_str().unwrap())).await
}

/// Builds and says whether an earlier build served.
async fn build(service: &TestService, shape: RequestShape) -> bool {
    let task = service.build(&shape.build(), LIMIT).await;
    let (build, push) = (log(service, &task, "build").await, log(service, &task, "push").await);
    assert_eq!(build.contains(NOTHING_TO_BUILD), push.contains(PUT_TOGETHER), "{build}\n{push}");
    build.contains(NOTHING_TO_BUILD)
}

async fn configuration(image: &ImageReference) -> Value {
    lab::have(lab::engine().await.as_ref(), image).await;
    let text = docker_text(&["inspect", "--format", "{{json .}}", &image.to_string()]).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    json!({ "layers": document["RootFS"]["Layers"], "config": document["Config"], "size": document["Size"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_built_once() {
    let service = TestService::configured().await;
    let (first, second) = (lab::unique_name("reuse"), lab::unique_name("reuse-other"));
    let built = service.build(&request(&first).build(), LIMIT).await;
    let shape = request(&second).edit(|document| document["dockerfile_json"]["maintainer"] = json!("2048"));
    let served = service.build(&shape.build(), LIMIT).await;
    assert!(log(&service, &served, "build").await.contains(NOTHING_TO_BUILD));
    assert!(log(&service, &served, "push").await.contains(PUT_TOGETHER));

    let (_, progress) = service.get(&format!("/progress/details?task_id={}", served["task_id"])).await;
    let stages = progress["data"]["progress"].as_array().unwrap();
    let stages: Vec<_> = stages.iter().map(|stage| (stage["action"].clone(), stage["status"].clone())).collect();
    let expected = ["pull", "check", "prepare", "build", "push"].map(|stage| (json!(stage), json!("success")));
    assert_eq!(stages, expected);

    docker(&["rmi", &first.to_string()]).await;
    let (mut one, mut other) = (configuration(&first).await, configuration(&second).await);
    assert_eq!(one["config"]["Labels"]["task_id"], json!(built["task_id"].to_string()));
    assert_eq!(other["config"]["Labels"]["task_id"], json!(served["task_id"].to_string()));
    assert_eq!(other["config"]["Labels"]["maintainer"], "2048");
    for configuration in [&mut one, &mut other] {
        for of_the_task in ["task_id", "maintainer"] {
            configuration["config"]["Labels"].as_object_mut().unwrap().remove(of_the_task);
        }
    }
    assert_eq!(one, other);

    let (_, images) = service.get("/image/list-all").await;
    let row = |target: &ImageReference| {
        let rows = images["data"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["tag"] == target.tag_or_latest()).unwrap()
    };
    let id = docker_text(&["inspect", "--format", "{{.Id}}", &second.to_string()]).await;
    assert!(id.ends_with(row(&second)["id"].as_str().unwrap()), "{id}");
    for field in ["size", "interaction", "type"] {
        assert_eq!(row(&first)[field], row(&second)[field], "{field}");
    }
    docker(&["rmi", &first.to_string(), &second.to_string()]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_differs_is_built() {
    let service = TestService::configured().await;
    let targets: Vec<_> = (0..8).map(|_| lab::unique_name("reuse")).collect();
    let mirror = service.directory.path().join("data/source/pip/own");
    std::fs::create_dir_all(&mirror).unwrap();
    std::fs::write(mirror.join("pip.conf"), "[global]\ntimeout = 30\n").unwrap();
    let shape = |index: usize| request(&targets[index]).source("pip", "own", "pip.conf");
    let with =
        |index: usize, name: &'static str, value: Value| shape(index).edit(move |document| document[name] = value);
    assert!(!build(&service, shape(0)).await, "the first");
    assert!(build(&service, shape(1)).await, "the same again");
    assert!(!build(&service, shape(2).ssh("another")).await, "another password");
    assert!(!build(&service, with(3, "force", json!(true))).await, "force");
    assert!(build(&service, with(4, "refresh_after", json!(3_600))).await, "young enough");
    assert!(!build(&service, with(5, "refresh_after", json!(0))).await, "too old");
    std::fs::write(mirror.join("pip.conf"), "[global]\ntimeout = 31\n").unwrap();
    assert!(!build(&service, shape(6)).await, "another mirror file");
    let (_, gone) =
        service.delete(&format!("/image/delete-image-by-image-name?image_name={}&remote=true", targets[6])).await;
    assert_eq!(gone["code"], 0, "{gone}");
    assert!(!build(&service, shape(7)).await, "gone from the registry");
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    docker(&std::iter::once("rmi").chain(names.iter().map(String::as_str)).collect::<Vec<_>>()).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_at_the_same_time_is_built_once() {
    let service = TestService::configured().await;
    let targets: Vec<_> = (0..3).map(|_| lab::unique_name("reuse")).collect();
    let mut tasks = Vec::new();
    for target in &targets {
        tasks.push(service.submit(&request(target).os_packages("apt", &["less"]).build()).await);
    }
    let mut built = 0;
    for task_id in tasks {
        let task = service.end_of(task_id, LIMIT).await;
        let log = log(&service, &task, "build").await;
        assert_eq!(task["state"], "PUSH_SUCCESS", "{log}");
        built += usize::from(!log.contains(NOTHING_TO_BUILD));
    }
    assert_eq!(built, 1);
    for target in &targets {
        docker(&["rmi", &target.to_string()]).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_same_image_keeps_nobody_from_building() {
    let engine = Arc::new(ScriptedEngine { gate: Some(Semaphore::new(0)), ..ScriptedEngine::default() });
    let connector = Arc::new(ScriptedConnector(engine.clone()));
    let two_slots = |settings: &mut Settings| settings.build.max_concurrent = 2;
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), two_slots, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let submit = async |package: &str| {
        let (base, target) = (lab::base("scripted:1"), lab::unique_name("reuse"));
        service.submit(&RequestShape::console(&base, &target, "").os_packages("apt", &[package]).build()).await
    };
    let mut tasks = vec![submit("tree").await];
    let builds = async |count: usize| {
        for _ in 0..500 {
            if engine.builds.load(Ordering::SeqCst) == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} builds, not {count}", engine.builds.load(Ordering::SeqCst));
    };
    builds(1).await;
    for package in ["tree", "tree", "tree", "jq"] {
        tasks.push(submit(package).await);
    }
    builds(2).await;
    engine.gate.as_ref().unwrap().add_permits(100);
    for task_id in tasks {
        assert_eq!(service.end_of(task_id, LIMIT).await["state"], "PUSH_SUCCESS");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_whose_tag_moved_is_another_base() {
    let service = TestService::configured().await;
    let engine = lab::engine().await;
    let base = lab::unique_name("moving-base");
    let targets = [lab::unique_name("reuse"), lab::unique_name("reuse"), lab::unique_name("reuse")];
    let move_to = async |image: &str| {
        let image = lab::base(image);
        lab::have(engine.as_ref(), &image).await;
        engine.tag(&image.to_string(), &base).await.unwrap();
        engine.push(&base, Some(&lab::account()), &AskDaemon, &lab::Events::default()).await.unwrap();
    };
    let shape = |index: usize| RequestShape::console(&base, &targets[index], "").os_packages("apt", &["tree"]);
    move_to("debian:12").await;
    assert!(!build(&service, shape(0)).await, "the first");
    assert!(build(&service, shape(1)).await, "the same again");
    // The daemon still has the old one under that name: only the registry knows.
    let old = lab::unique_name("moving-base");
    engine.tag(&base.to_string(), &old).await.unwrap();
    move_to("entrypoint:1").await;
    engine.tag(&old.to_string(), &base).await.unwrap();
    assert!(!build(&service, shape(2)).await, "the tag stands for another image");
    let entrypoint =
        docker_text(&["inspect", "--format", "{{json .Config.Entrypoint}}", &targets[2].to_string()]).await;
    assert_ne!(entrypoint, "null", "and the image is made from that one");
    let names: Vec<String> = targets.iter().chain([&base, &old]).map(ToString::to_string).collect();
    docker(&std::iter::once("rmi").chain(names.iter().map(String::as_str)).collect::<Vec<_>>()).await;
    service.stop().await;
}

//! Stages that hang, panic or hold their thread: each ends with a cause, and its slot is free again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastbuild::image::{Digest, ImageReference};
use fastbuild::settings::Settings;
use serde_json::json;
use sqlx::Connection as _;
use tokio::sync::Semaphore;

use super::exposition::Exposition;
use crate::lab;
use crate::support::scripted::{Hook, ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, RequestShape, TestService};

const LIMIT: Duration = Duration::from_mins(2);

/// A service with one slot over an engine that does this once, in one stage.
async fn service_with(stage: &'static str, change: impl FnOnce(&mut Settings), deed: Deed) -> TestService {
    let is_done = AtomicBool::new(false);
    let hook: Hook = Box::new(move |called| {
        let is_now = called == stage && !is_done.swap(true, Ordering::SeqCst);
        Box::pin(async move {
            if is_now {
                deed.act().await;
            }
        })
    });
    let engine = ScriptedEngine { hook: Some(hook), base_is_absent: true, ..ScriptedEngine::default() };
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut Settings| {
        settings.build.max_concurrent = 1;
        change(settings);
    };
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(Arc::new(engine)))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    service
}

#[derive(Clone, Copy)]
enum Deed {
    Hang,
    Panic,
}

impl Deed {
    async fn act(self) {
        match self {
            Self::Hang => std::future::pending().await,
            Self::Panic => panic!("scripted"),
        }
    }
}

/// A task meets the deed and ends like this, with its callback; the next one has the slot.
async fn ends(service: &TestService, state: &str, cause: &str, stage: &str, words: &str) {
    let receiver = Receiver::start().await;
    let base = lab::base("scripted:1");
    let first =
        service.submit(&RequestShape::platform(&base, &lab::unique_name("watchdog"), &receiver.url).build()).await;
    let next =
        service.submit(&RequestShape::platform(&base, &lab::unique_name("watchdog"), &receiver.url).build()).await;
    let task = service.end_of(first, LIMIT).await;
    assert_eq!((&task["state"], &task["cause"]), (&json!(state), &json!(cause)), "{task:#}");
    assert_eq!(task["failed_stage"], stage, "{task:#}");
    let (_, told) = service.get_in("en", &format!("/task/task-details_by_task_id?task_id={first}")).await;
    assert!(told["data"]["message"].as_str().unwrap().contains(words), "{told:#}");
    assert_eq!(receiver.wait(first).await.body["cause"], cause);
    assert_eq!(service.end_of(next, LIMIT).await["state"], "PUSH_SUCCESS", "the slot is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_or_a_push_without_any_sign_of_life_ends() {
    for (stage, state) in [("pull", "PULL_FAILED"), ("push", "PUSH_FAILED")] {
        let service = service_with(stage, |settings| settings.limits.idle_seconds = 2, Deed::Hang).await;
        let words = format!("nothing moved in the stage {stage} for 2 s");
        ends(&service, state, "IDLE_TIMEOUT", stage, &words).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_moves_is_a_sign_of_life_of_the_push_that_it_serves() {
    let engine = ScriptedEngine { gate: Some(Semaphore::new(0)), pieces: 40, ..ScriptedEngine::default() };
    let (engine, directory) = (Arc::new(engine), Arc::new(tempfile::tempdir().unwrap()));
    let change = |settings: &mut Settings| {
        settings.build.max_concurrent = 1;
        settings.limits.idle_seconds = 2;
    };
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(engine.clone()))).await;
    // Nobody listens there: the registry is asked through the daemon.
    let configuration = Configuration::default().with("harbor_registry", "127.0.0.1:9");
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let base = lab::base("scripted:1");
    service.submit(&RequestShape::platform(&base, &lab::unique_name("watchdog"), "").build()).await;
    let target: ImageReference = "127.0.0.1:9/test/watchdog:1".parse().unwrap();
    engine.digests.lock().unwrap().insert(target.to_string(), Digest::of(b"somebody else's"));
    let request = RequestShape::platform(&base, &target, "").os_packages("apt", &["tree"]).build();
    let interrupted = service.submit(&request).await;
    let file = service.directory.path().join("data/fastbuild.sqlite3");
    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let statement = "UPDATE task SET interruptions = 1 WHERE state = 'QUEUED' AND task_id = ?";
    let done = sqlx::query(statement).bind(interrupted).execute(&mut database).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    engine.gate.as_ref().unwrap().add_permits(2);
    let task = service.end_of(interrupted, LIMIT).await;
    assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    let log = service.text(&format!("/task/{}/push.log", task["work_dir_name"].as_str().unwrap())).await;
    assert!(log.contains("through the daemon"), "{log}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_has_a_limit_of_its_own() {
    for (stage, state) in [("pull", "PULL_FAILED"), ("build", "BUILD_FAILED"), ("push", "PUSH_FAILED")] {
        let change = |settings: &mut Settings| {
            settings.limits.pull_seconds = 4;
            settings.limits.build_seconds = 4;
            settings.limits.push_seconds = 4;
        };
        let service = service_with(stage, change, Deed::Hang).await;
        let words = format!("the stage {stage} took longer than its limit of 4 seconds");
        ends(&service, state, "TIMEOUT", stage, &words).await;
        service.stop().await;
    }
    for (stage, state) in [("check", "CHECK_FAILED"), ("prepare", "PREPARE_FAILED")] {
        let service = service_with(stage, |settings| settings.limits.inspect_seconds = 3, Deed::Hang).await;
        let words = format!("the stage {stage} took longer than its limit of 6 seconds");
        ends(&service, state, "TIMEOUT", stage, &words).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_limit_ends_a_task_in_any_stage() {
    let service = service_with("check", |settings| settings.limits.task_seconds = 8, Deed::Hang).await;
    ends(&service, "BUILD_ABORT", "TIMEOUT", "check", "longer than limits.task_seconds").await;
    service.stop().await;
}

/// An engine whose first pushes, that many, hold their threads.
fn holding(pushes: usize) -> (ScriptedEngine, Held) {
    let (held, seen) = (Held::default(), AtomicUsize::new(0));
    let is_held = held.0.clone();
    let hook: Hook = Box::new(move |called| {
        let holds = called == "push" && seen.fetch_add(1, Ordering::SeqCst) < pushes;
        let is_held = is_held.clone();
        Box::pin(async move {
            if holds {
                while is_held.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        })
    });
    (ScriptedEngine { hook: Some(hook), base_is_absent: true, ..ScriptedEngine::default() }, held)
}

/// Lets the threads go when it is dropped, which a test that fails does too.
struct Held(Arc<AtomicBool>);

impl Default for Held {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn service_over(engine: ScriptedEngine, slots: usize) -> TestService {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut Settings| {
        settings.build.max_concurrent = slots;
        settings.limits.push_seconds = 2;
        settings.limits.watchdog_seconds = 2;
    };
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(Arc::new(engine)))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_watchdog_ends_a_stage_that_holds_its_thread() {
    let (engine, held) = holding(1);
    let service = service_over(engine, 1).await;
    // Ends the one and has the slot, and the same image's turn, for the next while the thread is still held.
    ends(&service, "PUSH_FAILED", "TIMEOUT", "push", "did not end within 2 s of its limit").await;
    drop(held);
    let figures = Exposition::of(&service).await;
    assert_eq!(figures.count("fastbuild_stuck_stages_total", &[("stage", "push")]), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_watchdog_ends_as_many_as_hold_their_threads() {
    let (engine, held) = holding(2);
    let service = service_over(engine, 2).await;
    let base = lab::base("scripted:1");
    let mut ids = Vec::new();
    for package in ["tree", "file"] {
        let request = RequestShape::platform(&base, &lab::unique_name("watchdog"), "");
        ids.push(service.submit(&request.os_packages("apt", &[package]).build()).await);
    }
    for id in ids {
        let task = service.end_of(id, LIMIT).await;
        assert_eq!((&task["state"], &task["cause"]), (&json!("PUSH_FAILED"), &json!("TIMEOUT")), "{task:#}");
    }
    drop(held);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_task_and_nothing_else() {
    let service = service_with("build", |_| {}, Deed::Panic).await;
    ends(&service, "BUILD_FAILED", "INTERNAL", "build", "failed while it worked on the task").await;
    service.stop().await;
}

//! Disks of ours that are full, and a database that others lock, with a scripted engine for what takes time.

use std::sync::Arc;
use std::time::Duration;

use fastbuild::settings::Settings;
use fastbuild::store::DeliveryRow;
use fastbuild::task::TaskId;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::hand::{check_failure, plain};
use super::table::{
    CALLBACK_DISK_FULL, DATABASE_DISK_FULL, DATABASE_LOCKED_LONG, TASK_DISK_FULL, TASK_DISK_FULL_LATER,
};
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, SmallDisk, TestService, wait_for};

const LIMIT: Duration = Duration::from_secs(90);

/// A configured service whose builds wait at a gate.
async fn gated(directory: Arc<TempDir>) -> (TestService, Arc<ScriptedEngine>) {
    let engine = Arc::new(ScriptedEngine { gate: Some(Semaphore::new(0)), ..ScriptedEngine::default() });
    // The watermarks would hold everything back on so small a disk: here it fills up at once.
    let unmarked = |settings: &mut Settings| settings.retention.own_free_gb = 0.0;
    let service = TestService::start_over(directory, unmarked, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    (service, engine)
}

fn open(engine: &ScriptedEngine) {
    engine.gate.as_ref().unwrap().add_permits(1);
}

fn request(receiver: &Receiver) -> Value {
    plain(&lab::base("scripted:1"), &lab::unique_name("disk"), &receiver.url).build()
}

async fn in_state(service: &TestService, task_id: i64, state: &str) {
    wait_for(state, LIMIT, || async {
        let (_, answer) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
        (answer["data"]["state"] == state).then_some(())
    })
    .await;
}

async fn refused(service: &TestService, request: &Value, words: &str) {
    let (status, answer) = service.post("/task/build-image", request).await;
    assert_eq!((status, &answer["code"]), (200, &json!(-1)), "{answer}");
    assert!(answer["msg"].as_str().unwrap().contains(words), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_database_loses_nothing() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let disk = SmallDisk::mount(&directory.path().join("data"), 8 << 20);
    let (service, engine) = gated(directory.clone()).await;
    let receiver = Receiver::start().await;
    let task_id = service.submit(&request(&receiver)).await;
    in_state(&service, task_id, "BUILDING").await;
    disk.fill();
    refused(&service, &request(&receiver), "磁盘已满").await;
    open(&engine);
    wait_for("the build", LIMIT, || async {
        (engine.builds.load(std::sync::atomic::Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    // Reads go on, and the task's end waits for room.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, answer) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    assert_eq!(answer["data"]["state"], "BUILDING", "{answer}");
    assert!(receiver.of_task(task_id).is_empty(), "told before it was stored");
    disk.make_room();
    let task = service.end_of(task_id, LIMIT).await;
    // The stage that could not be stored may have failed for it; its end and its callback are there in any case.
    assert!(task["state"] == DATABASE_DISK_FULL.state || task["cause"] == "DISK_FULL", "{task:#}");
    receiver.wait(task_id).await;
    open(&engine);
    service.build(&request(&receiver), LIMIT).await;
    let (_, tasks) = service.get("/task/all-tasks").await;
    assert_eq!(tasks["data"].as_array().unwrap().len(), 2, "the refused request left a task");
    service.stop().await;
    drop(disk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_database_does_not_tell_receivers_again_and_again() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let disk = SmallDisk::mount(&directory.path().join("data"), 8 << 20);
    let (service, engine) = gated(directory.clone()).await;
    let (taking, refusing) = (Receiver::start().await, Receiver::start().await);
    let receivers = [&taking, &refusing];
    let mut tasks = Vec::new();
    for receiver in receivers {
        receiver.answer(503);
        let task_id = service.submit(&request(receiver)).await;
        open(&engine);
        assert_eq!(service.end_of(task_id, LIMIT).await["state"], CALLBACK_DISK_FULL.state);
        receiver.wait(task_id).await;
        attempts(&service, task_id, 1).await;
        tasks.push(task_id);
    }
    disk.fill();
    taking.answer(200);
    let before = tasks.iter().zip(receivers).map(|(task_id, receiver)| receiver.of_task(*task_id).len());
    let before: Vec<usize> = before.collect();
    // What cannot be recorded waits for 5 s, then for 10 s more.
    tokio::time::sleep(Duration::from_secs(18)).await;
    assert_eq!(taking.of_task(tasks[0]).len(), before[0] + 1, "it was sent again although the receiver has it");
    let again = refusing.of_task(tasks[1]).len() - before[1];
    assert!((1..=4).contains(&again), "sent {again} times in 18 s");
    disk.make_room();
    let recorded = i64::try_from(before[0]).unwrap() + 1;
    let row = attempts(&service, tasks[0], recorded).await;
    assert_eq!((row.attempts, row.status.as_str()), (recorded, "delivered"));
    assert_eq!(taking.of_task(tasks[0]).len(), before[0] + 1, "it was sent again for its record");
    refusing.answer(200);
    wait_for("the other one", LIMIT, || async {
        (attempts(&service, tasks[1], 1).await.status == "delivered").then_some(())
    })
    .await;
    service.stop().await;
    drop(disk);
}

/// A task's callback once so many attempts are recorded.
async fn attempts(service: &TestService, task_id: i64, count: i64) -> DeliveryRow {
    wait_for(&format!("attempt {count}"), LIMIT, || async {
        let rows = service.state.store.deliveries_of_task(TaskId(task_id)).await.unwrap();
        rows.into_iter().next().filter(|row| row.attempts >= count)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_task_directories_costs_at_most_the_log() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    std::fs::create_dir_all(directory.path().join("data")).unwrap();
    let disk = SmallDisk::mount(&directory.path().join("data/task"), 2 << 20);
    let (service, engine) = gated(directory.clone()).await;
    let receiver = Receiver::start().await;
    // Full while it builds: only lines are lost.
    let task_id = service.submit(&request(&receiver)).await;
    in_state(&service, task_id, "BUILDING").await;
    disk.fill();
    refused(&service, &request(&receiver), "磁盘已满").await;
    open(&engine);
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], TASK_DISK_FULL_LATER.state, "{task:#}");
    receiver.wait(task_id).await;
    disk.make_room();
    // Full before its Dockerfile is written: that is its end, with the cause.
    let held: Vec<Value> = (0..5).map(|_| request(&receiver)).collect();
    let mut holding = Vec::new();
    for request in &held {
        holding.push(service.submit(request).await);
    }
    for task_id in &holding {
        in_state(&service, *task_id, "BUILDING").await;
    }
    let waiting = service.submit(&request(&receiver)).await;
    disk.fill();
    for _ in &holding {
        open(&engine);
    }
    for task_id in holding {
        assert_eq!(service.end_of(task_id, LIMIT).await["state"], "PUSH_SUCCESS");
    }
    let task = service.end_of(waiting, LIMIT).await;
    disk.make_room();
    check_failure(&service, &receiver, &task, &TASK_DISK_FULL.expected("the disk of FastBuild is full")).await;
    // With room again everything works, and the journal has whole lines only.
    open(&engine);
    let task = service.build(&request(&receiver), LIMIT).await;
    let journal = directory.path().join("data/task").join(task["work_dir_name"].as_str().unwrap()).join("events.jsonl");
    let text = std::fs::read_to_string(journal).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    service.stop().await;
    drop(disk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_locked_is_waited_for_by_tasks_and_told_to_clients() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let (service, engine) = gated(directory.clone()).await;
    let receiver = Receiver::start().await;
    let task_id = service.submit(&request(&receiver)).await;
    in_state(&service, task_id, "BUILDING").await;
    let file = directory.path().join("data/fastbuild.sqlite3");
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    open(&engine);
    let start = std::time::Instant::now();
    refused(&service, &request(&receiver), "数据库正被其他程序锁定").await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(14) && waited < Duration::from_secs(60), "{waited:?}");
    let (_, answer) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    assert_eq!(answer["data"]["state"], "BUILDING", "{answer}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], DATABASE_LOCKED_LONG.state, "{task:#}");
    receiver.wait(task_id).await;
    service.stop().await;
}

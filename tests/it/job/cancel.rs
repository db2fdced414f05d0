//! Cancelling: a task that waits, and one in the middle of its build, on both builders.

use std::time::{Duration, Instant};

use fastbuild::settings::BuilderChoice;
use serde_json::{Value, json};

use crate::lab;
use crate::support::{Receiver, RequestShape, TestService, docker_text, wait_for};

const LIMIT: Duration = Duration::from_mins(2);
/// What the daemon is given to let go.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);

/// Processes on this machine whose command line has a word: a build's, because the lab's daemon runs here.
fn processes_with(word: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

async fn cancelled(service: &TestService, receiver: &Receiver, task_id: i64) -> Value {
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!((&task["state"], &task["cause"]), (&json!("BUILD_ABORT"), &json!("CANCELLED")), "{task:#}");
    let callback = receiver.wait(task_id).await;
    assert_eq!(callback.body["state"], "BUILD_ABORT");
    task
}

async fn cancel_with(builder: BuilderChoice) {
    let service = TestService::configured_with(|settings| {
        settings.build.builder = builder;
        settings.build.max_concurrent = 1;
    })
    .await;
    let receiver = Receiver::start().await;
    // A build that lasts: an installer that sleeps for a time of its own.
    let seconds = format!("{}", 100_000 + rand::random::<u32>() % 900_000);
    let installer = format!("Miniconda3-{seconds}-Linux-x86_64.sh");
    service.lay(&format!("tools/conda/{installer}"), &format!("echo it lasts\nsleep {seconds}\n"));
    let base = lab::base("debian:12");
    let request = RequestShape::platform(&base, &lab::unique_name("cancelled"), &receiver.url);
    let running = service.submit(&request.conda(&["numpy"], &installer).build()).await;
    let request = RequestShape::platform(&base, &lab::unique_name("cancelled"), &receiver.url).build();
    let waiting = service.submit(&request).await;
    service.wait_for_log(running, "build", "it lasts").await;
    let sleep = format!("sleep {seconds}");
    wait_for("the build's process", LIMIT, || async { (!processes_with(&sleep).is_empty()).then_some(()) }).await;

    let (_, row) = service.get(&format!("/task/task-details_by_task_id?task_id={waiting}")).await;
    assert_eq!(row["data"]["state"], "QUEUED");
    let (_, answer) = service.post_empty(&format!("/task/cancel-task?task_id={waiting}")).await;
    assert_eq!(answer["code"], 0, "{answer}");
    let (_, row) = service.get(&format!("/task/task-details_by_task_id?task_id={waiting}")).await;
    assert_eq!(row["data"]["state"], "BUILD_ABORT", "it has ended when the answer leaves");
    cancelled(&service, &receiver, waiting).await;

    let (_, refusal) = service.delete(&format!("/task/delete-task-by-task-id?task_id={running}")).await;
    assert_eq!(refusal["code"], -1, "a task that runs is not deleted: {refusal}");
    let (_, answer) = service.post_empty(&format!("/task/cancel-task?task_id={running}")).await;
    assert_eq!(answer["code"], 0, "{answer}");
    let start = Instant::now();
    cancelled(&service, &receiver, running).await;
    wait_for("the end of the build's processes", LIMIT, || async { processes_with(&sleep).is_empty().then_some(()) })
        .await;
    wait_for("the end of the build's container", LIMIT, || async {
        let commands = docker_text(&["ps", "--all", "--no-trunc", "--format", "{{.Command}}"]).await;
        (!commands.contains(&installer)).then_some(())
    })
    .await;
    assert!(start.elapsed() <= CONFIRMED_WITHIN, "confirmed after {:?}", start.elapsed());
    let (_, progress) = service.get(&format!("/progress/details?task_id={running}")).await;
    let stages = progress["data"]["progress"].as_array().unwrap();
    let build = stages.iter().find(|stage| stage["action"] == "build").expect("the build's record");
    assert_eq!(build["status"], "fail");
    let (_, again) = service.post_empty(&format!("/task/cancel-task?task_id={running}")).await;
    assert_eq!(again["code"], -1, "it has ended: {again}");
    assert_eq!(receiver.of_task(running).len(), 1);
    // The slot and the name are free again.
    let (_, rebuilt) = service.post_empty(&format!("/task/rebuild-task?task_id={waiting}")).await;
    let rebuilt = rebuilt["data"]["task_id"].as_i64().expect("a new task");
    let task = service.end_of(rebuilt, LIMIT).await;
    assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    crate::support::forget(&task["target_image_name"].as_str().unwrap().parse().unwrap()).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_while_it_waits_and_while_buildkit_builds_it() {
    cancel_with(BuilderChoice::BuildKit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_while_the_classic_builder_builds_it() {
    cancel_with(BuilderChoice::Classic).await;
}

//! What the fault tests have in common: a failed task looked at whole, and containers of one service.

use std::time::Duration;

use fastbuild::image::ImageReference;
use fastbuild::language::Language;
use serde_json::{Value, json};

use crate::lab;
use crate::support::{Receiver, RequestShape, TestService, docker_text};

/// Long enough for a build on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(240);

/// A plain request: nothing to install, so that only copying the base is work.
pub fn plain(base: &ImageReference, target: &ImageReference, callback_url: &str) -> RequestShape {
    RequestShape::platform(base, target, callback_url)
}

/// How a task should fail.
pub struct Expected<'a> {
    /// End state.
    pub state: &'a str,
    /// Cause code.
    pub cause: &'a str,
    /// Stage, empty for none.
    pub stage: &'a str,
    /// Part of the message.
    pub message: &'a str,
}

/// Submits a request that is accepted and must fail in this way; its row. The callback, the progress record and the log
/// must tell the same.
pub async fn fails(service: &TestService, receiver: &Receiver, request: &Value, expected: &Expected<'_>) -> Value {
    let task_id = service.submit(request).await;
    let task = service.end_of(task_id, LIMIT).await;
    check_failure(service, receiver, &task, expected).await;
    task
}

/// Holds an ended task against what is expected.
pub async fn check_failure(service: &TestService, receiver: &Receiver, task: &Value, expected: &Expected<'_>) {
    let task_id = task["task_id"].as_i64().unwrap();
    assert_eq!(task["state"], expected.state, "{task:#}");
    assert_eq!(task["cause"], expected.cause, "{task:#}");
    assert_eq!(task["failed_stage"], json!(Some(expected.stage).filter(|stage| !stage.is_empty())), "{task:#}");
    let (_, english) = service.get_in("en", &format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    let [chinese, message] = [task, &english["data"]].map(|task| task["message"].as_str().unwrap_or_default());
    assert!(message.contains(expected.message), "{message:?} lacks {:?}", expected.message);
    assert!(Language::is_chinese(chinese) && !Language::is_chinese(message), "{chinese:?} / {message:?}");
    for hint in [&task["hint"], &english["data"]["hint"]] {
        assert!(hint.as_str().is_some_and(|hint| hint.chars().count() > 10), "{hint}");
    }
    let callback = receiver.wait(task_id).await;
    assert_eq!(callback.body["state"], expected.state);
    assert_eq!(callback.body["imageName"], task["target_image_name"]);
    let (_, progress) = service.get(&format!("/progress/details?task_id={task_id}")).await;
    let stages = progress["data"]["progress"].as_array().unwrap().clone();
    if expected.stage.is_empty() {
        assert!(stages.is_empty(), "{stages:?}");
    } else {
        let last = stages.last().expect("a stage");
        assert_eq!(last["action"], expected.stage, "{stages:#?}");
        assert!(stages.iter().rev().skip(1).all(|stage| stage["status"] == "success"), "{stages:#?}");
    }
}

/// The containers that a service (found by the label of its probes) left, and those that its tasks' images left.
pub async fn containers_of_tests() -> Vec<String> {
    let text = docker_text(&[
        "ps",
        "--all",
        "--quiet",
        "--no-trunc",
        "--filter",
        "label=constructor=FastBuild",
        "--filter",
        "label=fastbuild.service",
    ])
    .await;
    text.lines().map(str::to_owned).collect()
}

/// Waits until none of these services' containers is on the daemon. Other tests run beside this one, so a container only
/// counts as left over when it is still there half a minute later.
pub async fn no_container_left() {
    let seen = containers_of_tests().await;
    crate::support::wait_for("the containers to go", Duration::from_secs(90), || async {
        let present = containers_of_tests().await;
        seen.iter().all(|container| !present.contains(container)).then_some(())
    })
    .await;
}

/// Removes an image of a test from the daemon.
pub async fn forget(image: &ImageReference) {
    crate::support::docker(&["rmi", "--force", &image.to_string()]).await;
}

/// A base image that is on the daemon.
pub async fn debian() -> ImageReference {
    let base = lab::base("debian:12");
    lab::have(lab::engine().await.as_ref(), &base).await;
    base
}

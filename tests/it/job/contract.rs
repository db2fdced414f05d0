//! Captured exchanges of the old service that need a daemon: building, inspecting, pulling, deleting, the callback. Each
//! key it sent is there with a value of the same kind. (`api::contract` replays what needs none.)

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab;
use crate::support::captured::{Tolerance, captured, differences};
use crate::support::{Receiver, TestService};

const LIMIT: Duration = Duration::from_mins(5);

fn compare(name: &str, status: u16, answer: &Value) -> Vec<String> {
    let exchange = captured(name);
    let old = &exchange["response_json"];
    let mut found = Vec::new();
    if u64::from(status) != exchange["status"].as_u64().unwrap() {
        found.push(format!("status {} became {status}", exchange["status"]));
    }
    if answer["code"] != old["code"] {
        found.push(format!("code {} became {}", old["code"], answer["code"]));
    }
    match status {
        // Errors of validation are equal to the letter.
        422 if answer != old => found.push(format!("{old} became {answer}")),
        // Some old errors carried their text in `data`; it stands in `msg` now.
        200 if old["code"] == -1 => {
            found.extend(answer["msg"].as_str().is_none_or(str::is_empty).then(|| "no msg".to_owned()));
        }
        _ => found.extend(differences("answer", old, answer, Tolerance::EmptyList)),
    }
    found.into_iter().map(|difference| format!("{name}: {difference}")).collect()
}

/// The captured request with names of this laboratory in the place of the old one's.
fn request_of(name: &str, target: &str, callback_url: &str) -> Value {
    let mut request = captured(name)["request_json"].clone();
    request["image_data"]["target_image_name"] = json!(target);
    request["image_data"]["callback_url"] = json!(callback_url);
    request["dockerfile_json"]["base_image"] = json!(lab::base("ubuntu:20.04").to_string());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_that_need_a_daemon_are_as_captured() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let base = lab::base("ubuntu:20.04");
    lab::have(lab::engine().await.as_ref(), &base).await;
    let mut found = Vec::new();
    for name in ["check-image_fresh", "check-image_cached"] {
        let (status, answer) = service.post_empty(&format!("/task/check-image?image_name={base}")).await;
        found.extend(compare(name, status, &answer));
    }
    let (status, answer) = service.post_empty(&format!("/task/pull-image?image_name={base}")).await;
    found.extend(compare("pull-image_present", status, &answer));
    let (status, answer) = service.post_empty("/task/check-image").await;
    found.extend(compare("err_check-image_missing_param", status, &answer));

    let target = lab::unique_name("captured");
    let request = request_of("build-image_trivial", &target.to_string(), &receiver.url);
    let (status, answer) = service.post("/task/build-image", &request).await;
    found.extend(compare("build-image_trivial", status, &answer));
    let task_id = answer["data"]["task_id"].as_i64().unwrap();
    let (status, answer) = service.post("/task/build-image", &request).await;
    found.extend(compare("err_build-image_duplicate_name", status, &answer));
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    let callback = receiver.wait(task_id).await;
    let old = captured("callback_push_success");
    found.extend(differences("callback", &old["body_json"], &callback.body, Tolerance::EmptyList));
    for name in ["X-BizType", "X-Login-UserId", "Content-Type"] {
        assert_eq!(json!(callback.headers[&name.to_ascii_lowercase()]), old["headers"][name], "{name}");
    }

    service.lay("source/apt/ali/ubuntu-18.04.list", "deb http://mirror.invalid/ubuntu bionic main\n");
    let request = request_of("err_build-image_source_mismatch", &lab::unique_name("never").to_string(), "");
    let (status, answer) = service.post("/task/build-image", &request).await;
    found.extend(compare("err_build-image_source_mismatch", status, &answer));

    for (name, path) in [
        ("delete-image-by-task-id", format!("/task/delete-image-by-task-id?task_id={task_id}")),
        ("delete-task-by-task-id", format!("/task/delete-task-by-task-id?task_id={task_id}")),
        ("err_delete-image-by-task_unknown", "/task/delete-image-by-task-id?task_id=1".to_owned()),
        ("err_delete-task_unknown", "/task/delete-task-by-task-id?task_id=1".to_owned()),
    ] {
        let (status, answer) = service.delete(&path).await;
        found.extend(compare(name, status, &answer));
    }
    assert!(found.is_empty(), "{found:#?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_refused_are_refused_as_captured() {
    let service = TestService::configured().await;
    let url = format!("{}/api/fast-build/task/build-image", service.url);
    let mut found = Vec::new();
    for name in ["err_build-image_422", "err_build-image_badjson", "err_build-image_empty"] {
        let exchange = captured(name);
        let body = match &exchange["request_json"] {
            // The capture tells only where it broke: at the second character, where a name must begin.
            Value::Null => "{bad".to_owned(),
            document => document.to_string(),
        };
        let response = service.client.post(&url).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        found.extend(compare(name, status, &response.json().await.unwrap()));
    }
    assert!(found.is_empty(), "{found:#?}");
    service.stop().await;
}

//! Mirror files, and the releases they belong to.

use std::time::Duration;

use serde_json::Value;

use crate::lab;
use crate::support::{Container, Receiver, RequestShape, TestService, forget, registry_only};

const LIMIT: Duration = Duration::from_mins(5);

/// A service with a mirror file for Ubuntu 20.04 (which the lab's is in name only) and one for 18.04.
async fn service_with_mirrors() -> TestService {
    let service = TestService::configured().await;
    let mirror = std::env::var("FASTBUILD_LAB_DEBIAN_MIRROR").expect("the variables of scripts/lab.sh env");
    for file in ["ubuntu-20.04.list", "ubuntu-18.04.list"] {
        service.lay(&format!("source/apt/lab/{file}"), &format!("deb {mirror} bookworm main\n"));
    }
    service
}

fn names_both(message: &Value) {
    let message = message.as_str().unwrap_or_default();
    assert!(message.contains("ubuntu-18.04.list") && message.contains("20.04"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_file_of_the_release_is_used() {
    let service = service_with_mirrors().await;
    let target = lab::unique_name("ubuntu");
    let base = lab::base("ubuntu:20.04");
    let request = RequestShape::console(&base, &target, "")
        .os_packages("apt", &["tree"])
        .source("package_manager", "lab", "ubuntu-20.04.list")
        .build();
    service.build(&request, LIMIT).await;
    let container = Container::run(&target.to_string(), &["sleep", "600"]).await;
    container.exec(&["tree", "--version"]).await;
    let sources = container.exec(&["cat", "/etc/apt/sources.list"]).await;
    assert!(sources.contains("bookworm main"), "{sources}");
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_file_of_another_release_is_refused_where_the_base_is_known() {
    let service = service_with_mirrors().await;
    let base = lab::base("ubuntu:20.04");
    lab::have(lab::engine().await.as_ref(), &base).await;
    let request = RequestShape::platform(&base, &lab::unique_name("never"), "")
        .source("package_manager", "lab", "ubuntu-18.04.list")
        .build();
    let (status, answer) = service.post("/task/build-image", &request).await;
    assert_eq!((status, answer["code"].as_i64()), (200, Some(-1)), "{answer}");
    names_both(&answer["msg"]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_file_of_another_release_fails_the_check_of_a_base_that_is_pulled() {
    let service = service_with_mirrors().await;
    let receiver = Receiver::start().await;
    let base = registry_only(&lab::base("ubuntu:20.04")).await;
    let request = RequestShape::platform(&base, &lab::unique_name("never"), &receiver.url)
        .source("package_manager", "lab", "ubuntu-18.04.list")
        .build();
    let (_, answer) = service.post("/task/build-image", &request).await;
    assert_eq!(answer["code"], 0, "{answer}");
    assert!(answer["data"]["image_descriptor"].is_null(), "{answer}");
    let task_id = answer["data"]["task_id"].as_i64().unwrap();
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!((task["state"].as_str(), task["cause"].as_str()), (Some("CHECK_FAILED"), Some("SOURCE_MISMATCH")));
    names_both(&task["message"]);
    let callback = receiver.wait(task_id).await;
    assert_eq!(callback.body["state"], "CHECK_FAILED");
    forget(&base).await;
    service.stop().await;
}

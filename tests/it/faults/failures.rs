//! What fails after it was accepted: the state, the cause, the words, the callback.

use serde_json::json;

use super::hand::{Expected, LIMIT, debian, fails, forget, no_container_left, plain};
use super::table::{REGISTRY_AWAY, TASK_DIRECTORY_GONE};
use crate::lab;
use crate::support::proxy::{FaultProxy, Mode, Upstream};
use crate::support::{Configuration, Receiver, TestService};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_base_and_bases_that_are_not_supported() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("bases");
    let unknown = lab::base("nothing:1");
    let expected = Expected { state: "PULL_FAILED", cause: "BASE_NOT_FOUND", stage: "pull", message: "not found" };
    fails(&service, &receiver, &plain(&unknown, &target, &receiver.url).build(), &expected).await;
    for (base, message) in [("alpinelike:1", "needs apt, yum or dnf"), ("scratchlike:1", "no shell /bin/sh")] {
        let request = plain(&lab::base(base), &target, &receiver.url).os_packages("apt", &["tree"]).build();
        let expected = Expected { state: "CHECK_FAILED", cause: "UNSUPPORTED_BASE", stage: "check", message };
        fails(&service, &receiver, &request, &expected).await;
    }
    no_container_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_that_do_not_exist_are_named_with_their_step_and_last_lines() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let base = debian().await;
    let target = lab::unique_name("packages");
    let expected =
        Expected { state: "BUILD_FAILED", cause: "PACKAGE_NOT_FOUND", stage: "build", message: "no-such-thing-4711" };
    let apt = plain(&base, &target, &receiver.url).os_packages("apt", &["no-such-thing-4711"]).build();
    let pip = plain(&lab::base("localpython:1"), &target, &receiver.url).pip(&["no-such-thing-4711 1.0"]).build();
    for request in [apt, pip] {
        let task = fails(&service, &receiver, &request, &expected).await;
        assert!(task["failed_step"].as_str().unwrap().contains("RUN"), "{task:#}");
        assert!(task["last_lines"].as_str().unwrap().contains("no-such-thing-4711"), "{task:#}");
        let log = service.text(&format!("/task/{}/build.log", task["work_dir_name"].as_str().unwrap())).await;
        assert!(log.contains("no-such-thing-4711") && log.contains("FAILED (PACKAGE_NOT_FOUND)"), "{log}");
    }
    no_container_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_too_large_is_not_pushed() {
    let service = TestService::configured_with(|settings| settings.build.max_image_size_gb = 0.01).await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("large");
    let expected = Expected {
        state: "CHECK_IMAGE_SIZE_FAILED",
        cause: "IMAGE_TOO_LARGE",
        stage: "build",
        message: "more than build.max_image_size_gb = 0.01",
    };
    let request = plain(&debian().await, &target, &receiver.url).build();
    fails(&service, &receiver, &request, &expected).await;
    let known = lab::engine().await.resolve_digest(&target, Some(&lab::account())).await.unwrap();
    assert_eq!(known, None, "it was pushed");
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_refused_and_one_to_a_registry_that_goes_away() {
    let service = TestService::configured_with(|settings| settings.build.transient_retries = 1).await;
    let receiver = Receiver::start().await;
    let base = debian().await;
    // Not ours, so pushed without an account: the registry refuses that.
    let upstream = lab::registry().to_string().parse().unwrap();
    let proxy = FaultProxy::start(Upstream::Tcp(upstream)).await;
    let tagged = lab::unique_name("foreign");
    let target = format!("{}/{}:{}", proxy.address, tagged.repository(), tagged.tag_or_latest()).parse().unwrap();
    let request = plain(&base, &target, &receiver.url).build();
    let expected =
        Expected { state: "PUSH_FAILED", cause: "REGISTRY_AUTH", stage: "push", message: "no basic auth credentials" };
    fails(&service, &receiver, &request, &expected).await;
    // Ours by its DNS name, and gone.
    let gone = Configuration::default().with("harbor_registry_dns", &proxy.address.to_string());
    assert_eq!(service.configure(gone).await.1["code"], 0);
    proxy.set(Mode::Cut);
    let task = fails(&service, &receiver, &request, &REGISTRY_AWAY.expected("")).await;
    let log = service.text(&format!("/task/{}/push.log", task["work_dir_name"].as_str().unwrap())).await;
    assert!(log.contains("trying again in 2 s"), "{log}");
    // Back again: the failed task freed its name.
    proxy.set(Mode::Pass);
    service.build(&request, LIMIT).await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_directory_that_goes_away_costs_no_task() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("directory");
    let request = plain(&debian().await, &target, &receiver.url).os_packages("apt", &["tree"]).build();
    let task_id = service.submit(&request).await;
    let root = service.directory.path().join("data/task");
    for entry in std::fs::read_dir(&root).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    let task = service.end_of(task_id, LIMIT).await;
    let states = [json!(TASK_DIRECTORY_GONE.state), json!("PREPARE_FAILED")];
    assert!(states.contains(&task["state"]), "{task:#}");
    receiver.wait(task_id).await;
    let task = service.post(&format!("/task/rebuild-task?task_id={task_id}"), &json!(null)).await.1;
    let again = service.end_of(task["data"]["task_id"].as_i64().unwrap(), LIMIT).await;
    assert_eq!(again["state"], "PUSH_SUCCESS", "{again:#}");
    forget(&target).await;
    service.stop().await;
}

//! A task from its preview to its deletion.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab;
use crate::support::{Receiver, RequestShape, TestService, forget};

const LIMIT: Duration = Duration::from_mins(5);

fn id_of(task: &Value) -> i64 {
    task["task_id"].as_i64().expect("task_id")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_previewed_is_what_is_built() {
    let service = TestService::configured().await;
    let base = lab::base("debian:12");
    lab::have(lab::engine().await.as_ref(), &base).await;
    let target = lab::unique_name("previewed");
    let request =
        RequestShape::platform(&base, &target, "").ssh("preview-secret").os_packages("apt", &["tree"]).build();
    let (_, preview) = service.post("/task/preview-dockerfile", &request).await;
    assert_eq!(preview["code"], 0, "{preview}");
    assert!(!preview["data"]["plan"].as_array().unwrap().is_empty());
    assert_eq!(preview["data"]["warnings"], json!([]));
    let (_, tasks) = service.get("/task/list-task?page=1&page_size=10").await;
    assert_eq!(tasks["data"]["page"]["total"], 0, "a preview stores nothing");

    let task = service.build(&request, LIMIT).await;
    let built = service.text(&format!("/task/{}/Dockerfile", task["work_dir_name"].as_str().unwrap())).await;
    let previewed = preview["data"]["dockerfile"].as_str().unwrap();
    let (id, none) = (format!("task_id=\"{}\"", id_of(&task)), "task_id=\"0\"");
    assert!(built.contains(&id) && previewed.contains(none), "{previewed}");
    assert_eq!(built.replace(&id, none), previewed);

    // A target elsewhere is pushed without an account, and the preview says so; a name in use as well.
    let elsewhere = "example.invalid/project/image:1".parse().unwrap();
    for other in [&target, &elsewhere] {
        let request = RequestShape::platform(&base, other, "").build();
        let (_, preview) = service.post("/task/preview-dockerfile", &request).await;
        let warnings = preview["data"]["warnings"].as_array().unwrap();
        assert!(warnings.iter().any(|warning| warning.as_str().unwrap().contains(&other.to_string())), "{preview}");
    }
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_found_rebuilt_and_deleted() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("lifecycle");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, &receiver.url).build();

    // The same key finds the same task, while it runs and after it.
    let url = format!("{}/api/fast-build/task/build-image", service.url);
    let submit = || async {
        let request = service.client.post(&url).header("Idempotency-Key", "order-1").json(&request);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["code"], 0, "{answer}");
        id_of(&answer["data"])
    };
    let first = submit().await;
    assert_eq!(submit().await, first);
    service.end_of(first, LIMIT).await;
    assert_eq!(submit().await, first);
    assert_eq!(receiver.wait(first).await.body["state"], "PUSH_SUCCESS");

    // Without a key the name is in use, but for its own rebuild.
    let (_, refusal) = service.post("/task/build-image", &request).await;
    assert_eq!(refusal["code"], -1, "{refusal}");
    let (_, rebuilt) = service.post_empty(&format!("/task/rebuild-task?task_id={first}")).await;
    assert_eq!(rebuilt["code"], 0, "{rebuilt}");
    let second = id_of(&rebuilt["data"]);
    assert_ne!(second, first);
    assert_eq!(service.end_of(second, LIMIT).await["state"], "PUSH_SUCCESS");
    assert_eq!(receiver.wait(second).await.body["state"], "PUSH_SUCCESS");
    let (_, images) = service.get(&format!("/image/list-image?page=1&page_size=10&keyword={}", target.name())).await;
    let owners: Vec<_> = images["data"]["image_list"].as_array().unwrap().iter().map(id_of).collect();
    assert_eq!(owners, [second], "the new image took the old one's place");

    filters_find_it(&service, &target.to_string(), [second, first]).await;
    deletions_free_it(&service, &request, &target.to_string(), second).await;
    service.stop().await;
}

async fn filters_find_it(service: &TestService, target: &str, newest_first: [i64; 2]) {
    let tag = target.rsplit(':').next().unwrap().to_uppercase();
    for (filter, expected) in [
        ("image_name=LIFECYCLE", &newest_first[..]),
        (&format!("image_name={tag}"), &newest_first),
        ("task_status=push_suc", &newest_first),
        ("task_status=failed", &[]),
        ("image_name=no-such-image", &[]),
    ] {
        let (_, tasks) = service.get(&format!("/task/list-task?page=1&page_size=10&{filter}")).await;
        let found: Vec<_> = tasks["data"]["task_list"].as_array().unwrap().iter().map(id_of).collect();
        assert_eq!((found.as_slice(), &tasks["data"]["page"]["total"]), (expected, &json!(expected.len())), "{filter}");
    }
    let (_, page) = service.get("/task/list-task?page=2&page_size=1").await;
    assert_eq!(page["data"]["page"], json!({"current": 2, "total": 2, "page_size": 1}));
    assert_eq!(id_of(&page["data"]["task_list"][0]), newest_first[1]);
}

async fn deletions_free_it(service: &TestService, request: &Value, target: &str, task_id: i64) {
    let engine = lab::engine().await;
    let delete_image = format!("/task/delete-image-by-task-id?task_id={task_id}");
    let (_, deleted) = service.delete(&delete_image).await;
    assert_eq!(deleted["code"], 0, "{deleted}");
    assert!(engine.inspect_image(target).await.unwrap().is_none(), "it is off the daemon");
    let (_, again) = service.delete(&delete_image).await;
    assert_eq!(again["code"], 0, "a task without an image is no failure: {again}");

    let (_, details) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    let directory = details["data"]["work_dir_name"].as_str().unwrap().to_owned();
    let (_, deleted) = service.delete(&format!("/task/delete-task-by-task-id?task_id={task_id}")).await;
    assert_eq!(deleted["code"], 0, "{deleted}");
    let (_, gone) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    assert_eq!(gone["code"], -1, "{gone}");
    let log = service.client.get(format!("{}/task/{directory}/build.log", service.url)).send().await.unwrap();
    assert_eq!(log.status().as_u16(), 404);
    assert!(!service.directory.path().join("data/task").join(directory).exists());

    let freed = service.build(request, LIMIT).await;
    let (_, deleted) = service.delete(&format!("/task/delete-image-by-task-id?task_id={}", id_of(&freed))).await;
    assert_eq!(deleted["code"], 0, "{deleted}");
}

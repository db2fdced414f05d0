//! Following a task: events that resume without loss or repetition, and logs in pages.

use std::time::Duration;

use serde_json::Value;

use crate::lab;
use crate::support::{RequestShape, TestService, Watched, Watcher, forget};

const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn events_resume_where_a_connection_broke() {
    let service = TestService::configured().await;
    let target = lab::unique_name("watched");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, "").os_packages("apt", &["tree"]).build();
    let task_id = service.submit(&request).await;
    let mut events: Vec<Watched> = Vec::new();
    // Every connection breaks after a few events, while the task runs.
    for length in [1, 4, 9] {
        let mut watcher = Watcher::open(&service, task_id, events.last().map(|event| event.id)).await;
        for _ in 0..length {
            events.push(watcher.next().await.expect("the task has not ended"));
        }
    }
    let rest = Watcher::open(&service, task_id, events.last().map(|event| event.id)).await.rest();
    events.extend(tokio::time::timeout(LIMIT, rest).await.expect("the stream closes at the end"));

    let numbers: Vec<u64> = events.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "nothing lost, nothing twice");
    let end = events.last().unwrap();
    assert_eq!((end.kind.as_str(), &end.data["state"]), ("end", &Value::from("PUSH_SUCCESS")));
    assert_eq!(events.iter().filter(|event| event.kind == "end").count(), 1);
    let states: Vec<&str> = events
        .iter()
        .filter(|event| event.kind == "state")
        .map(|event| event.data["state"].as_str().unwrap())
        .collect();
    let expected = [
        "STARTED",
        "PULL_SUCCESS",
        "CHECK_SUCCESS",
        "PREPARE_SUCCESS",
        "BUILDING",
        "BUILD_SUCCESS",
        "CHECK_IMAGE_SIZE_SUCCESS",
        "PUSH_SUCCESS",
    ];
    assert_eq!(states, expected);

    let later = Watcher::open(&service, task_id, None).await.rest().await;
    assert_eq!(later, events, "whoever comes later sees the same");
    let after_the_end = Watcher::open(&service, task_id, Some(end.id)).await.rest();
    let after_the_end = tokio::time::timeout(Duration::from_secs(10), after_the_end).await.expect("it closes");
    assert!(after_the_end.iter().all(|event| event.kind == "end"), "{after_the_end:?}");

    logs_come_in_pages(&service, task_id, &events).await;
    forget(&target).await;
    service.stop().await;
}

async fn logs_come_in_pages(service: &TestService, task_id: i64, events: &[Watched]) {
    let (_, task) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    let directory = task["data"]["work_dir_name"].as_str().unwrap();
    for stage in ["pull", "check", "prepare", "build", "push"] {
        let page = |after: u64| async move {
            let (_, answer) = service.get(&format!("/task/log?task_id={task_id}&stage={stage}&after={after}")).await;
            assert_eq!((&answer["code"], &answer["data"]["ended"]), (&Value::from(0), &Value::from(true)), "{answer}");
            let lines = answer["data"]["lines"].as_array().unwrap().clone();
            (lines, answer["data"]["next"].as_u64().unwrap())
        };
        let (all, next) = page(0).await;
        assert!(!all.is_empty(), "{stage}");
        assert_eq!(next, all.len() as u64);
        let middle = next / 2;
        let (rest, _) = page(middle).await;
        assert_eq!(rest.as_slice(), &all[usize::try_from(middle).unwrap()..], "{stage} from {middle}");
        assert_eq!(page(next).await, (Vec::new(), next));
        let texts: Vec<&str> = all.iter().map(|line| line["text"].as_str().unwrap()).collect();
        let file = service.text(&format!("/task/{directory}/{stage}.log")).await;
        assert_eq!(file.lines().collect::<Vec<_>>(), texts, "the file holds the same lines");
        let told = events.iter().filter(|event| event.kind == "log" && event.data["stage"] == stage).count();
        assert!(told > 0, "{stage}: lines are events as well");
    }
}

//! Following a task: events, lost connections, services without events, leaving from the keyboard.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use super::scripted::{Asked, Scripted, events, not_found, open_events, refusal, success};
use super::{LIMIT, program};

fn stage(stage: &str, status: &str) -> Value {
    json!({ "kind": "stage", "stage": stage, "status": status })
}

fn log(text: &str) -> Value {
    json!({ "kind": "log", "stage": "build", "text": text })
}

fn end(state: &str) -> Value {
    json!({ "kind": "end", "state": state })
}

fn details(state: &str) -> Value {
    json!({ "task_id": 7, "state": state, "target_image_name": "h/t:1", "image_digest": "sha256:ab" })
}

fn is_events(asked: &Asked) -> bool {
    asked.what() == "GET /task/events"
}

#[tokio::test]
async fn a_task_is_followed_to_its_end() {
    let service = Scripted::serve(|asked| match asked.what().as_str() {
        "POST /task/build-image" => success(json!({ "task_id": 7, "target_image_name": "h/t:1" })),
        "GET /task/events" => events(&[
            (1, json!({ "kind": "state", "state": "STARTED" })),
            (2, stage("pull", "running")),
            (3, json!({ "kind": "bytes", "stage": "pull", "item": "x", "current": 1, "total": 2 })),
            (4, stage("pull", "success")),
            (5, json!({ "kind": "step", "id": "a", "name": "[1/1] FROM x", "status": "cached" })),
            (6, json!({ "kind": "from a newer service" })),
            (7, end("PUSH_SUCCESS")),
        ]),
        "GET /task/task-details_by_task_id" => success(details("PUSH_SUCCESS")),
        other => panic!("{other}"),
    })
    .await;
    let left = service.run_with(&["submit", "-", "--follow"], &[], "{}").await;
    assert_eq!(left.code, Some(0), "{left:?}");
    insta::assert_snapshot!(left.stdout, @r"
    task 7 accepted: h/t:1
    pull    running
    pull    success after 2.0 s
    step    cached: [1/1] FROM x
    task 7 PUSH_SUCCESS: h/t:1@sha256:ab
    ");
    let left = service.run_with(&["submit", "-", "--follow", "--json"], &[], "{}").await;
    let lines: Vec<Value> = left.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 9);
    assert_eq!((&lines[0]["task_id"], &lines[7]["kind"]), (&json!(7), &json!("end")));
    assert_eq!(lines[6]["kind"], "from a newer service");
    assert_eq!(lines[8], details("PUSH_SUCCESS"));
}

#[tokio::test]
async fn a_failed_task_is_code_1_and_says_why() {
    let service = Scripted::serve(|asked| match asked.what().as_str() {
        "GET /task/events" => events(&[(
            1,
            json!({ "kind": "end", "state": "BUILD_FAILED", "cause": "PACKAGE_NOT_FOUND", "message": "no numpyy" }),
        )]),
        "GET /task/task-details_by_task_id" => success(json!({
            "state": "BUILD_FAILED", "cause": "PACKAGE_NOT_FOUND", "failed_stage": "build", "message": "no numpyy",
            "hint": "check the name", "failed_step": "RUN pip install numpyy", "last_lines": "ERROR: a\nERROR: b\u{1b}[0m",
        })),
        other => panic!("{other}"),
    })
    .await;
    let left = service.run(&["logs", "7", "--follow"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(left.stderr, @r"
    task 7 ended in BUILD_FAILED: PACKAGE_NOT_FOUND in stage build
      what happened: no numpyy
      what to do: check the name
      step: RUN pip install numpyy
      last lines:
        ERROR: a
        ERROR: b
      whole log: fastbuild logs 7
    ");
    let left = service.run(&["logs", "7", "--follow", "--json"]).await;
    let last: Value = serde_json::from_str(left.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((left.code, &last["cause"]), (Some(1), &json!("PACKAGE_NOT_FOUND")));
}

#[tokio::test]
async fn a_lost_stream_goes_on_where_it_broke() {
    let service = Scripted::serve(|asked| match asked.what().as_str() {
        "GET /task/events" => match asked.header("last-event-id") {
            "" => events(&[(1, stage("build", "running")), (2, log("two"))]),
            // A service that repeats what was seen, and one that closes without a word.
            "2" if asked.earlier == 1 => events(&[(2, log("two")), (3, log("three"))]),
            "3" if asked.earlier == 2 => events(&[]),
            "3" => events(&[(4, log("four")), (5, end("PUSH_SUCCESS"))]),
            other => panic!("{other}"),
        },
        "GET /task/task-details_by_task_id" => {
            success(details(if asked.earlier < 3 { "BUILDING" } else { "PUSH_SUCCESS" }))
        }
        other => panic!("{other}"),
    })
    .await;
    let left = service.run(&["logs", "7", "--follow"]).await;
    assert_eq!(left.code, Some(0), "{left:?}");
    assert_eq!(left.stdout, "two\nthree\nfour\ntask 7 PUSH_SUCCESS: h/t:1@sha256:ab\n");
    assert_eq!(service.asked().iter().filter(|asked| is_events(asked)).count(), 4);
}

#[tokio::test]
async fn an_end_that_no_stream_told_is_seen() {
    let service = Scripted::serve(|asked| match asked.what().as_str() {
        "GET /task/events" => events(&[(1, log("one"))]),
        _ => success(details("PUSH_FAILED")),
    })
    .await;
    let left = service.run(&["logs", "7", "-f", "--stage", "pull"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(1), ""), "a line of another stage was shown");
}

#[tokio::test]
async fn without_events_the_task_is_asked_about() {
    let states = ["QUEUED", "STARTED", "BUILDING", "BUILDING", "PUSH_SUCCESS"];
    let service = Scripted::serve(move |asked| {
        let task = |asked: &Asked| states[asked.earlier.min(4)];
        match asked.what().as_str() {
            "GET /task/events" => not_found(),
            "GET /task/task-details_by_task_id" => success(details(task(asked))),
            "GET /progress/details" => {
                let row = |action: &str| json!({ "action": action, "status": "success" });
                success(match asked.earlier {
                    0 | 1 => json!({}),
                    2 | 3 => json!({ "progress": [row("pull"), row("check"), row("prepare")] }),
                    _ => json!({ "progress": [row("pull"), row("check"), row("prepare"), row("build"), row("push")] }),
                })
            }
            "GET /task/log" if asked.query.contains("stage=build&after=0") => {
                success(json!({ "lines": [{ "sequence": 1, "text": "one" }], "next": 1 }))
            }
            "GET /task/log" if asked.query.contains("stage=build&after=1") && asked.earlier > 12 => {
                success(json!({ "lines": [{ "sequence": 2, "text": "two" }], "next": 2 }))
            }
            "GET /task/log" if asked.query.contains("stage=check") => refusal("no log"),
            "GET /task/log" => success(json!({ "lines": [], "next": 0 })),
            other => panic!("{other}"),
        }
    })
    .await;
    let left = service.run(&["logs", "7", "-f"]).await;
    assert_eq!(left.code, Some(0), "{left:?}");
    assert_eq!(left.stdout, "one\ntwo\ntask 7 PUSH_SUCCESS: h/t:1@sha256:ab\n");
}

#[tokio::test]
async fn a_service_that_stays_away_is_code_3() {
    let down: Arc<OnceLock<tokio_util::sync::CancellationToken>> = Arc::default();
    let switch = down.clone();
    let service = Scripted::serve(move |_| {
        switch.get().unwrap().cancel();
        events(&[(1, log("one"))])
    })
    .await;
    down.set(service.down()).unwrap();
    let left = service.run(&["logs", "7", "-f", "--reconnect-seconds", "0"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(3), "one\n"));
    assert!(left.stderr.contains("no service answers"), "{left:?}");
}

#[tokio::test]
async fn an_unknown_task_is_not_waited_for() {
    let service = Scripted::serve(|_| refusal("task 7 is unknown")).await;
    let left = service.run(&["logs", "7", "-f"]).await;
    assert!(left.code == Some(2) && left.stderr.contains("task 7 is unknown"), "{left:?}");
}

#[tokio::test]
async fn leaving_from_the_keyboard_leaves_the_task_alone() {
    let service = Scripted::serve(|_| open_events(&[(1, log("one"))])).await;
    let mut child = program(&["logs", "7", "-f", "--url", &service.url]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(LIMIT, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(line.as_deref(), Some("one"));
    let number = child.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-INT", &number]).status().await.unwrap().success());
    let output = timeout(LIMIT, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("task 7 goes on; come back with: fastbuild logs 7 --follow"), "{told}");
    assert_eq!(service.asked().len(), 1, "the task was touched");
}

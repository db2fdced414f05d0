//! Receivers that refuse, redirect or are not there.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use serde_json::{Value, json};

use super::hand::{LIMIT, debian, forget, plain};
use super::table::{Fault, RECEIVER_500, RECEIVER_AND_SERVICE_DOWN, RECEIVER_REDIRECTS};
use crate::lab;
use crate::support::{Receiver, TestService, wait_for};

async fn attempts(service: &TestService) -> Vec<Value> {
    let (_, answer) = service.get("/callback/all").await;
    let mut rows = answer["data"].as_array().unwrap().clone();
    rows.reverse();
    rows
}

async fn wait_for_attempts(service: &TestService, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} attempts"), Duration::from_secs(60), || async {
        let rows = attempts(service).await;
        (rows.len() >= count).then_some(rows)
    })
    .await
}

async fn push(service: &TestService, callback_url: &str, row: &Fault) -> i64 {
    let target = lab::unique_name("callback");
    let task = service.build(&plain(&debian().await, &target, callback_url).build(), LIMIT).await;
    assert_eq!(task["state"], row.state, "{task:#}");
    forget(&target).await;
    task["task_id"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_answers_500_gets_it_again_and_every_attempt_is_recorded() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let task_id = push(&service, &receiver.url, &RECEIVER_500).await;
    let first = receiver.wait(task_id).await;
    wait_for_attempts(&service, 1).await;
    receiver.answer(200);
    let rows = wait_for_attempts(&service, 2).await;
    let received = receiver.of_task(task_id);
    assert_eq!(received.len(), 2);
    let id = &first.headers["x-fastbuild-delivery"];
    assert!(received.iter().all(|callback| &callback.headers["x-fastbuild-delivery"] == id), "the id is not stable");
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[0].headers["x-biztype"], "DROS");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["url"] == receiver.url && row["state"]["taskId"] == task_id), "{rows:#?}");
    let (_, task) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    assert_eq!(task["data"]["callback_times"], 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_counts_as_not_delivered() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let goal = receiver.url.clone();
    let router = Router::new()
        .route("/away", any(move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", goal)]) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/away", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let task_id = push(&service, &url, &RECEIVER_REDIRECTS).await;
    let rows = wait_for_attempts(&service, 2).await;
    assert!(rows.iter().all(|row| row["url"] == url), "{rows:#?}");
    assert!(receiver.of_task(task_id).is_empty(), "the redirect was followed");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_gets_it_after_a_restart_of_ours() {
    let port = crate::support::process::free_port();
    let url = format!("http://127.0.0.1:{port}/cb");
    let service = TestService::configured().await;
    let task_id = push(&service, &url, &RECEIVER_AND_SERVICE_DOWN).await;
    let rows = wait_for_attempts(&service, 1).await;
    assert!(rows[0]["result"].as_str().unwrap().to_lowercase().contains("refused"), "{rows:#?}");
    let directory = service.directory.clone();
    service.stop().await;
    // The receiver comes up, and so do we: what waits is sent at once.
    let (sender, mut bodies) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new().route(
        "/cb",
        axum::routing::post(move |axum::Json(body): axum::Json<Value>| async move {
            let _ = sender.send(body);
        }),
    );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let service = TestService::start_in(directory, |_| {}).await;
    let body = tokio::time::timeout(Duration::from_secs(10), bodies.recv()).await.expect("within 10 s").unwrap();
    assert_eq!((&body["taskId"], &body["state"]), (&json!(task_id), &json!("PUSH_SUCCESS")));
    service.stop().await;
    assert!(bodies.try_recv().is_err(), "it came twice");
}

//! The outbox over an hour of simulated time, and a receiver that does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use fastbuild::clock::{Clock, Moment};
use fastbuild::store::DeliveryRow;
use fastbuild::task::TaskId;
use serde_json::Value;
use sqlx::Connection as _;

use super::hand::plain;
use super::table::{RECEIVER_DOWN_AN_HOUR, RECEIVER_SLOW};
use crate::lab;
use crate::support::process::{ServeProcess, free_port, log_file};
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, ManualClock, Receiver, TestService, wait_for};

const LIMIT: Duration = Duration::from_secs(60);

async fn delivery(service: &TestService, task_id: i64) -> DeliveryRow {
    let rows = service.state.store.deliveries_of_task(TaskId(task_id)).await.unwrap();
    rows.into_iter().next().expect("a delivery")
}

async fn after_attempts(service: &TestService, task_id: i64, attempts: i64) -> DeliveryRow {
    wait_for(&format!("attempt {attempts}"), LIMIT, || async {
        let row = delivery(service, task_id).await;
        (row.attempts >= attempts).then_some(row)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_for_an_hour_is_told_when_it_is_back() {
    let clock = Arc::new(ManualClock::new());
    let connector = Arc::new(ScriptedConnector(Arc::new(ScriptedEngine::default())));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let service = TestService::start_at(directory, |_| {}, connector, clock.clone()).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let request = plain(&lab::base("scripted:1"), &lab::unique_name("hour"), &receiver.url).build();
    let task_id = service.submit(&request).await;
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], RECEIVER_DOWN_AN_HOUR.state, "{task:#}");
    let start = clock.now();
    let mut row = after_attempts(&service, task_id, 1).await;
    let mut moments = vec![0];
    while clock.now().millis_since(start) < 3_600_000 {
        clock.set(Moment(row.next_attempt_time));
        moments.push(clock.now().millis_since(start) / 1_000);
        service.state.callbacks.wake();
        row = after_attempts(&service, task_id, row.attempts + 1).await;
        assert_eq!(row.status, "pending");
    }
    for minute in 0..10 {
        let within = |moment: &&i64| (minute * 60..(minute + 1) * 60).contains(*moment);
        assert!(moments.iter().any(|moment| within(&moment)), "no attempt in minute {minute}: {moments:?}");
    }
    assert!(moments.windows(2).all(|pair| pair[1] - pair[0] <= 3_600), "{moments:?}");
    receiver.answer(200);
    clock.set(Moment(row.next_attempt_time));
    service.state.callbacks.wake();
    let row = after_attempts(&service, task_id, row.attempts + 1).await;
    assert_eq!(row.status, "delivered");
    let received = receiver.of_task(task_id);
    assert_eq!(received.len(), moments.len() + 1);
    let ids: std::collections::BTreeSet<_> =
        received.iter().map(|callback| callback.headers["x-fastbuild-delivery"].clone()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_answer_in_time_gets_it_again() {
    let connector = Arc::new(ScriptedConnector(Arc::new(ScriptedEngine::default())));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut fastbuild::settings::Settings| settings.callback.timeout_seconds = 1;
    let service = TestService::start_over(directory, change, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let (sender, mut bodies) = tokio::sync::mpsc::unbounded_channel();
    let calls = Arc::new(AtomicUsize::new(0));
    let slow = post(move |headers: axum::http::HeaderMap, axum::Json(body): axum::Json<Value>| async move {
        sender.send((headers["x-fastbuild-delivery"].clone(), body)).unwrap();
        // The first one hangs longer than the service waits; what follows is answered.
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/cb", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/cb", slow)).await });
    let request = plain(&lab::base("scripted:1"), &lab::unique_name("slow"), &url).build();
    let task_id = service.submit(&request).await;
    assert_eq!(service.end_of(task_id, LIMIT).await["state"], RECEIVER_SLOW.state);
    let first = tokio::time::timeout(LIMIT, bodies.recv()).await.unwrap().unwrap();
    let second = tokio::time::timeout(LIMIT, bodies.recv()).await.unwrap().unwrap();
    assert_eq!(first, second, "another delivery id or body");
    let row = after_attempts(&service, task_id, 2).await;
    assert_eq!(row.status, "delivered");
    let (_, attempts) = service.get("/callback/all").await;
    let results: Vec<&str> =
        attempts["data"].as_array().unwrap().iter().filter_map(|row| row["result"].as_str()).collect();
    assert!(results.iter().any(|text| text.contains("did not answer in time")), "{results:?}");
    service.stop().await;
}

/// A name that passes at submission and resolves to what is denied, as a rebinding name does at its second look.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_to_a_denied_address_is_never_called() {
    let connector = Arc::new(ScriptedConnector(Arc::new(ScriptedEngine::default())));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut fastbuild::settings::Settings| {
        settings.callback.deny = vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()];
    };
    let service = TestService::start_over(directory, change, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let receiver = Receiver::start().await;
    let url = receiver.url.replace("127.0.0.1", "localhost");
    let request = plain(&lab::base("scripted:1"), &lab::unique_name("rebound"), &url).build();
    let task_id = service.submit(&request).await;
    service.end_of(task_id, LIMIT).await;
    after_attempts(&service, task_id, 1).await;
    let (_, attempts) = service.get("/callback/latest").await;
    let result = attempts["data"]["result"].as_str().unwrap_or_default().to_owned();
    assert!(result.contains("callback.deny"), "{attempts:#}");
    assert!(receiver.of_task(task_id).is_empty(), "it was called");
    service.stop().await;
}

/// The configured Docker server may be another one by the time of an attempt, and no allow list opens it.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_port_is_the_docker_servers_by_now_is_never_called() {
    let connector = Arc::new(ScriptedConnector(Arc::new(ScriptedEngine::default())));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut fastbuild::settings::Settings| {
        settings.callback.allow = vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned(), "localhost".to_owned()];
    };
    let service = TestService::start_over(directory, change, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let url = receiver.url.replace("127.0.0.1", "localhost");
    let request = |url: &str| plain(&lab::base("scripted:1"), &lab::unique_name("docker"), url).build();
    let task_id = service.submit(&request(&url)).await;
    service.end_of(task_id, LIMIT).await;
    after_attempts(&service, task_id, 1).await;
    let port = url::Url::parse(&url).unwrap().port().unwrap().to_string();
    let server = Configuration::default().with("docker_host", "10.0.0.6").with("docker_port", &port);
    assert_eq!(service.configure(server).await.1["code"], 0);
    let before = (receiver.of_task(task_id).len(), delivery(&service, task_id).await.attempts);
    after_attempts(&service, task_id, before.1 + 1).await;
    let (_, attempts) = service.get("/callback/latest").await;
    let result = attempts["data"]["result"].as_str().unwrap_or_default().to_owned();
    assert!(result.contains(&format!("port {port} is a Docker server's")), "{attempts:#}");
    assert_eq!(receiver.of_task(task_id).len(), before.0, "it was called");
    let (_, answer) = service.post("/task/build-image", &request(&url)).await;
    assert_eq!(answer["code"], -1, "{answer}");
    assert!(answer["msg"].as_str().unwrap().contains(&format!("端口 {port} 是 Docker 服务器的端口")), "{answer}");
    service.stop().await;
}

/// Headers that no key opens cost a line every now and then, not a processor.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_cannot_be_opened_are_waited_for_with_pauses() {
    let directory = tempfile::tempdir().unwrap();
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    process.configure(Configuration::default()).await;
    let file = directory.path().join("data/fastbuild.sqlite3");
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query("INSERT INTO callback_headers (headers_sealed, create_time) VALUES ('no sealed text', 1)")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let receiver = Receiver::start().await;
    let request = plain(&lab::base("nothing:1"), &lab::unique_name("sealed"), &receiver.url).build();
    let task_id = process.submit(&request).await;
    process.end_of(task_id, LIMIT).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let log = std::fs::read_to_string(log_file(directory.path())).unwrap();
    let lines = log.lines().filter(|line| line.contains("callback task-") && line.contains("cannot be opened")).count();
    assert!((1..=3).contains(&lines), "{lines} lines in 8 s");
    assert!(receiver.of_task(task_id).is_empty());
    let headers = serde_json::json!({ "Content-Type": "application/json", "X-Own": "a" });
    process.post("/callback/update-headers", &headers).await;
    assert_eq!(receiver.wait(task_id).await.headers["x-own"], "a");
    assert!(process.terminate().await.0.success());
}

const NEW_SECRET: &str = "the new secret of our callbacks";
const OLD_SECRET: &str = "the old secret of our callbacks";

/// What a receiver gets can be verified with another implementation, and a resend is signed anew.
#[tokio::test(flavor = "multi_thread")]
async fn callbacks_carry_signatures_that_openssl_verifies_and_can_be_sent_again() {
    let connector = Arc::new(ScriptedConnector(Arc::new(ScriptedEngine::default())));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut fastbuild::settings::Settings| {
        settings.callback.signing_secrets = vec![NEW_SECRET.into(), OLD_SECRET.into()];
    };
    let service = TestService::start_over(directory, change, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let receiver = Receiver::start().await;
    let request = plain(&lab::base("scripted:1"), &lab::unique_name("signed"), &receiver.url).build();
    let task_id = service.submit(&request).await;
    receiver.wait(task_id).await;
    after_attempts(&service, task_id, 1).await;
    let (_, answer) = service.post_empty("/callback/test-callback").await;
    assert_eq!(answer["code"], 0, "{answer}");
    let received = receiver.of_task(task_id);
    assert_eq!(received.len(), 2);
    for callback in received {
        let header = |name: &str| callback.headers[name].clone();
        let body = service.state.store.deliveries_of_task(TaskId(task_id)).await.unwrap().remove(0).body;
        let content = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
        assert_eq!(header("webhook-id"), header("x-fastbuild-delivery"));
        let signatures: Vec<String> = header("webhook-signature").split(' ').map(str::to_owned).collect();
        assert_eq!(signatures, [openssl(&content, NEW_SECRET).await, openssl(&content, OLD_SECRET).await]);
    }
    service.stop().await;
}

async fn openssl(content: &str, secret: &str) -> String {
    use tokio::io::AsyncWriteExt;
    let script = r#"printf 'v1,'; openssl dgst -sha256 -hmac "$0" -binary | base64 | tr -d '\n'"#;
    let mut child = tokio::process::Command::new("bash")
        .args(["-c", script, secret])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content.as_bytes()).await.unwrap();
    String::from_utf8(child.wait_with_output().await.unwrap().stdout).unwrap()
}

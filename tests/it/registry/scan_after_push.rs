//! The scan that follows a push: begun by a Harbor that has a scanner, never in a task's way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Method;
use fastbuild::settings::Settings;
use serde_json::{Value, json};

use crate::support::harbor::{Fault, Harbor, PASSWORD, SCANNER, USERNAME};
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, RequestShape, TestService, wait_for};

const MOMENT: Duration = Duration::from_secs(20);

async fn service(harbor: &Harbor, change: impl FnOnce(&mut Settings)) -> TestService {
    service_on(harbor, Arc::new(ScriptedEngine::default()), change).await
}

/// A service on a scripted daemon that pushes to this Harbor.
pub async fn service_on(
    harbor: &Harbor,
    engine: Arc<ScriptedEngine>,
    change: impl FnOnce(&mut Settings),
) -> TestService {
    let connector = Arc::new(ScriptedConnector(engine));
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), change, connector).await;
    let configuration = Configuration::default()
        .with("harbor_registry", harbor.host().as_str())
        .with("harbor_username", USERNAME)
        .with("harbor_password", PASSWORD);
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    service
}

/// Pushes an image of a name with slashes; its task's row.
pub async fn push(service: &TestService, harbor: &Harbor) -> Value {
    let request = RequestShape::platform(&harbor.reference("base/debian:12"), &harbor.reference("team/a/b:1"), "");
    service.build(&request.build(), Duration::from_mins(1)).await
}

async fn scan(service: &TestService, task: &Value) -> Value {
    let (status, answer) = service.get_in("en", &format!("/task/scan?task_id={}", task["task_id"])).await;
    assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer}");
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_scanned_once_and_what_was_found_is_shown() {
    let harbor = Harbor::start().await;
    harbor.project("team", |project| project.scanner = Some(SCANNER));
    let service = service(&harbor, |_| {}).await;
    let task = push(&service, &harbor).await;
    let running = wait_for("a scan", MOMENT, || async {
        let scan = scan(&service, &task).await;
        (scan["status"] == "running").then_some(scan)
    })
    .await;
    assert_eq!((&running["reason"], &running["severity"]), (&Value::Null, &Value::Null));
    let digest = task["image_digest"].as_str().unwrap();
    let begun = harbor.seen(&Method::POST, "/scan");
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].path, format!("/api/v2.0/projects/team/repositories/a%252Fb/artifacts/{digest}/scan"));

    let report = json!({"scan_status": "Success", "severity": "Critical", "end_time": "2026-11-21T02:54:07.054Z",
        "summary": {"total": 3, "fixable": 2, "summary": {"Low": 2, "Critical": 1}}, "scanner": {"name": "Trivy", "version": "v0.61.0"}});
    harbor.contents().scans.insert(("team/a/b".to_owned(), digest.to_owned()), report);
    let found = scan(&service, &task).await;
    assert_eq!((&found["status"], &found["severity"]), (&json!("success"), &json!("critical")));
    assert_eq!((&found["total"], &found["fixable"]), (&json!(3), &json!(2)));
    assert_eq!(found["counts"].to_string(), r#"{"critical":1,"low":2}"#, "the worst first");
    assert_eq!((&found["scanner"], &found["image_digest"]), (&json!("Trivy v0.61.0"), &json!(digest)));
    assert!(found["report_time"].as_str().unwrap().contains(":54:07.054"), "{found}");
    assert_eq!(harbor.seen(&Method::POST, "/scan").len(), 1, "looking begins nothing");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_scanner_nothing_is_begun_and_the_reason_is_told() {
    for (body, is_harbor, reason) in [("", true, "has no scanner"), (SCANNER, false, "is no Harbor")] {
        let harbor = Harbor::start().await;
        harbor.project("team", |project| project.scanner = Some(body));
        harbor.contents().is_harbor = is_harbor;
        let service = service(&harbor, |_| {}).await;
        let task = push(&service, &harbor).await;
        let has_asked = || async { (!is_harbor || !harbor.seen(&Method::GET, "/scanner").is_empty()).then_some(()) };
        wait_for("the question after the push", MOMENT, has_asked).await;
        let scan = scan(&service, &task).await;
        assert_eq!(scan["status"], "not_scanned");
        assert!(scan["reason"].as_str().unwrap().contains(reason), "{scan}");
        service.stop().await;
        assert!(harbor.seen(&Method::POST, "/scan").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_wants_no_scans_has_none() {
    let harbor = Harbor::start().await;
    harbor.project("team", |project| project.scanner = Some(SCANNER));
    let service = service(&harbor, |settings| settings.build.harbor_scan = false).await;
    let task = push(&service, &harbor).await;
    let scan = scan(&service, &task).await;
    assert!(scan["reason"].as_str().unwrap().contains("has not scanned"), "{scan}");
    service.stop().await;
    assert!(harbor.seen(&Method::POST, "/scan").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_scan_and_not_read_scanners_scans() {
    let harbor = Harbor::start().await;
    harbor.project("team", |project| project.scanner = None);
    let service = service(&harbor, |_| {}).await;
    let task = push(&service, &harbor).await;
    wait_for("a scan", MOMENT, || async { (scan(&service, &task).await["status"] == "running").then_some(()) }).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harbor_that_fails_or_hangs_is_in_no_tasks_way() {
    for fault in [Fault::Status(401, ""), Fault::Status(500, "down"), Fault::Cut, Fault::Slow(Duration::from_mins(5))] {
        let harbor = Harbor::start().await;
        harbor.project("team", |project| project.scanner = Some(SCANNER));
        for path in ["/scanner", "/scan", "/artifacts/"] {
            for method in [Method::GET, Method::POST] {
                harbor.fail(method, path, 1_000, fault.clone());
            }
        }
        let service = service(&harbor, |_| {}).await;
        let begin = Instant::now();
        let task = push(&service, &harbor).await;
        assert_eq!(task["state"], "PUSH_SUCCESS");
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(30), "the task waits for no scan: {took:?}");
        let scan = scan(&service, &task).await;
        assert_eq!(scan["status"], "not_scanned");
        assert!(scan["reason"].as_str().unwrap().contains("could not be asked"), "{scan}");
        assert!(!scan.to_string().contains(PASSWORD));
        let begin = Instant::now();
        service.stop().await;
        assert!(begin.elapsed() < Duration::from_secs(10), "a scan holds up no stop");
    }
}

//! Harbor's scanner through the client: what each answer means.

use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use fastbuild::image::Digest;
use fastbuild::registry::{Limits, RegistryClient, RegistryError, ScanStatus, Severity};
use serde_json::{Value, json};

use crate::support::harbor::{Fault, Harbor, PASSWORD, SCANNER, quick_limits};

#[tokio::test]
async fn a_project_has_a_scanner_or_not() {
    let harbor = Harbor::start().await;
    let image = harbor.reference("base/a:1");
    for (body, expected) in [
        (SCANNER, true),
        ("", false),
        ("null", false),
        ("{}", false),
        (r#"{"name": "Trivy", "disabled": true}"#, false),
    ] {
        harbor.project("base", |project| project.scanner = Some(body));
        assert_eq!(harbor.client().has_scanner(&image).await.unwrap(), expected, "{body}");
    }
    assert!(!harbor.client().has_scanner(&harbor.reference("nowhere/a:1")).await.unwrap());
    assert!(!harbor.client().has_scanner(&harbor.reference("no-project:1")).await.unwrap());
    harbor.project("base", |project| project.scanner = None);
    let error = harbor.client().has_scanner(&image).await.unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_scan_is_begun_once_by_digest_with_the_name_encoded_twice() {
    let harbor = Harbor::start().await;
    harbor.project("team", |project| project.scanner = Some(SCANNER));
    let (image, digest) = (harbor.reference("team/a/b/c:1"), Digest::of(b"manifest"));
    let client = harbor.client();
    assert_eq!(client.scan_overview(&image, &digest).await.unwrap(), None);
    client.start_scan(&image, &digest).await.unwrap();
    // The second one meets 409, which is as good.
    client.start_scan(&image, &digest).await.unwrap();
    let path = format!("/api/v2.0/projects/team/repositories/a%252Fb%252Fc/artifacts/{digest}/scan");
    let paths: Vec<String> = harbor.seen(&Method::POST, "/scan").into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, [path.clone(), path]);
    let overview = client.scan_overview(&image, &digest).await.unwrap().unwrap();
    assert_eq!((overview.status, overview.severity), (ScanStatus::Running, None));
}

#[tokio::test]
async fn a_scan_that_fails_is_not_tried_again() {
    for (status, words) in [(401, ""), (403, "forbidden"), (412, "no available scanner"), (500, ""), (503, "")] {
        let harbor = Harbor::start().await;
        harbor.fail(Method::POST, "/scan", 9, Fault::Status(status, words));
        let started = harbor.client().start_scan(&harbor.reference("team/a:1"), &Digest::of(b"x")).await;
        assert!(started.is_err(), "{status}");
        assert_eq!(harbor.seen(&Method::POST, "/scan").len(), 1, "{status}");
    }
}

async fn overview_of(answer: Value) -> Result<Option<fastbuild::registry::ScanOverview>, RegistryError> {
    let harbor = Harbor::start().await;
    harbor.fail(Method::GET, "/artifacts/", 9, Fault::Answer("application/json", Bytes::from(answer.to_string())));
    harbor.client().scan_overview(&harbor.reference("team/a:1"), &Digest::of(b"x")).await
}

#[tokio::test]
async fn an_overview_is_read_whatever_it_holds() {
    let form = "application/vnd.security.vulnerability.report; version=1.1";
    let report = json!({"report_id": "1", "scan_status": "Success", "severity": "High", "duration": 3,
        "summary": {"total": 7, "fixable": 5, "summary": {"High": 2, "Critical": 0, "Strange": 1, "Odd": 3, "Low": -4}},
        "start_time": "2026-11-21T02:54:00.000Z", "end_time": "2026-11-21T02:54:07.054Z",
        "scanner": {"name": format!("Trivy\u{1b}[31m {PASSWORD}"), "vendor": "Aqua", "version": "v0.61.0"}});
    let older = json!({"application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0": {"scan_status": "Error"}, form: report});
    let overview = overview_of(json!({"scan_overview": older})).await.unwrap().unwrap();
    assert_eq!((overview.status, overview.severity), (ScanStatus::Success, Some(Severity::High)));
    assert_eq!((overview.total, overview.fixable), (7, 5));
    let counts: Vec<_> = overview.counts.into_iter().collect();
    assert_eq!(counts, [(Severity::Critical, 0), (Severity::High, 2), (Severity::Low, 0), (Severity::Unknown, 4)]);
    assert_eq!(overview.scanner, "Trivy [31m *** v0.61.0");
    assert_eq!(overview.ended.unwrap().0, 1_795_229_647_054_000);

    for (status, expected) in [
        ("Pending", ScanStatus::Pending),
        ("Scheduled", ScanStatus::Pending),
        ("Stopped", ScanStatus::Stopped),
        ("Exploded", ScanStatus::Error),
    ] {
        let report = json!({"scan_status": status, "severity": "Critical", "end_time": "0001-01-01T00:00:00Z"});
        let overview = overview_of(json!({"scan_overview": {form: report}})).await.unwrap().unwrap();
        assert_eq!((overview.status, overview.severity, overview.ended), (expected, None, None), "{status}");
    }
    for none in [json!({}), json!({"scan_overview": null}), json!({"scan_overview": {}})] {
        assert_eq!(overview_of(none).await.unwrap(), None);
    }
    for odd in
        [json!("text"), json!({"scan_overview": []}), json!({"scan_overview": {form: {"summary": {"total": "many"}}}})]
    {
        assert!(matches!(overview_of(odd).await, Err(RegistryError::Malformed { .. })));
    }
    let large = json!({"scan_overview": {form: {"scan_status": "x".repeat(2 << 20)}}});
    assert!(matches!(overview_of(large).await, Err(RegistryError::TooLarge { .. })));
}

#[tokio::test]
async fn a_silent_harbor_is_given_up() {
    let harbor = Harbor::start().await;
    harbor.fail(Method::GET, "/artifacts/", 9, Fault::Slow(Duration::from_secs(60)));
    let moment = Duration::from_millis(100);
    let limits = Limits { attempts: 1, idle_timeout: moment, total_timeout: moment, ..quick_limits() };
    let client = RegistryClient::with_limits(harbor.access(), limits).unwrap();
    let error = client.scan_overview(&harbor.reference("team/a:1"), &Digest::of(b"x")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
}

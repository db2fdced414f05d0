//! What is in a pushed image, on its task's page: the scan's result, and the list of packages to save.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::registry::scan_after_push::{push, service_on};
use crate::support::harbor::{Harbor, SCANNER};
use crate::support::scripted::ScriptedEngine;
use crate::support::{Browser, DESKTOP, Look, wait_for};

const SHORT: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_shown_and_the_list_of_packages_saved() {
    let harbor = Harbor::start().await;
    harbor.project("team", |project| project.scanner = Some(SCANNER));
    let engine = Arc::new(ScriptedEngine::default());
    let service = service_on(&harbor, engine.clone(), |_| {}).await;
    let task = push(&service, &harbor).await;
    let at = ("team/a/b".to_owned(), task["image_digest"].as_str().unwrap().to_owned());
    wait_for("a scan", SHORT, || async { harbor.contents().scans.contains_key(&at).then_some(()) }).await;
    let report = json!({"scan_status": "Success", "severity": "High", "end_time": "2026-11-21T02:54:07Z",
        "summary": {"total": 3, "fixable": 2, "summary": {"High": 1, "Low": 2}}, "scanner": {"name": "Trivy", "version": "v0.61.0"}});
    harbor.contents().scans.insert(at.clone(), report);
    let url = format!("{}/console/tasks/{}", service.url, task["task_id"]);

    for (language, severity, counts) in [
        ("en", "high", "3 in all, 2 fixable · high 1 · low 2"),
        ("zh-CN", "高危", "共 3 个，可修复 2 个 · 高危 1 · 低危 2"),
    ] {
        let browser = Browser::open(Look { language, ..DESKTOP }).await;
        browser.go(&url).await;
        browser.until("the scan", SHORT, "!document.querySelector('#scan').hidden").await;
        assert_eq!(browser.text("#scan-severity").await, severity);
        assert_eq!(browser.text("#scan-counts").await, counts);
        assert_eq!(browser.text("#scan-scanner").await, "Trivy v0.61.0");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
    }

    let browser = Browser::open(DESKTOP).await;
    browser.go(&url).await;
    let spy = "const make = URL.createObjectURL; URL.createObjectURL = (blob) => { window.saved = blob.type; return make(blob); }";
    browser.run(spy).await;
    *engine.packages.lock().unwrap() = Some("nothing".to_owned());
    browser.click("[data-sbom]").await;
    browser
        .until("the refusal", SHORT, "document.querySelector('.toast.bad')?.textContent.includes('ended early')")
        .await;
    *engine.packages.lock().unwrap() = Some("@MARK@\tbegin\t1\n@MARK@\tend\t1\n".to_owned());
    browser.click("[data-sbom]").await;
    browser.until("the document", SHORT, "window.saved === 'application/vnd.cyclonedx+json'").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // Where there is no scan, nothing is said of one.
    harbor.contents().scans.remove(&at);
    browser.go(&url).await;
    browser.until("the page", SHORT, "document.querySelectorAll('#log .line').length > 0").await;
    assert_eq!(browser.run("return document.querySelector('#scan').hidden").await, json!(true));
    browser.close().await;
    service.stop().await;
}

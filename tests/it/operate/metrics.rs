//! `/metrics` moves with real tasks, and what watches it asks for what is there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::exposition::Exposition;
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, RequestShape, TestService, forget, wait_for};

const LIMIT: Duration = Duration::from_mins(4);

#[tokio::test(flavor = "multi_thread")]
async fn figures_move_with_real_tasks() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let before = Exposition::of(&service).await;
    assert_eq!(before.count("fastbuild_tasks_ended_total", &[("result", "success")]), 0);
    let base = lab::base("debian:12");
    let target = lab::unique_name("metrics");
    // A package of its own makes the image one that nobody built before.
    let request = RequestShape::platform(&base, &target, &receiver.url)
        .ssh(&format!("metrics {}", target.tag_or_latest()))
        .os_packages("apt", &["tree"]);
    let task = service.build(&request.build(), LIMIT).await;
    receiver.wait(task["task_id"].as_i64().unwrap()).await;
    let unknown = lab::base("nothing:1");
    let failing = RequestShape::platform(&unknown, &lab::unique_name("metrics"), &receiver.url).build();
    let failed = service.submit(&failing).await;
    service.end_of(failed, LIMIT).await;
    receiver.wait(failed).await;
    service.text("/task/secret-path-of-a-caller/x").await;
    let after = wait_for("both callbacks counted and the dependencies asked", LIMIT, || async {
        let now = Exposition::of(&service).await;
        let delivered = now.count("fastbuild_callback_attempts_total", &[("result", "delivered")]);
        let is_asked = now.find("fastbuild_dependency_up", &[("dependency", "harbor")]).is_some_and(|up| up > 0.5);
        (delivered == 2 && is_asked).then_some(now)
    });
    // The timer asks once a minute; whoever asks for the readiness asks now.
    service.text("/readyz").await;
    let after = after.await;
    for (name, labels, expected) in [
        ("fastbuild_tasks_ended_total", &[("result", "success"), ("cause", "NONE")][..], 1),
        ("fastbuild_tasks_ended_total", &[("result", "failed"), ("cause", "BASE_NOT_FOUND")], 1),
        ("fastbuild_stage_duration_seconds", &[("stage", "push"), ("status", "success")], 1),
        ("fastbuild_stage_duration_seconds", &[("stage", "pull"), ("status", "fail")], 1),
        ("fastbuild_task_duration_seconds", &[("result", "success")], 1),
        ("fastbuild_queue_wait_seconds", &[], 2),
        ("fastbuild_images_total", &[("origin", "built")], 1),
        ("fastbuild_images_total", &[("origin", "assembled")], 0),
        ("fastbuild_callback_lag_seconds", &[], 2),
        ("fastbuild_callbacks_waiting", &[], 0),
        ("fastbuild_callback_oldest_waiting_seconds", &[], 0),
        ("fastbuild_tasks", &[("state", "PUSH_SUCCESS")], 1),
        ("fastbuild_tasks", &[("state", "QUEUED")], 0),
        ("fastbuild_slots", &[], 5),
        ("fastbuild_dependency_up", &[("dependency", "database")], 1),
        ("fastbuild_dependency_up", &[("dependency", "docker_server")], 1),
        ("fastbuild_http_requests_total", &[("route", "/api/fast-build/task/build-image"), ("status", "200")], 2),
    ] {
        assert_eq!(after.count(name, labels), expected, "{name} {labels:?} in\n{}", after.text);
    }
    for (name, labels) in [
        ("fastbuild_build_steps_total", &[("outcome", "executed")][..]),
        ("fastbuild_context_bytes_total", &[]),
        ("fastbuild_pushed_bytes_total", &[]),
        ("fastbuild_disk_free_bytes", &[("disk", "task")]),
        ("fastbuild_disk_size_bytes", &[("disk", "database")]),
        ("fastbuild_disk_free_bytes", &[("disk", "docker")]),
        ("process_resident_memory_bytes", &[]),
        ("process_open_fds", &[]),
        ("fastbuild_open_sockets", &[]),
    ] {
        assert!(after.value(name, labels) > 0.0, "{name} {labels:?} in\n{}", after.text);
    }
    for secret in ["secret-path", "~~~???>>>", "robot$fastbuild", target.tag_or_latest(), "nothing:1"] {
        assert!(!after.text.contains(secret), "{secret} is in\n{}", after.text);
    }
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_and_its_wait_are_seen_while_tasks_wait() {
    let engine = Arc::new(ScriptedEngine { gate: Some(tokio::sync::Semaphore::new(0)), ..ScriptedEngine::default() });
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut fastbuild::settings::Settings| settings.build.max_concurrent = 1;
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let request = RequestShape::platform(&lab::base("scripted:1"), &lab::unique_name("queue"), "").build();
        ids.push(service.submit(&request).await);
    }
    let seen = wait_for("a wait of a second", Duration::from_secs(60), || async {
        let now = Exposition::of(&service).await;
        (now.value("fastbuild_queue_oldest_wait_seconds", &[]) > 1.0).then_some(now)
    })
    .await;
    assert_eq!(seen.count("fastbuild_tasks", &[("state", "QUEUED")]), 2);
    assert_eq!((seen.count("fastbuild_tasks_running", &[]), seen.count("fastbuild_slots", &[])), (1, 1));
    let watching = crate::support::Watcher::open(&service, ids[0], None).await;
    assert_eq!(Exposition::of(&service).await.count("fastbuild_watchers", &[]), 1);
    engine.gate.as_ref().unwrap().add_permits(3);
    watching.rest().await;
    for id in ids {
        service.end_of(id, Duration::from_secs(60)).await;
    }
    let quiet = wait_for("an empty queue and no watcher", Duration::from_secs(30), || async {
        let now = Exposition::of(&service).await;
        let is_quiet = now.count("fastbuild_watchers", &[]) == 0 && now.count("fastbuild_tasks_running", &[]) == 0;
        is_quiet.then_some(now)
    })
    .await;
    assert_eq!(quiet.count("fastbuild_queue_oldest_wait_seconds", &[]), 0);
    service.stop().await;
}

/// Every `fastbuild_…` and `process_…` word of a text.
fn metrics_named_in(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_metric = |word: &&str| word.starts_with("fastbuild_") || word.starts_with("process_");
    words.filter(is_metric).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_ask_for_metrics_that_exist_and_every_alert_is_explained() {
    let service = TestService::configured().await;
    service.text("/readyz").await;
    let exposition = wait_for("the daemon's disk", LIMIT, || async {
        let now = Exposition::of(&service).await;
        now.find("fastbuild_docker_usage_bytes", &[]).map(|_| now)
    })
    .await;
    let names = exposition.names();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (dashboard, alerts) =
        (read("packaging/grafana/fastbuild.json"), read("packaging/prometheus/fastbuild.rules.yml"));
    let operations = read("docs/OPERATIONS.md");
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).expect("the dashboard is JSON");
    let panels = parsed["panels"].as_array().expect("panels");
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let queries: Vec<String> = queries.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect();
    assert!(queries.len() >= 20, "{} queries", queries.len());
    assert!(queries.iter().all(|query| !metrics_named_in(query).is_empty()), "{queries:#?}");
    for (file, text) in
        [("dashboard", queries.join("\n")), ("alerts", alerts.clone()), ("OPERATIONS.md", operations.clone())]
    {
        let asked = metrics_named_in(&text);
        assert!(!asked.is_empty(), "{file} names no metric");
        for name in asked {
            assert!(names.contains(&name), "{name} of {file} is not served:\n{}", exposition.text);
        }
    }
    let titles: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(titles.len() >= 10, "{titles:?}");
    for title in titles {
        assert!(operations.contains(&format!("`{title}`")), "OPERATIONS.md does not explain {title}");
    }
    service.stop().await;
}

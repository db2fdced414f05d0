//! A thousand tasks on a scripted engine, which takes no time: what remains is our own work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;

use super::hand::plain;
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, TestService, wait_for};

const TASKS: usize = 1_000;
const WATCHERS: usize = 500;

async fn scripted() -> (TestService, Arc<ScriptedEngine>) {
    let engine = Arc::new(ScriptedEngine::default());
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let service = TestService::start_over(directory, |_| {}, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    (service, engine)
}

/// Times of `count` reads of the list, sorted.
async fn list_times(service: &TestService, count: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        service.get("/task/list-task?page=1&page_size=20").await;
        times.push(start.elapsed());
    }
    times.sort();
    times
}

fn percentile(times: &[Duration], part: usize) -> Duration {
    times[(times.len() * part / 100).min(times.len() - 1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_are_led_through_every_stage_and_none_is_lost() {
    let (service, engine) = scripted().await;
    let receiver = Receiver::start().await;
    let idle = list_times(&service, 200).await;
    let start = Instant::now();
    let base = lab::base("scripted:1");
    let mut ids = Vec::with_capacity(TASKS);
    for chunk in (0..TASKS).collect::<Vec<_>>().chunks(20) {
        let submissions = chunk.iter().map(|_| {
            let request = plain(&base, &lab::unique_name("load"), &receiver.url).distinct().build();
            let service = &service;
            async move { service.submit(&request).await }
        });
        ids.extend(futures_util::future::join_all(submissions).await);
    }
    let submitted = start.elapsed();
    let busy = list_times(&service, 200).await;
    wait_for("every end", Duration::from_secs(300), || async {
        let (_, running) = service.get("/task/running-tasks").await;
        let (_, queued) = service.get("/task/queued-tasks").await;
        let left = running["data"].as_array().unwrap().len() + queued["data"].as_array().unwrap().len();
        (left == 0).then_some(())
    })
    .await;
    let elapsed = start.elapsed();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), TASKS, "two tasks have one number");
    let (_, all) = service.get("/task/all-tasks").await;
    let rows = all["data"].as_array().unwrap();
    assert_eq!(rows.len(), TASKS);
    assert!(rows.iter().all(|row| row["state"] == "PUSH_SUCCESS" && row["attempts"] == 1));
    assert_eq!(engine.builds.load(Ordering::SeqCst), TASKS);
    assert_eq!(engine.pushes.load(Ordering::SeqCst), TASKS);
    let (_, progress) = service.get(&format!("/progress/details?task_id={}", ids[TASKS / 2])).await;
    assert_eq!(progress["data"]["progress"].as_array().unwrap().len(), 5);
    wait_for("every callback", Duration::from_secs(60), || async {
        ids.iter().all(|id| !receiver.of_task(*id).is_empty()).then_some(())
    })
    .await;
    assert!(ids.iter().all(|id| receiver.of_task(*id).len() == 1), "a callback came twice");
    let per_second = f64::from(u32::try_from(TASKS).unwrap()) / elapsed.as_secs_f64();
    eprintln!(
        "load: {TASKS} tasks submitted in {submitted:?}, through in {elapsed:?} ({per_second:.0} tasks/s); list-task p99 \
         idle {:?}, busy {:?}",
        percentile(&idle, 99),
        percentile(&busy, 99)
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_watchers_see_the_end_and_the_list_stays_quick() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let engine = Arc::new(ScriptedEngine { gate: Some(tokio::sync::Semaphore::new(0)), ..ScriptedEngine::default() });
    let service = TestService::start_over(directory, |_| {}, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let task_id = service.submit(&plain(&lab::base("scripted:1"), &lab::unique_name("watched"), "").build()).await;
    let idle = list_times(&service, 200).await;
    let (open, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let request = service.client.get(format!("{}/api/fast-build/task/events?task_id={task_id}", service.url));
            let (open, ended) = (open.clone(), ended.clone());
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                assert_eq!(response.status().as_u16(), 200);
                open.fetch_add(1, Ordering::SeqCst);
                let mut stream = response.bytes_stream();
                let mut text = Vec::new();
                while let Some(Ok(piece)) = stream.next().await {
                    text.extend_from_slice(&piece);
                }
                let text = String::from_utf8(text).unwrap();
                assert!(text.contains("line 4 of build 0") && text.contains("PUSH_SUCCESS"), "{text}");
                ended.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    wait_for("every watcher", Duration::from_secs(60), || async {
        (open.load(Ordering::SeqCst) == WATCHERS).then_some(())
    })
    .await;
    let watched = list_times(&service, 200).await;
    engine.gate.as_ref().unwrap().add_permits(1);
    for watcher in watchers {
        tokio::time::timeout(Duration::from_secs(60), watcher).await.expect("the stream must end").unwrap();
    }
    assert_eq!(ended.load(Ordering::SeqCst), WATCHERS);
    eprintln!(
        "load: list-task p50/p99 {:?}/{:?} alone, {:?}/{:?} with {WATCHERS} watchers",
        percentile(&idle, 50),
        percentile(&idle, 99),
        percentile(&watched, 50),
        percentile(&watched, 99)
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_limit_is_429_with_retry_after() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let engine = Arc::new(ScriptedEngine { gate: Some(tokio::sync::Semaphore::new(0)), ..ScriptedEngine::default() });
    let change = |settings: &mut fastbuild::settings::Settings| settings.limits.unfinished_tasks = 3;
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let request = || plain(&lab::base("scripted:1"), &lab::unique_name("full"), "").distinct().build();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(service.submit(&request()).await);
    }
    let url = format!("{}/api/fast-build/task/build-image", service.url);
    let response = service.client.post(url).json(&request()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 429);
    assert_eq!(response.headers()["retry-after"], "30");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["code"], -1);
    assert!(answer["msg"].as_str().unwrap().starts_with("已有 3 个任务在排队或运行"), "{answer}");
    assert!(answer["data"]["queue_position"].as_i64().is_some_and(|position| position <= 3), "{answer}");
    engine.gate.as_ref().unwrap().add_permits(3);
    for id in ids {
        service.end_of(id, Duration::from_secs(30)).await;
    }
    service.submit(&request()).await;
    engine.gate.as_ref().unwrap().add_permits(1);
    service.stop().await;
}

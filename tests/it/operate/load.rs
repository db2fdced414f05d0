//! Many tasks, watchers and readers on a scripted engine, and an order that is fair between users.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastbuild::settings::Settings;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::exposition::Exposition;
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, RequestShape, TestService, wait_for};

const LIMIT: Duration = Duration::from_mins(5);
/// Rows of a page.
const PAGE: usize = 20;

fn request(user: &str, callback_url: &str) -> Value {
    let shape =
        RequestShape::platform(&lab::base("scripted:1"), &lab::unique_name(&format!("load-{user}")), callback_url);
    shape.distinct().edit(|document| document["dockerfile_json"]["maintainer"] = json!(user)).build()
}

async fn service_over(engine: &Arc<ScriptedEngine>, change: impl FnOnce(&mut Settings)) -> TestService {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    service
}

async fn read(service: &TestService) -> Duration {
    let start = Instant::now();
    let (status, answer) = service.get(&format!("/task/list-task?page=1&page_size={PAGE}")).await;
    assert_eq!((status, &answer["code"]), (200, &json!(0)));
    start.elapsed()
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort();
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}

/// Users of ended tasks in the order in which the tasks were taken.
async fn users_in_order(service: &TestService) -> Vec<String> {
    let (_, all) = service.get("/task/all-tasks").await;
    let mut rows: Vec<(String, String)> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let name = row["target_image_name"].as_str().unwrap();
            let user = name.split("/load-").nth(1).unwrap().split(':').next().unwrap();
            (row["start_time"].as_str().unwrap().to_owned(), user.to_owned())
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, user)| user).collect()
}

/// Reads one after the other, as a console polls, until it is over.
fn reading(service: &Arc<TestService>, is_over: &CancellationToken) -> JoinHandle<Vec<Duration>> {
    let (service, is_over) = (service.clone(), is_over.clone());
    tokio::spawn(async move {
        let mut times = Vec::new();
        while !is_over.is_cancelled() {
            times.push(read(&service).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        times
    })
}

/// Follows a task's events to their end, which must tell of its push; `met` counts those who have seen the first ones.
fn watching(service: &TestService, id: i64, met: &Arc<AtomicUsize>) -> JoinHandle<()> {
    let asked = service.client.get(format!("{}/api/fast-build/task/events?task_id={id}", service.url));
    let met = met.clone();
    tokio::spawn(async move {
        let mut stream = asked.send().await.unwrap().bytes_stream();
        let mut text = Vec::new();
        while let Some(Ok(piece)) = stream.next().await {
            if text.is_empty() {
                met.fetch_add(1, Ordering::SeqCst);
            }
            text.extend_from_slice(&piece);
        }
        assert!(String::from_utf8(text).unwrap().contains("PUSH_SUCCESS"));
    })
}

async fn end(watching: Vec<JoinHandle<()>>) {
    for watcher in watching {
        tokio::time::timeout(LIMIT, watcher).await.expect("the stream must end").unwrap();
    }
}

/// How long reads take while nothing happens: of the same list, full, with as many watchers there, all of one task that
/// is held.
async fn idle_reads(service: &Arc<TestService>, gate: &Semaphore, watchers: usize, span: Duration) -> Vec<Duration> {
    gate.add_permits(PAGE);
    for _ in 0..PAGE {
        let id = service.submit(&request("early", "")).await;
        assert_eq!(service.end_of(id, LIMIT).await["state"], "PUSH_SUCCESS");
    }
    let held = service.submit(&request("held", "")).await;
    let met = Arc::new(AtomicUsize::new(0));
    let watching: Vec<_> = (0..watchers).map(|_| watching(service, held, &met)).collect();
    wait_for("every watcher", LIMIT, || async { (met.load(Ordering::SeqCst) == watchers).then_some(()) }).await;
    let is_over = CancellationToken::new();
    let reading = reading(service, &is_over);
    tokio::time::sleep(span).await;
    is_over.cancel();
    let times = reading.await.unwrap();
    gate.add_permits(1);
    end(watching).await;
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_in_a_minute_lose_nothing_and_reads_stay_quick() {
    let is_torture = std::env::var_os("FASTBUILD_TORTURE").is_some();
    let (tasks, watchers, spread) =
        if is_torture { (1_000, 500, Duration::from_secs(60)) } else { (200, 100, Duration::from_secs(12)) };
    let engine = Arc::new(ScriptedEngine { gate: Some(Semaphore::new(0)), ..ScriptedEngine::default() });
    let gate = engine.gate.as_ref().unwrap();
    let service = Arc::new(service_over(&engine, |_| {}).await);
    let receiver = Receiver::start().await;
    let memory_before = Exposition::of(&service).await.value("process_resident_memory_bytes", &[]);
    let mut idle = idle_reads(&service, gate, watchers, spread / 4).await;
    gate.add_permits(tasks);
    let (is_over, met) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let reading = reading(&service, &is_over);
    let (start, mut ids, mut watched) = (Instant::now(), Vec::new(), Vec::new());
    for number in 0..tasks {
        let user = ["a", "b", "c", "d"][number % 4];
        let id = service.submit(&request(user, &receiver.url)).await;
        ids.push(id);
        if watched.len() < watchers {
            watched.push(watching(&service, id, &met));
        }
        let due = spread * u32::try_from(number + 1).unwrap() / u32::try_from(tasks).unwrap();
        tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
    }
    let submitted = start.elapsed();
    wait_for("every callback", LIMIT, || async {
        ids.iter().all(|id| !receiver.of_task(*id).is_empty()).then_some(())
    })
    .await;
    end(watched).await;
    is_over.cancel();
    let mut busy = reading.await.unwrap();
    let (_, all) = service.get("/task/all-tasks").await;
    let rows = all["data"].as_array().unwrap();
    assert_eq!(rows.len(), PAGE + 1 + tasks);
    assert!(rows.iter().all(|row| row["state"] == "PUSH_SUCCESS" && row["attempts"] == 1));
    assert!(ids.iter().all(|id| receiver.of_task(*id).len() == 1), "a callback came twice");
    let figures = Exposition::of(&service).await;
    let pushed = figures.count("fastbuild_tasks_ended_total", &[("result", "success")]);
    assert_eq!(pushed, i64::try_from(rows.len()).unwrap());
    let memory = figures.value("process_resident_memory_bytes", &[]) - memory_before;
    let (idle, busy) = (p99(&mut idle), p99(&mut busy));
    eprintln!(
        "load: {tasks} tasks in {submitted:?}, {watchers} watchers; list-task p99 idle {idle:?}, busy {busy:?}; \
         memory grew by {:.0} MiB",
        memory / f64::from(1 << 20)
    );
    // The small run is over in seconds and lies beside hundreds of tests that come and go between its two halves, so that
    // it compares their work. In the long one both halves see the same, which is why no floor is needed.
    if is_torture {
        assert!(busy <= idle * 5, "p99 of reads: idle {idle:?}, busy {busy:?}");
        assert!(memory < 400.0 * f64::from(1 << 20), "memory grew by {memory} bytes");
    }
    Arc::into_inner(service).expect("nobody reads any more").stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_take_turns_however_much_one_of_them_submits() {
    let engine = Arc::new(ScriptedEngine { gate: Some(Semaphore::new(0)), ..ScriptedEngine::default() });
    let service = service_over(&engine, |settings| settings.build.max_concurrent = 1).await;
    let mut ids = HashMap::new();
    // The greedy one comes first and takes the slot; the others come late.
    let mut last = Value::Null;
    for (user, count) in [("greedy", 20), ("second", 5), ("third", 2)] {
        for _ in 0..count {
            let (_, answer) = service.post("/task/build-image", &request(user, "")).await;
            ids.insert(answer["data"]["task_id"].as_i64().unwrap(), user);
            last = answer["data"]["queue_position"].clone();
        }
    }
    // Before the third user's second task: one or two of each other user's, and the first of its own.
    assert_eq!(last, 4, "the order goes round");
    let (_, queued) = service.get("/task/queued-tasks").await;
    let queued: Vec<(i64, i64)> = queued["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["queue_position"].as_i64().unwrap(), row["task_id"].as_i64().unwrap()))
        .collect();
    assert_eq!(queued.iter().map(|(position, _)| *position).collect::<Vec<_>>(), (0..26).collect::<Vec<_>>());
    let promised: Vec<&str> = queued.iter().map(|(_, id)| ids[id]).collect();
    engine.gate.as_ref().unwrap().add_permits(ids.len());
    for id in ids.keys() {
        assert_eq!(service.end_of(*id, LIMIT).await["state"], "PUSH_SUCCESS");
    }
    let order = users_in_order(&service).await;
    assert_eq!(order[0], "greedy");
    assert_eq!(order[1..].to_vec(), promised, "taken as it was promised");
    assert_eq!(order[1..8].iter().filter(|user| *user == "greedy").count(), 2, "{order:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_users_limit_is_429_with_its_position_and_leaves_room_for_others() {
    let engine = Arc::new(ScriptedEngine { gate: Some(Semaphore::new(0)), ..ScriptedEngine::default() });
    let service = service_over(&engine, |settings| settings.limits.unfinished_tasks_per_user = 7).await;
    for _ in 0..7 {
        service.submit(&request("greedy", "")).await;
    }
    wait_for("five running", LIMIT, || async {
        let (_, running) = service.get("/task/running-tasks").await;
        (running["data"].as_array().unwrap().len() == 5).then_some(())
    })
    .await;
    let url = format!("{}/api/fast-build/task/build-image", service.url);
    let refused =
        service.client.post(url).header("Accept-Language", "en").json(&request("greedy", "")).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 429);
    assert_eq!(refused.headers()["retry-after"], "30");
    let answer: Value = refused.json().await.unwrap();
    assert_eq!((&answer["code"], &answer["data"]), (&json!(-1), &json!({"queue_position": 2})), "{answer}");
    assert!(answer["msg"].as_str().unwrap().starts_with("7 tasks of the user 'greedy'"), "{answer}");
    service.submit(&request("modest", "")).await;
    let figures = Exposition::of(&service).await;
    assert_eq!(figures.count("fastbuild_submissions_refused_total", &[("reason", "user_limit")]), 1);
    engine.gate.as_ref().unwrap().add_permits(20);
    wait_for("the end of all", LIMIT, || async {
        let now = Exposition::of(&service).await;
        (now.count("fastbuild_tasks_ended_total", &[("result", "success")]) == 8).then_some(())
    })
    .await;
    service.submit(&request("greedy", "")).await;
    service.stop().await;
}

//! How cost grows: tasks in the list, tasks that wait, watchers, builds at a time. No bars; docs/PERFORMANCE.md explains
//! the shape of each curve.

use std::time::Instant;

use super::tasks::{drained, scripted, submit_many};
use crate::child::Script;
use crate::dockers::Bench;
use crate::laid;
use crate::measure::{Bar, Measured, Row, Samples, percentile};
use crate::outcome::Outcome;
use crate::request::RequestShape;
use crate::service::Service;
use crate::watching::Watchers;

/// The list over the number of tasks.
pub const LIST: Row =
    Row { name: "scale-list", what: "list-task page 1, one client, at so many tasks", unit: "s", bar: Bar::None };

/// The queue over the number of waiting tasks.
pub const QUEUE: [Row; 2] = [
    Row { name: "scale-submit", what: "a submission when so many tasks wait", unit: "s", bar: Bar::None },
    Row { name: "scale-drain", what: "a task of a queue of so many, once they run", unit: "s", bar: Bar::None },
];

/// Events over the number of watchers.
pub const EVENTS: [Row; 2] = [
    Row { name: "scale-events", what: "p99 of a line's latency with so many watchers", unit: "s", bar: Bar::None },
    Row { name: "scale-event-cost", what: "processor time per line and watcher", unit: "us", bar: Bar::None },
];

/// Builds over the number at a time.
pub const BUILDS: Row =
    Row { name: "scale-builds", what: "a cached build, so many at a time", unit: "s each", bar: Bar::None };

const LISTED: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const WAITING: [u64; 3] = [10, 100, 1_000];
const WATCHING: [u64; 3] = [1, 100, 1_000];
const BUILDING: [u64; 3] = [1, 5, 20];

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn each(total: f64, count: u64) -> f64 {
    total / count as f64
}

/// Page 1, a late page, a search, and a state.
pub async fn list(bench: &Bench) -> Outcome<Vec<Measured>> {
    let directory = bench.fresh("scale-list")?;
    let (mut measured, mut laid) = (Vec::new(), 0);
    for total in LISTED {
        let service = laid::service(bench, &directory, laid, total).await?;
        laid = total;
        let mut others = Vec::new();
        let mut first = Samples::default();
        for (name, query) in [
            ("page 1", "page=1".to_owned()),
            ("last page", format!("page={}", total / 20)),
            ("search", "page=1&image_name=team-7/".to_owned()),
            ("state", "page=1&task_status=BUILD_FAILED".to_owned()),
        ] {
            let mut times = Samples::default();
            for number in 0..bench.repetitions * 4 {
                let start = Instant::now();
                // Another size each time, or the answer would be a kept one: 10 to 19.
                service.get(&format!("/task/list-task?{query}&page_size=1{}", number % 10)).await?;
                times.push_time(start.elapsed());
            }
            if name == "page 1" {
                first = times;
            } else {
                others.push(format!("{name} {:.4} s", times.median().unwrap_or_default()));
            }
        }
        service.stop().await?;
        measured.push(Measured::new(&LIST, first, Samples::default()).size(total).note(others.join(", ")));
    }
    Ok(measured)
}

/// Submissions behind a closed gate, then the gate is opened.
pub async fn queue(bench: &Bench) -> Outcome<Vec<Measured>> {
    let mut measured = [Vec::new(), Vec::new()];
    for waiting in WAITING {
        let count = usize::try_from(waiting)?;
        let script = Script { has_gate: true, slots: 5, ..Script::default() };
        let mut service = scripted(bench, "scale-queue", script).await?;
        submit_many(&service, count).await?;
        let mut submitting = Samples::default();
        for _ in 0..10 {
            let start = Instant::now();
            submit_many(&service, 1).await?;
            submitting.push_time(start.elapsed());
        }
        let start = Instant::now();
        service.tell("1000000")?;
        drained(&service, count + 10).await?;
        let draining = Samples::one(each(start.elapsed().as_secs_f64(), waiting + 10));
        service.stop().await?;
        measured[0].push(Measured::new(&QUEUE[0], submitting, Samples::default()).size(waiting));
        measured[1].push(Measured::new(&QUEUE[1], draining, Samples::default()).size(waiting));
    }
    Ok(measured.concat())
}

/// Watchers of one busy build.
pub async fn events(bench: &Bench) -> Outcome<Vec<Measured>> {
    let mut measured = [Vec::new(), Vec::new()];
    for watching in WATCHING {
        let script = Script { has_gate: true, tick_milliseconds: 50, slots: 1 };
        let mut service = scripted(bench, "scale-events", script).await?;
        let task_id = submit_many(&service, 1).await?[0];
        let watchers = Watchers::open(service.port, task_id, usize::try_from(watching)?);
        watchers.all_open().await;
        let before = service.processor_seconds()?;
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let used = service.processor_seconds()? - before;
        service.tell("1")?;
        let mut delays = watchers.delays().await?;
        service.stop().await?;
        let seen = u64::try_from(delays.len())?.max(1);
        let p99 = Samples::one(percentile(&mut delays, 99).as_secs_f64());
        measured[0].push(Measured::new(&EVENTS[0], p99, Samples::default()).size(watching));
        let cost = Samples::one(each(used * 1e6, seen));
        measured[1].push(Measured::new(&EVENTS[1], cost, Samples::default()).size(watching));
    }
    Ok(measured.concat())
}

/// Builds of distinct requests at once: all steps but the password's come from the cache.
pub async fn builds(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let settings = [("FASTBUILD__BUILD__MAX_CONCURRENT", "20")];
    let service = Service::configured(bench, &bench.fresh("scale-builds")?, &settings).await?;
    let distinct = |number: u64| -> Outcome<serde_json::Value> {
        let password = format!("{number}-{}", hex::encode(rand::random::<[u8; 4]>()));
        Ok(RequestShape::console(&base, &bench.target()?, "").ssh(&password).build())
    };
    service.build(&distinct(0)?).await?;
    let mut measured = Vec::new();
    for at_once in BUILDING {
        let requests: Vec<_> = (0..at_once).map(distinct).collect::<Outcome<_>>()?;
        let start = Instant::now();
        for built in futures_util::future::join_all(requests.iter().map(|request| service.build(request))).await {
            built?;
        }
        let elapsed = start.elapsed().as_secs_f64();
        let figure = Samples::one(each(elapsed, at_once));
        let note = format!("{elapsed:.2} s in all");
        measured.push(Measured::new(&BUILDS, figure, Samples::default()).size(at_once).note(note));
    }
    service.stop().await?;
    Ok(measured)
}

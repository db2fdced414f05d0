//! Start, memory, and how late a line of a log is.

use std::time::Duration;

use crate::child::Script;
use crate::dockers::Bench;
use crate::measure::{Bar, Measured, Row, Samples, percentile};
use crate::outcome::{Outcome, fault};
use crate::request::RequestShape;
use crate::service::Service;
use crate::watching::Watchers;

use super::assets::{TICKS, lay_installer};
use super::tasks::{scripted, submit_many};

/// From nothing to the first answer.
pub const START: [Row; 2] = [
    Row {
        name: "start",
        what: "start to first answer over the old service's 0.79 s (recorded)",
        unit: "s",
        bar: Bar::RatioAtMost(0.07),
    },
    Row {
        name: "idle-memory",
        what: "idle memory over the old service's 73 MiB (recorded)",
        unit: "MiB",
        bar: Bar::RatioAtMost(0.33),
    },
];

/// Watchers of a busy build.
pub const WATCHERS: Row = Row {
    name: "watchers-memory",
    what: "memory with 1,000 event-stream watchers on one busy build",
    unit: "MiB",
    bar: Bar::AtMost(95.4),
};

/// A line of a log.
pub const LATENCY: Row = Row {
    name: "log-latency",
    what: "latency of a log line, from a step of a real build to the event stream, p99",
    unit: "s",
    bar: Bar::AtMost(0.1),
};

/// A large context.
pub const CONTEXT: Row = Row {
    name: "context-memory",
    what: "growth of memory while a 1 GB context is sent",
    unit: "MiB",
    bar: Bar::AtMost(19.1),
};

const OLD_START_SECONDS: f64 = 0.79;
const OLD_IDLE_MIB: f64 = 73.0;
const IDLE: Duration = Duration::from_secs(3);
/// Lines a second of a busy build.
const TICK_MILLISECONDS: u64 = 20;

/// Starts over a database that is there; the first start makes it.
pub async fn start(bench: &Bench) -> Outcome<Vec<Measured>> {
    let directory = bench.fresh("start")?;
    let first = Service::configured(bench, &directory, &[]).await?;
    let first_start = first.ready_after.as_secs_f64();
    first.stop().await?;
    let (mut times, mut memory) = (Samples::default(), Samples::default());
    for _ in 0..bench.repetitions {
        let service = Service::start(&directory, &[]).await?;
        times.push_time(service.ready_after);
        tokio::time::sleep(IDLE).await;
        memory.push(service.memory_mib()?);
        service.stop().await?;
    }
    let start = Measured::new(&START[0], times, Samples::one(OLD_START_SECONDS));
    let memory = Measured::new(&START[1], memory, Samples::one(OLD_IDLE_MIB));
    Ok(vec![start.note(format!("the very first start took {first_start:.3} s")), memory])
}

/// One busy build and what its watchers cost.
pub async fn watchers(bench: &Bench) -> Outcome<Vec<Measured>> {
    let script = Script { has_gate: true, tick_milliseconds: TICK_MILLISECONDS, slots: 1 };
    let mut service = scripted(bench, "watchers", script).await?;
    let task_id = submit_many(&service, 1).await?[0];
    let one = Watchers::open(service.port, task_id, 1);
    one.all_open().await;
    tokio::time::sleep(if bench.is_short { IDLE } else { 4 * IDLE }).await;
    let (alone_mib, many) = (service.memory_mib()?, Watchers::open(service.port, task_id, 1_000));
    many.all_open().await;
    tokio::time::sleep(2 * IDLE).await;
    let peak_mib = service.peak_mib()?;
    service.tell("1")?;
    let mut of_one = one.delays().await?;
    let mut of_many = many.delays().await?;
    service.stop().await?;
    let [p99, p99_of_many] = [&mut of_one, &mut of_many].map(|delays| percentile(delays, 99).as_secs_f64());
    let memory = Measured::new(&WATCHERS, Samples::one(peak_mib), Samples::default());
    Ok(vec![memory.note(format!(
        "{alone_mib:.1} MiB with one watcher; p99 of a line {p99:.3} s alone, {p99_of_many:.3} s with all"
    ))])
}

/// A step of a real build prints the time, and a watcher sees it.
pub async fn latency(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let mut p99 = Samples::default();
    let mut lines = 0;
    for number in 0..bench.few() {
        let directory = bench.fresh("latency")?;
        // Another text each time, or the step would come from the cache.
        let installer = lay_installer(&directory, 0, &format!("{TICKS}# {number} {}\n", directory.display()))?;
        let service = Service::configured(bench, &directory, &[]).await?;
        let request = RequestShape::console(&base, &bench.target()?, "").conda(&["first"], installer).build();
        let task_id = service.submit(&request).await?;
        let mut delays = Watchers::open(service.port, task_id, 1).delays().await?;
        service.end_of(task_id).await?;
        service.stop().await?;
        if delays.is_empty() {
            return fault("no line was seen");
        }
        lines = delays.len();
        p99.push_time(percentile(&mut delays, 99));
    }
    Ok(vec![Measured::new(&LATENCY, p99, Samples::default()).note(format!("{lines} lines a build"))])
}

/// The most memory while an installer of a gigabyte travels; what the build makes of it does not matter.
pub async fn context(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let directory = bench.fresh("context")?;
    let installer = lay_installer(&directory, 1_024, "")?;
    let service = Service::configured(bench, &directory, &[]).await?;
    let path = format!("/task/check-image?image_name={base}");
    service.post(&path, &serde_json::json!({})).await?;
    tokio::time::sleep(IDLE).await;
    let before_mib = service.memory_mib()?;
    service.reset_peak()?;
    let request = RequestShape::console(&base, &bench.target()?, "").conda(&["first"], installer).build();
    let task_id = service.submit(&request).await?;
    service.end_of(task_id).await?;
    let growth = service.peak_mib()? - before_mib;
    service.stop().await?;
    Ok(vec![
        Measured::new(&CONTEXT, Samples::one(growth), Samples::default()).note(format!("from {before_mib:.1} MiB")),
    ])
}

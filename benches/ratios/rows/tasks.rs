//! A thousand tasks through all stages, with an engine that takes no time: what remains is our own work.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::builds::request;
use crate::child::{self, Script};
use crate::dockers::Bench;
use crate::measure::{Bar, Measured, Row, Samples};
use crate::outcome::{Outcome, fault};
use crate::service::Service;

/// Tasks a second.
pub const THOUSAND: Row = Row {
    name: "thousand-tasks",
    what: "1,000 tasks through all stages with an engine that takes no time",
    unit: "tasks/s",
    bar: Bar::AtLeast(100.0),
};

const TASKS: usize = 1_000;
const FEW_TASKS: usize = 200;
const AT_ONCE: usize = 20;

/// Submits this many distinct requests.
pub async fn submit_many(bench: &Bench, service: &Service, count: usize) -> Outcome<Vec<i64>> {
    let base = bench.base("scripted:1")?;
    let mut ids = Vec::with_capacity(count);
    for chunk in (0..count).collect::<Vec<_>>().chunks(AT_ONCE) {
        let requests: Outcome<Vec<Value>> = chunk
            .iter()
            .map(|number| {
                let package = format!("package-{number}");
                Ok(request(&base, &bench.target()?, &[package.as_str()], &[]))
            })
            .collect();
        for id in join_all(requests?.iter().map(|request| service.submit(request))).await {
            ids.push(id?);
        }
    }
    Ok(ids)
}

/// Waits until no task waits or runs.
pub async fn drained(service: &Service) -> Outcome<()> {
    for _ in 0..30_000 {
        let waiting = service.get("/task/queued-tasks").await?;
        let running = service.get("/task/running-tasks").await?;
        if [&waiting, &running].iter().all(|list| list.as_array().is_some_and(Vec::is_empty)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fault("tasks were left after ten minutes")
}

/// From the first submission to the last end.
pub async fn thousand(bench: &Bench) -> Outcome<Vec<Measured>> {
    let mut ours = Samples::default();
    let tasks = if bench.is_short { FEW_TASKS } else { TASKS };
    for _ in 0..if bench.is_short { 1 } else { bench.few() } {
        let directory = bench.fresh("tasks")?;
        let service = child::scripted(&directory, Script { slots: 5, ..Script::default() }).await?;
        service.configure(bench, &bench.docker.host, 2375).await?;
        let start = Instant::now();
        submit_many(bench, &service, tasks).await?;
        drained(&service).await?;
        let rate = f64::from(u32::try_from(tasks)?) / start.elapsed().as_secs_f64();
        let succeeded = service.get("/task/list-task?page=1&page_size=1&task_status=PUSH_SUCCESS").await?;
        if succeeded["page"]["total"] != tasks {
            return fault(format!("of {tasks} tasks {} succeeded", succeeded["page"]["total"]));
        }
        ours.push(rate);
        service.stop().await?;
    }
    Ok(vec![Measured::new(&THOUSAND, ours, Samples::default()).note(format!("{tasks} tasks"))])
}

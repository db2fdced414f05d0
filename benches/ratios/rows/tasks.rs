//! A thousand tasks through all stages, with an engine that takes no time: what remains is our own work. Their names are
//! in a registry that is not our Harbor, so that only the engine is asked, and their base has been inspected before.

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

const BASE: &str = "registry.invalid/base/scripted:1";

/// A configured service over a scripted engine that knows the tasks' base.
pub async fn scripted(bench: &Bench, name: &str, script: Script) -> Outcome<Service> {
    let service = child::scripted(&bench.fresh(name)?, script).await?;
    service.configure(bench, &bench.docker.host, 2375).await?;
    service.post(&format!("/task/check-image?image_name={BASE}"), &Value::Null).await?;
    Ok(service)
}

/// Submits this many distinct requests.
pub async fn submit_many(service: &Service, count: usize) -> Outcome<Vec<i64>> {
    let base = BASE.parse()?;
    let target = || format!("registry.invalid/team/image:{}", hex::encode(rand::random::<[u8; 6]>())).parse();
    let mut ids = Vec::with_capacity(count);
    for chunk in (0..count).collect::<Vec<_>>().chunks(AT_ONCE) {
        let requests: Outcome<Vec<Value>> = chunk
            .iter()
            .map(|number| {
                let package = format!("package-{number}");
                Ok(request(&base, &target()?, &[package.as_str()], &[]))
            })
            .collect();
        for id in join_all(requests?.iter().map(|request| service.submit(request))).await {
            ids.push(id?);
        }
    }
    Ok(ids)
}

/// Waits until this many tasks have succeeded. The count is asked for, not the tasks: a list of them all would be more
/// work than they are.
pub async fn drained(service: &Service, count: usize) -> Outcome<()> {
    for _ in 0..30_000 {
        let succeeded = service.get("/task/list-task?page=1&page_size=1&task_status=PUSH_SUCCESS").await?;
        if succeeded["page"]["total"] == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fault(format!("not all of {count} tasks had succeeded after ten minutes"))
}

/// From the first submission to the last end.
pub async fn thousand(bench: &Bench) -> Outcome<Vec<Measured>> {
    let mut ours = Samples::default();
    let tasks = if bench.is_short { FEW_TASKS } else { TASKS };
    for _ in 0..if bench.is_short { 1 } else { bench.few() } {
        let service = scripted(bench, "tasks", Script { slots: 5, ..Script::default() }).await?;
        let start = Instant::now();
        submit_many(&service, tasks).await?;
        drained(&service, tasks).await?;
        ours.push(f64::from(u32::try_from(tasks)?) / start.elapsed().as_secs_f64());
        service.stop().await?;
    }
    Ok(vec![Measured::new(&THOUSAND, ours, Samples::default()).note(format!("{tasks} tasks"))])
}

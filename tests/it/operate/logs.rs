//! Lines of the log: those of a task carry its number, as text and as JSON.

use std::time::Duration;

use serde_json::Value;

use crate::lab;
use crate::support::process::{ServeProcess, free_port, log_file};
use crate::support::{Configuration, Receiver, RequestShape, forget};

const LIMIT: Duration = Duration::from_mins(4);

/// Builds one image and fails to build another; the log, and the tasks' numbers.
async fn log_of_two_tasks(format: &str) -> (String, [i64; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let variables = [("FASTBUILD__LOG__FORMAT", format), ("FASTBUILD__LOG__FILTER", "fastbuild=debug,info")];
    let process = ServeProcess::start(directory.path(), free_port(), &variables).await;
    process.configure(Configuration::default()).await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("logs");
    let good = RequestShape::platform(&lab::base("debian:12"), &target, &receiver.url).build();
    let bad = RequestShape::platform(&lab::base("nothing:1"), &lab::unique_name("logs"), &receiver.url).build();
    let ids = [process.submit(&good).await, process.submit(&bad).await];
    for id in ids {
        process.end_of(id, LIMIT).await;
        receiver.wait(id).await;
    }
    let (status, _) = process.terminate().await;
    assert!(status.success());
    forget(&target).await;
    (std::fs::read_to_string(log_file(directory.path())).unwrap(), ids)
}

/// The task's number in a line's own fields or in its spans.
fn task_of(line: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let own = line["fields"].get("task.id");
    let spans = line["spans"].as_array().into_iter().flatten().filter_map(|span| span.get("task.id"));
    own.into_iter().chain(spans).map(text).next()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_task_carry_its_number_as_json() {
    let (log, ids) = log_of_two_tasks("json").await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    for id in ids.map(|id| id.to_string()) {
        let about = lines.iter().filter(|line| line["fields"]["message"].as_str().unwrap_or_default().contains(&id));
        let about: Vec<&Value> =
            about.filter(|line| !line["fields"]["message"].to_string().contains("task_id=")).collect();
        // Accepted, started, ended, callback delivered.
        assert!(about.len() >= 4, "{about:#?}");
        for line in about {
            assert_eq!(task_of(line).as_deref(), Some(id.as_str()), "{line:#}");
        }
    }
    let in_a_stage = lines.iter().filter(|line| line["spans"].to_string().contains("\"stage\""));
    for line in in_a_stage {
        assert!(task_of(line).is_some(), "{line:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_task_carry_its_number_as_text() {
    let (log, ids) = log_of_two_tasks("text").await;
    for id in ids {
        let about: Vec<&str> = log.lines().filter(|line| line.contains(&format!("task {id} "))).collect();
        assert!(about.len() >= 4, "{log}");
        for line in about {
            assert!(line.contains(&format!("task.id={id}")), "{line}");
        }
    }
}

//! Thirty requests at once: none hangs, none is told twice, nothing stays open.

use std::time::{Duration, Instant};

use super::hand::{LIMIT, debian, forget, no_container_left, plain};
use crate::lab;
use crate::support::process::ServeProcess;
use crate::support::{Configuration, Receiver, wait_for};

const REQUESTS: usize = 30;
/// Idle connections to the daemon, to receivers and to us, and the database's own files.
const IDLE_SOCKETS: usize = 16;

fn sockets_of(process: u32) -> usize {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    entries
        .flatten()
        .filter(|entry| {
            std::fs::read_link(entry.path()).is_ok_and(|goal| goal.to_string_lossy().starts_with("socket:"))
        })
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_requests_at_once_are_all_pushed_and_told_once_and_leave_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let port = crate::support::process::free_port();
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    process.configure(Configuration::default()).await;
    let before = sockets_of(process.id());
    let receiver = Receiver::start().await;
    let base = debian().await;
    let targets: Vec<_> = (0..REQUESTS).map(|_| lab::unique_name("many")).collect();
    let start = Instant::now();
    let submissions = targets.iter().enumerate().map(|(number, target)| {
        let mut request = plain(&base, target, &receiver.url).os_packages("apt", &["tree"]);
        if number % 3 == 0 {
            request = request.ssh(&format!("password {number}"));
        }
        let (request, process) = (request.build(), &process);
        async move { process.submit(&request).await }
    });
    let ids = futures_util::future::join_all(submissions).await;
    for id in &ids {
        let task = process.end_of(*id, LIMIT).await;
        assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    }
    eprintln!("many: {REQUESTS} requests through in {:?}", start.elapsed());
    for id in &ids {
        receiver.wait(*id).await;
    }
    wait_for("closed sockets", Duration::from_secs(120), || async {
        (sockets_of(process.id()) <= before + IDLE_SOCKETS).then_some(())
    })
    .await;
    assert!(ids.iter().all(|id| receiver.of_task(*id).len() == 1), "a callback came twice");
    no_container_left().await;
    let (status, _) = process.terminate().await;
    assert!(status.success());
    for target in &targets {
        forget(target).await;
    }
}

//! Builds one after the other on the real daemon: what they leave stays within bounds.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::lab;
use crate::support::process::{ServeProcess, free_port};
use crate::support::{Configuration, RequestShape, docker_text, wait_for};

const LIMIT: Duration = Duration::from_mins(5);
const AT_ONCE: usize = 4;
/// Idle connections to the daemon, to the registry and to us.
const IDLE_SOCKETS: usize = 16;
const BYTES_OF_A_TASK: u64 = 256 << 10;
const MEMORY_GROWTH_KIB: u64 = 96 << 10;

struct Held {
    sockets: usize,
    memory_kib: u64,
}

fn held_by(process: u32) -> Held {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let goals = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let sockets = goals.filter(|goal| goal.to_string_lossy().starts_with("socket:")).count();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    Held { sockets, memory_kib: line.split_whitespace().next().unwrap().parse().unwrap() }
}

fn bytes_in(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    let size = |entry: std::fs::DirEntry| {
        let found = entry.metadata().unwrap();
        if found.is_dir() { bytes_in(&entry.path()) } else { found.len() }
    };
    entries.map(size).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_leave_disk_sockets_memory_and_containers_within_bounds() {
    let builds = if std::env::var_os("FASTBUILD_TORTURE").is_some() { 200 } else { 12 };
    let directory = tempfile::tempdir().unwrap();
    let variables = [
        ("FASTBUILD__RETENTION__EVERY_SECONDS", "2"),
        ("FASTBUILD__RETENTION__LOCAL_IMAGE_HOURS", "0"),
        // The cache is everybody's in the laboratory.
        ("FASTBUILD__RETENTION__BUILD_CACHE_GB", "0"),
    ];
    let process = ServeProcess::start(directory.path(), free_port(), &variables).await;
    process.configure(Configuration::default()).await;
    let base = lab::base("debian:12");
    let repository = format!("soak-{}", hex::encode(rand::random::<[u8; 4]>()));
    let request = |number: usize| {
        let target = format!("{}/test/{repository}:{number}", lab::registry()).parse().unwrap();
        // Every one is built, none is put together from an earlier one.
        RequestShape::platform(&base, &target, "").edit(|document| document["force"] = json!(true)).build()
    };
    // What the first ones open and allocate stays for all.
    for number in 0..AT_ONCE {
        let id = process.submit(&request(number)).await;
        assert_eq!(process.end_of(id, LIMIT).await["state"], "PUSH_SUCCESS");
    }
    let (before, start) = (held_by(process.id()), Instant::now());
    for first in (AT_ONCE..builds).step_by(AT_ONCE) {
        let chunk = (first..builds.min(first + AT_ONCE)).map(|number| {
            let (request, process) = (request(number), &process);
            async move { process.submit(&request).await }
        });
        for id in futures_util::future::join_all(chunk).await {
            let task = process.end_of(id, LIMIT).await;
            assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
        }
    }
    let took = start.elapsed();
    wait_for("every local copy to go", LIMIT, || async {
        let images = docker_text(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).await;
        (!images.contains(&repository)).then_some(())
    })
    .await;
    wait_for("closed sockets", LIMIT, || async {
        (held_by(process.id()).sockets <= before.sockets + IDLE_SOCKETS).then_some(())
    })
    .await;
    let after = held_by(process.id());
    let task_bytes = bytes_in(&directory.path().join("data/task")) / builds as u64;
    eprintln!(
        "soak: {builds} builds in {took:?}; sockets {} -> {}, memory {} -> {} KiB, {task_bytes} bytes a task",
        before.sockets, after.sockets, before.memory_kib, after.memory_kib
    );
    assert!(after.memory_kib < before.memory_kib + MEMORY_GROWTH_KIB, "{} -> {}", before.memory_kib, after.memory_kib);
    assert!(task_bytes < BYTES_OF_A_TASK, "{task_bytes} bytes a task");
    let containers = docker_text(&["ps", "--all", "--format", "{{.Image}}"]).await;
    assert!(!containers.contains(&repository), "{containers}");
    let (status, _) = process.terminate().await;
    assert!(status.success());
}

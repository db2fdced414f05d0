//! Probes: what they may do, and that nothing of them stays.

use std::time::Duration;

use fastbuild::cause::Cause;
use fastbuild::engine::{Engine, ProbeOrder};

use crate::lab::{base, engine, eventually, have};

async fn order(engine: &dyn Engine, script: &str) -> ProbeOrder {
    let base = base("debian:12");
    have(engine, &base).await;
    ProbeOrder {
        image: base.to_string(),
        entrypoint: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        memory_bytes: 64 * 1024 * 1024,
        pids: 32,
        timeout: Duration::from_secs(30),
        labels: std::collections::BTreeMap::new(),
        output_limit_bytes: 100_000,
    }
}

/// Whether a container of ours runs a script with this word.
async fn is_left(word: &str) -> bool {
    let docker = bollard::Docker::connect_with_socket(
        crate::lab::docker_socket().to_str().expect("path"),
        60,
        bollard::API_DEFAULT_VERSION,
    );
    let options = bollard::query_parameters::ListContainersOptionsBuilder::new().all(true).build();
    let containers = docker.expect("daemon").list_containers(Some(options)).await.expect("containers");
    containers.iter().any(|container| container.command.as_deref().is_some_and(|command| command.contains(word)))
}

fn word() -> String {
    hex::encode(rand::random::<[u8; 6]>())
}

#[tokio::test(flavor = "multi_thread")]
async fn output_and_exit_code_come_back_and_the_container_goes() {
    let engine = engine().await;
    let word = word();
    let order = order(&*engine, &format!(": {word}; echo out; echo err >&2; id -u; exit 7")).await;
    let output = engine.probe(&order).await.expect("probe");
    assert_eq!((output.exit_code, output.stdout.as_str(), output.stderr.as_str()), (7, "out\n0\n", "err\n"));
    assert!(!is_left(&word).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_has_no_network_one_capability_and_few_processes() {
    let engine = engine().await;
    let script = "ls /sys/class/net; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; \
                  for i in $(seq 64); do sleep 5 & done 2>&1 | grep -ci fork";
    let output = engine.probe(&order(&*engine, script).await).await.expect("probe");
    let text = output.stdout;
    assert_eq!(text.lines().next(), Some("lo"), "{text}");
    // The second bit is CAP_DAC_OVERRIDE: what others may not read is read all the same.
    assert!(text.contains("CapEff:\t0000000000000002") && text.contains("CapBnd:\t0000000000000002"), "{text}");
    assert!(text.contains("NoNewPrivs:\t1"), "{text}");
    let forks = output.stderr.to_lowercase().contains("fork") || text.lines().last().is_some_and(|count| count != "0");
    assert!(forks, "a fork was refused: {text} {}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greedy_probe_is_killed() {
    let engine = engine().await;
    let output = engine.probe(&order(&*engine, "exec tail /dev/zero").await).await.expect("probe");
    assert_eq!(output.exit_code, 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_output_is_cut() {
    let engine = engine().await;
    let mut order = order(&*engine, "yes | head -c 300000").await;
    order.output_limit_bytes = 1000;
    let output = engine.probe(&order).await.expect("probe");
    assert_eq!(output.stdout.len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_probe_ends_with_its_time() {
    let engine = engine().await;
    let word = word();
    let mut order = order(&*engine, &format!(": {word}; sleep 600")).await;
    order.timeout = Duration::from_secs(2);
    let error = engine.probe(&order).await.expect_err("too slow");
    assert_eq!(error.cause, Cause::Timeout);
    assert!(!is_left(&word).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_probe_leaves_no_container() {
    let engine = engine().await;
    // Cut off at once, during the creation, and while it runs.
    for pause in [0, 5, 20, 1000] {
        let word = word();
        let order = order(&*engine, &format!(": {word}; sleep 600")).await;
        let cut = tokio::time::timeout(Duration::from_millis(pause), engine.probe(&order)).await;
        assert!(cut.is_err(), "cut off after {pause} ms");
        eventually("the container is gone", || async { !is_left(&word).await }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_the_program_and_an_unknown_image_say_so() {
    let engine = engine().await;
    let scratch = base("scratchlike:1");
    have(&*engine, &scratch).await;
    let mut order = order(&*engine, "true").await;
    order.image = scratch.to_string();
    let error = engine.probe(&order).await.expect_err("no shell");
    assert!(error.message.contains("/bin/sh"), "{error}");
    order.image = format!("{}/base/never:1", crate::lab::registry());
    let error = engine.probe(&order).await.expect_err("no image");
    assert_eq!(error.cause, Cause::BaseNotFound, "{error}");
}

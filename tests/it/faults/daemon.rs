//! A daemon of the test's own that is killed, restarted, emptied, and runs out of disk, while it works.

use std::time::Duration;

use fastbuild::image::ImageReference;
use serde_json::json;

use super::hand::{LIMIT, check_failure, plain};
use super::table::{
    DAEMON_DISK_FULL, DAEMON_KILLED_IN_BUILD, DAEMON_KILLED_IN_PULL, DAEMON_KILLED_IN_PUSH, DAEMON_LOST_ITS_DATA,
    DAEMON_RESTARTED_IN_BUILD,
};
use crate::lab;
use crate::support::proxy::{FaultProxy, Mode, Upstream};
use crate::support::registry::FrontRegistry;
use crate::support::sockets::held_by_others;
use crate::support::{Configuration, GatedIndex, OwnDaemon, Receiver, TestService, wait_for};

/// A daemon that is away for this long is back before the third try.
const AWAY: Duration = Duration::from_secs(3);

async fn service_on(daemon: &OwnDaemon, dns: Option<std::net::SocketAddr>) -> TestService {
    let service = TestService::start_with(|settings| {
        "host".clone_into(&mut settings.build.network);
        settings.build.pip_installer = fastbuild::settings::PipInstaller::Pip;
        // The watermark would hold everything back on so small a disk.
        settings.retention.docker_free_gb = 0.0;
    })
    .await;
    let mut configuration = Configuration::default().with("docker_host", &daemon.host());
    if let Some(dns) = dns {
        configuration = configuration.with("harbor_registry_dns", &dns.to_string());
    }
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    service
}

fn on(address: std::net::SocketAddr, name: &ImageReference) -> ImageReference {
    format!("{address}/{}:{}", name.repository(), name.tag_or_latest()).parse().unwrap()
}

async fn lab_registry() -> FaultProxy {
    FaultProxy::start(Upstream::Tcp(lab::registry().to_string().parse().unwrap())).await
}

/// Waits until the daemon has a connection to the registry behind a proxy.
async fn is_held(proxy: &FaultProxy) {
    let port = proxy.address.port();
    wait_for("the daemon at the registry", LIMIT, || async { (held_by_others(port) > 0).then_some(()) }).await;
}

async fn waits_for_log(service: &TestService, task_id: i64, stage: &str, text: &str) {
    service.wait_for_log(task_id, stage, text).await;
}

async fn ends_well(service: &TestService, task_id: i64, row: &super::table::Fault) {
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], row.state, "{task:#}");
    assert_eq!(task["attempts"], 1, "a retry inside a stage is no new attempt");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes with daemons of its own: make torture"]
async fn a_daemon_killed_in_a_pull_or_a_push_does_it_again() {
    let mut daemon = OwnDaemon::start(None).await;
    let proxy = lab_registry().await;
    let service = service_on(&daemon, Some(proxy.address)).await;
    let receiver = Receiver::start().await;
    // The pull hangs in the registry while the daemon dies.
    let base = on(proxy.address, &lab::base("debian:12"));
    let target = lab::unique_name("killed");
    proxy.set(Mode::Hang);
    let task_id = service.submit(&plain(&base, &target, &receiver.url).build()).await;
    waits_for_log(&service, task_id, "pull", "pulling").await;
    is_held(&proxy).await;
    daemon.kill();
    proxy.set(Mode::Cut);
    waits_for_log(&service, task_id, "pull", "DAEMON_LOST").await;
    proxy.set(Mode::Pass);
    tokio::time::sleep(AWAY).await;
    daemon.start_again().await;
    ends_well(&service, task_id, &DAEMON_KILLED_IN_PULL).await;
    receiver.wait(task_id).await;

    // The push goes through a registry that notes every manifest, behind the same proxy.
    let front = FrontRegistry::start().await;
    let hung = FaultProxy::start(Upstream::Tcp(front.address)).await;
    let configuration = Configuration::default()
        .with("docker_host", &daemon.host())
        .with("harbor_registry_dns", &hung.address.to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let target = on(hung.address, &lab::unique_name("killed"));
    let task_id = service.submit(&plain(&base, &target, &receiver.url).ssh("a password").build()).await;
    waits_for_log(&service, task_id, "build", "built sha256:").await;
    hung.set(Mode::Hang);
    waits_for_log(&service, task_id, "push", "pushing").await;
    is_held(&hung).await;
    daemon.kill();
    hung.set(Mode::Cut);
    waits_for_log(&service, task_id, "push", "DAEMON_LOST").await;
    hung.set(Mode::Pass);
    tokio::time::sleep(AWAY).await;
    daemon.start_again().await;
    ends_well(&service, task_id, &DAEMON_KILLED_IN_PUSH).await;
    assert_eq!(front.digests_of(target.repository(), target.tag_or_latest()).len(), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes with daemons of its own: make torture"]
async fn a_daemon_killed_or_restarted_in_a_build_builds_again_and_one_that_lost_everything_starts_anew() {
    let mut daemon = OwnDaemon::start(None).await;
    let service = service_on(&daemon, None).await;
    let receiver = Receiver::start().await;
    for (is_killed, row) in [(true, DAEMON_KILLED_IN_BUILD), (false, DAEMON_RESTARTED_IN_BUILD)] {
        let index = GatedIndex::start().await;
        index.lay_into(&service);
        let target = lab::unique_name("killed");
        let request = plain(&lab::base("localpython:1"), &target, &receiver.url)
            .pip(&["gated"])
            .source("pip", "gated", "pip.conf")
            .build();
        let task_id = service.submit(&request).await;
        index.wait_for_a_build(1).await;
        if is_killed {
            daemon.kill();
        } else {
            daemon.stop().await;
        }
        waits_for_log(&service, task_id, "build", "DAEMON_LOST").await;
        index.open();
        tokio::time::sleep(AWAY).await;
        daemon.start_again().await;
        ends_well(&service, task_id, &row).await;
        receiver.wait(task_id).await;
    }
    daemon.stop().await;
    daemon.wipe();
    daemon.start_again().await;
    let target = lab::unique_name("wiped");
    let request = plain(&lab::base("localpython:1"), &target, &receiver.url).ssh("a password").build();
    let task = service.build(&request, LIMIT).await;
    assert_eq!(task["state"], DAEMON_LOST_ITS_DATA.state);
    let log = service.text(&format!("/task/{}/pull.log", task["work_dir_name"].as_str().unwrap())).await;
    assert!(log.contains("pulled"), "{log}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_disk_is_full_says_so() {
    let daemon = OwnDaemon::start(Some(48 << 20)).await;
    let service = service_on(&daemon, None).await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("full");
    let task_id = service.submit(&plain(&lab::base("debian:12"), &target, &receiver.url).build()).await;
    let task = service.end_of(task_id, LIMIT).await;
    check_failure(&service, &receiver, &task, &DAEMON_DISK_FULL.expected("no space left on device")).await;
    assert_eq!(task["attempts"], json!(1));
    service.stop().await;
}

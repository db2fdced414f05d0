//! Faults between the service, its daemon and the registry, made by proxies.

use std::time::{Duration, Instant};

use fastbuild::image::ImageReference;
use fastbuild::settings::Settings;
use serde_json::json;

use super::hand::{Expected, LIMIT, check_failure, debian, fails, forget, no_container_left, plain};
use super::table::{
    BUILD_SILENT, BUILD_TOO_LONG, DAEMON_AWAY, DAEMON_CUT_IN_BUILD, DAEMON_HANGS, DAEMON_RESETS, DAEMON_SLOW,
    DATABASE_LOCKED, REGISTRY_401_PULL, REGISTRY_401_PUSH, REGISTRY_403_PULL, REGISTRY_403_PUSH, REGISTRY_429_PULL,
    REGISTRY_429_PUSH, REGISTRY_500_PULL, REGISTRY_500_PUSH, REGISTRY_503_PULL, REGISTRY_503_PUSH,
    REGISTRY_AWAY_A_WHILE, REGISTRY_CUTS_UPLOADS, REGISTRY_HANGS, REGISTRY_QUOTA, TASK_TOO_LONG,
};
use crate::lab;
use crate::support::proxy::{FaultProxy, Mode, Upstream};
use crate::support::registry::FrontRegistry;
use crate::support::{Configuration, Receiver, TestService, wait_for};

/// A service whose daemon stands behind a proxy.
async fn behind_proxy(change: impl FnOnce(&mut Settings)) -> (TestService, FaultProxy) {
    let proxy = FaultProxy::of_daemon().await;
    let service = TestService::start_with(change).await;
    let configuration = Configuration::default()
        .with("docker_host", "127.0.0.1")
        .with("docker_port", &proxy.address.port().to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    (service, proxy)
}

/// A request whose build takes as long as the mirror file's server wants: pip asks an index that never answers.
async fn silent_server() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    address
}

/// Lays a pip configuration into the catalogue whose index never answers; builds use the host's network.
async fn lay_silent_mirror(service: &TestService) {
    let address = silent_server().await;
    let directory = service.directory.path().join("data/source/pip/silent");
    std::fs::create_dir_all(&directory).unwrap();
    let text = format!("[global]\nindex-url = http://{address}/simple\ntrusted-host = 127.0.0.1\ntimeout = 600\n");
    std::fs::write(directory.join("pip.conf"), text).unwrap();
}

async fn waits_in_state(service: &TestService, task_id: i64, state: &str) {
    wait_for(&format!("the state {state}"), LIMIT, || async {
        let (_, answer) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
        (answer["data"]["state"] == state).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_cut_off_during_a_build_is_asked_again() {
    let (service, proxy) = behind_proxy(|settings| settings.build.network = "host".to_owned()).await;
    lay_silent_mirror(&service).await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("cut");
    // A build that hangs on its mirror is cut; it is tried again, and cut for good ends as DAEMON_LOST.
    let request = plain(&lab::base("localpython:1"), &target, &receiver.url)
        .pip(&["six"])
        .source("pip", "silent", "pip.conf")
        .build();
    let task_id = service.submit(&request).await;
    waits_in_state(&service, task_id, "BUILDING").await;
    let before = proxy.connections();
    proxy.set(Mode::Cut);
    proxy.set(Mode::Cut);
    wait_for("a second try", LIMIT, || async { (proxy.connections() > before).then_some(()) }).await;
    proxy.set(Mode::Pass);
    service.post(&format!("/task/cancel-task?task_id={task_id}"), &json!(null)).await;
    let task = service.end_of(task_id, Duration::from_secs(20)).await;
    let row = DAEMON_CUT_IN_BUILD;
    assert_eq!((&task["state"], &task["cause"]), (&json!(row.state), &json!(row.cause)), "{task:#}");
    let log = service.text(&format!("/task/{}/build.log", task["work_dir_name"].as_str().unwrap())).await;
    assert!(log.contains("DAEMON_LOST") && log.contains("trying again in 2 s, 4 more"), "{log}");
    assert_eq!(task["attempts"], 1, "a retry inside a stage is no new attempt");
    // And with a mirror that answers, a cut connection costs nothing but time.
    let target = lab::unique_name("cut");
    let request = plain(&debian().await, &target, &receiver.url).os_packages("apt", &["tree"]).build();
    let task_id = service.submit(&request).await;
    wait_for("its stages", LIMIT, || async {
        let (_, answer) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
        (answer["data"]["state"] != "QUEUED").then_some(())
    })
    .await;
    proxy.set(Mode::Cut);
    proxy.set(Mode::Pass);
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], DAEMON_RESETS.state, "{task:#}");
    forget(&target).await;
    no_container_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stays_away_ends_a_task_as_lost() {
    let (service, proxy) = behind_proxy(|settings| settings.build.transient_retries = 1).await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("lost");
    proxy.set(Mode::Cut);
    let request = plain(&debian().await, &target, &receiver.url).build();
    let task = fails(&service, &receiver, &request, &DAEMON_AWAY.expected("")).await;
    assert!(!task["message"].as_str().unwrap().is_empty());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_hangs_is_ended_by_the_stages_limit() {
    let change = |settings: &mut Settings| {
        settings.limits.pull_seconds = 3;
        settings.limits.push_seconds = 3;
    };
    let (service, proxy) = behind_proxy(change).await;
    let receiver = Receiver::start().await;
    let (base, target) = (debian().await, lab::unique_name("hang"));
    let request = plain(&base, &target, &receiver.url).build();
    let task_id = service.submit(&request).await;
    proxy.set(Mode::Hang);
    let task = service.end_of(task_id, LIMIT).await;
    proxy.set(Mode::Pass);
    assert_eq!(task["cause"], DAEMON_HANGS.cause, "{task:#}");
    let stage = task["failed_stage"].as_str().unwrap().to_owned();
    let message = format!("the stage {stage} took longer than its limit of");
    let expected =
        Expected { state: task["state"].as_str().unwrap(), cause: "TIMEOUT", stage: &stage, message: &message };
    check_failure(&service, &receiver, &task, &expected).await;
    // The same during a push: the registry stands behind a proxy that hangs.
    let upstream = lab::registry().to_string().parse().unwrap();
    let registry = FaultProxy::start(Upstream::Tcp(upstream)).await;
    let dns = Configuration::default()
        .with("docker_host", "127.0.0.1")
        .with("docker_port", &proxy.address.port().to_string())
        .with("harbor_registry_dns", &registry.address.to_string());
    assert_eq!(service.configure(dns).await.1["code"], 0);
    let target = format!("{}/test/hang:{}", registry.address, target.tag_or_latest()).parse().unwrap();
    registry.set(Mode::Hang);
    let expected = REGISTRY_HANGS.expected("the stage push took longer than its limit of 3 seconds");
    fails(&service, &receiver, &plain(&base, &target, &receiver.url).build(), &expected).await;
    forget(&target).await;
    no_container_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_daemon_is_only_slow() {
    let (service, proxy) = behind_proxy(|_| {}).await;
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let target = lab::unique_name("slow");
    let task = service.build(&plain(&debian().await, &target, "").build(), LIMIT).await;
    assert_eq!(task["state"], DAEMON_SLOW.state);
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_time_limits_end_a_build() {
    let receiver = Receiver::start().await;
    for (idle_seconds, build_seconds, task_seconds, row, message) in [
        (2, 600, 600, BUILD_SILENT, "nothing moved in the build for 2 s"),
        (600, 4, 600, BUILD_TOO_LONG, "the stage build took longer than its limit of 4 seconds"),
        (600, 600, 10, TASK_TOO_LONG, "the task took longer than limits.task_seconds"),
    ] {
        let service = TestService::configured_with(|settings| {
            settings.build.network = "host".to_owned();
            settings.limits.idle_seconds = idle_seconds;
            settings.limits.build_seconds = build_seconds;
            settings.limits.task_seconds = task_seconds;
        })
        .await;
        lay_silent_mirror(&service).await;
        let target = lab::unique_name("silent");
        let request = plain(&lab::base("localpython:1"), &target, &receiver.url)
            .pip(&["six"])
            .source("pip", "silent", "pip.conf")
            .build();
        fails(&service, &receiver, &request, &row.expected(message)).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_answers_becomes_a_cause() {
    let registry = FrontRegistry::start().await;
    let address = registry.address;
    let service = TestService::start_with(|settings| settings.build.transient_retries = 1).await;
    let configuration = Configuration::default().with("harbor_registry", &address.to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let receiver = Receiver::start().await;
    let base = debian().await;
    for (status, pull_row, push_row) in [
        (401, REGISTRY_401_PULL, REGISTRY_401_PUSH),
        // The daemon's words for a refused pull are those for an image that is not there, and say both.
        (403, REGISTRY_403_PULL, REGISTRY_403_PUSH),
        (429, REGISTRY_429_PULL, REGISTRY_429_PUSH),
        (500, REGISTRY_500_PULL, REGISTRY_500_PUSH),
        (503, REGISTRY_503_PULL, REGISTRY_503_PUSH),
    ] {
        let target = format!("{address}/test/answers:{}", lab::unique_name("x").tag_or_latest()).parse().unwrap();
        registry.answer(status);
        let pull = plain(&format!("{address}/base/absent:{status}").parse().unwrap(), &target, &receiver.url).build();
        fails(&service, &receiver, &pull, &pull_row.expected("")).await;
        let push = plain(&base, &target, &receiver.url).build();
        // A refused account is told before the first byte is built; a registry that is not well is given its time.
        fails(&service, &receiver, &push, &push_row.expected("")).await;
        registry.answer(200);
        forget(&target).await;
    }
    assert!(registry.refusals() >= 10);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_for_a_while_is_waited_for() {
    let upstream = lab::registry().to_string().parse().unwrap();
    let proxy = FaultProxy::start(Upstream::Tcp(upstream)).await;
    let service = TestService::start().await;
    let configuration = Configuration::default().with("harbor_registry_dns", &proxy.address.to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let target = format!("{}/test/away:{}", proxy.address, lab::unique_name("x").tag_or_latest()).parse().unwrap();
    proxy.set(Mode::Cut);
    let start = Instant::now();
    let task_id = service.submit(&plain(&debian().await, &target, "").build()).await;
    wait_for("refused connections of two tries", LIMIT, || async { (proxy.connections() > 3).then_some(()) }).await;
    if std::env::var("FASTBUILD_TORTURE").is_ok_and(|value| value == "1") {
        tokio::time::sleep(Duration::from_secs(60).saturating_sub(start.elapsed())).await;
    }
    proxy.set(Mode::Pass);
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], REGISTRY_AWAY_A_WHILE.state, "{task:#} after {:?}", start.elapsed());
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_cuts_uploads_or_has_no_room_left() {
    let front = FrontRegistry::start().await;
    let proxy = FaultProxy::start(Upstream::Tcp(front.address)).await;
    let service = TestService::start().await;
    let configuration = Configuration::default().with("harbor_registry_dns", &proxy.address.to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let receiver = Receiver::start().await;
    let base = debian().await;
    let new_target = || -> ImageReference {
        format!("{}/test/cut{}:1", proxy.address, lab::unique_name("x").tag_or_latest()).parse().unwrap()
    };
    // A repository of its own has none of the layers, so that all of them are uploaded.
    let target = new_target();
    let task_id = service.submit(&plain(&base, &target, &receiver.url).ssh("a password").build()).await;
    waits_in_state(&service, task_id, "BUILDING").await;
    proxy.set(Mode::CutAfter(1 << 20));
    service.wait_for_log(task_id, "push", "pushing").await;
    let before = proxy.connections();
    wait_for("uploads that were cut", LIMIT, || async { (proxy.connections() > before + 2).then_some(()) }).await;
    proxy.set(Mode::Pass);
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], REGISTRY_CUTS_UPLOADS.state, "{task:#}");
    let digests = front.digests_of(target.repository(), target.tag_or_latest());
    assert!(digests.len() == 1 && digests.contains(task["image_digest"].as_str().unwrap()), "{digests:?} {task:#}");
    forget(&target).await;
    // Harbor's words for a project whose quota is used up.
    front.refuse_manifests(Some(
        "adding 1.1 MiB of storage resource, which when updated to current usage of 9.5 MiB will exceed the configured upper limit of 10.0 MiB.",
    ));
    let target = new_target();
    let request = plain(&base, &target, &receiver.url).build();
    fails(&service, &receiver, &request, &REGISTRY_QUOTA.expected("exceed the configured upper limit")).await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_locks_is_waited_for() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("locked");
    let request = plain(&debian().await, &target, &receiver.url).build();
    let file = service.directory.path().join("data/fastbuild.sqlite3");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let held = Duration::from_secs(4);
    let (task_id, ()) = tokio::join!(service.submit(&request), async {
        tokio::time::sleep(held).await;
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    });
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], DATABASE_LOCKED.state, "{task:#}");
    receiver.wait(task_id).await;
    forget(&target).await;
    service.stop().await;
}

//! Installers travel to the Docker server once, whatever happens to it there, and leave nothing in an image.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastbuild::engine::AskDaemon;
use fastbuild::image::{Digest, ImageReference, installer_pin};
use fastbuild::settings::BuilderChoice;
use serde_json::Value;

use crate::lab;
use crate::support::meddling::Meddling;
use crate::support::proxy::FaultProxy;
use crate::support::{Configuration, Container, RequestShape, TestService, docker, docker_text};

const LIMIT: Duration = Duration::from_secs(300);
const INSTALLER: &str = "Miniconda3-4.12.0-Linux-x86_64.sh";
const SENT: &str = "travelled to the Docker server once";
const MEGABYTE: usize = 1 << 20;

/// As real installers are: a script, and behind its end what it would unpack. No two tests have the same.
fn installer(size_bytes: usize) -> Vec<u8> {
    let mut bytes = br#"#!/bin/sh
set -eu
mkdir -p "$3/bin"
cat >"$3/bin/conda" <<'CONDA'
#!/bin/sh
[ "${1:-}" = create ] || exit 0
mkdir -p "$(dirname "$0")/../envs/default/bin"
echo "${CONDA_SOLVER:-own} $*" >"$(dirname "$0")/../envs/default/created-with"
CONDA
chmod 0755 "$3/bin/conda"
exit 0
"#
    .to_vec();
    let block: Vec<u8> = (0..MEGABYTE / 8).flat_map(|_| rand::random::<[u8; 8]>()).collect();
    while bytes.len() < size_bytes {
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(size_bytes);
    bytes
}

fn lay(service: &TestService, bytes: &[u8]) -> ImageReference {
    std::fs::write(service.directory.path().join("data/tools/conda").join(INSTALLER), bytes).unwrap();
    installer_pin(&Digest::of(bytes))
}

fn request(target: &ImageReference, package: &str) -> Value {
    RequestShape::console(&lab::base("debian:12"), target, "").conda(&[package], INSTALLER).build()
}

async fn log(service: &TestService, task: &Value, stage: &str) -> String {
    service.text(&format!("/task/{}/{stage}.log", task["work_dir_name"].as_str().unwrap())).await
}

async fn forget(names: &[&ImageReference]) {
    for name in names {
        docker(&["rmi", &name.to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_task_sends_kilobytes() {
    let proxy = FaultProxy::of_daemon().await;
    let service = TestService::start().await;
    let port = proxy.address.port().to_string();
    let configuration = Configuration::default().with("docker_host", "127.0.0.1").with("docker_port", &port);
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let bytes = installer(100 * MEGABYTE);
    let pin = lay(&service, &bytes);
    let targets = ["numpy", "scipy", "torch"].map(|_| lab::unique_name("once"));

    let start = proxy.sent_bytes();
    service.build(&request(&targets[0], "numpy"), LIMIT).await;
    let first = proxy.sent_bytes() - start;
    assert!(first > 100 << 20, "the first task sends the installer: {first} bytes");

    let start = proxy.sent_bytes();
    let task = service.build(&request(&targets[1], "scipy"), LIMIT).await;
    let second = proxy.sent_bytes() - start;
    assert!(second < 1_000_000, "the second task sent {second} bytes");
    let dockerfile = log(&service, &task, "prepare").await;
    assert!(dockerfile.contains("travels to the Docker server once"), "{dockerfile}");
    let directory = task["work_dir_name"].as_str().unwrap();
    let dockerfile = service.text(&format!("/task/{directory}/Dockerfile")).await;
    let comment = format!("# {INSTALLER} of tools_dir lies on the Docker server as the image {pin}\n");
    assert!(dockerfile.contains(&comment), "{dockerfile}");

    let container = Container::run(&targets[1].to_string(), &["sleep", "600"]).await;
    let left = container.exec(&["sh", "-c", "find / -xdev -size +50000k -o -xdev -name 'Miniconda3*' -size +0"]).await;
    assert_eq!(left, "", "the installer is in no layer");
    container.remove().await;

    docker_text(&["rmi", &pin.to_string()]).await;
    let start = proxy.sent_bytes();
    let task = service.build(&request(&targets[2], "torch"), LIMIT).await;
    let third = proxy.sent_bytes() - start;
    assert!(third > 100 << 20 && third < 110 << 20, "a daemon that lost it gets it again, once: {third} bytes");
    let log = log(&service, &task, "build").await;
    assert_eq!(log.matches(SENT).count(), 1, "{log}");
    forget(&[&pin, &targets[0], &targets[1], &targets[2]]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_at_the_same_time_send_it_once() {
    let service = TestService::configured().await;
    let pin = lay(&service, &installer(3 * MEGABYTE));
    let targets = ["numpy", "scipy", "torch"].map(|package| (package, lab::unique_name("once")));
    let mut tasks = Vec::new();
    for (package, target) in &targets {
        tasks.push(service.submit(&request(target, package)).await);
    }
    let mut sent = 0;
    for task_id in tasks {
        let task = service.end_of(task_id, LIMIT).await;
        let log = log(&service, &task, "build").await;
        assert_eq!(task["state"], "PUSH_SUCCESS", "{log}");
        sent += log.matches(SENT).count();
    }
    assert_eq!(sent, 1);
    forget(&[&pin, &targets[0].1, &targets[1].1, &targets[2].1]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_just_before_the_build_is_sent_again() {
    for builder in [BuilderChoice::Auto, BuilderChoice::Classic] {
        let is_done = Arc::new(AtomicBool::new(false));
        let meddling = Meddling::before_build(move |order| {
            let of_us = order.tags.iter().any(fastbuild::image::is_pin);
            let text = order.context.iter().find_map(|file| match &file.content {
                fastbuild::engine::ContextContent::Bytes(bytes) if file.path == "Dockerfile" => {
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
                _ => None,
            });
            let pin = text
                .unwrap_or_default()
                .split(|character: char| " =,\n".contains(character))
                .find_map(|word| word.starts_with("fastbuild.invalid/installer:").then(|| word.to_owned()));
            let is_first = !of_us && !is_done.swap(pin.is_some() && !of_us, Ordering::SeqCst);
            Box::pin(async move {
                if let Some(pin) = pin.filter(|_| is_first) {
                    docker_text(&["rmi", &pin]).await;
                }
            })
        });
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let service = TestService::start_over(directory, |settings| settings.build.builder = builder, meddling).await;
        assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
        let bytes = installer(MEGABYTE);
        let pin = lay(&service, &bytes);
        let target = lab::unique_name("once");
        let task = service.build(&request(&target, "numpy"), LIMIT).await;
        let log = log(&service, &task, "build").await;
        assert_eq!(log.matches(SENT).count(), 2, "{builder:?}: {log}");
        assert!(log.contains("is gone from the Docker server and is put there again"), "{builder:?}: {log}");
        forget(&[&pin, &target]).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_removed_just_before_the_build_is_pulled_again() {
    let engine = lab::engine().await;
    let (seed, base) = (lab::base("debian:12"), lab::unique_name("lost-base"));
    lab::have(engine.as_ref(), &seed).await;
    // An image of its own, or the names of others would keep it on the daemon.
    let container = docker_text(&["create", &seed.to_string(), "true"]).await;
    docker_text(&["commit", &container, &base.to_string()]).await;
    docker_text(&["rm", &container]).await;
    engine.push(&base, Some(&lab::account()), &AskDaemon, &lab::Events::default()).await.unwrap();
    let id = engine.inspect_image(&base.to_string()).await.unwrap().unwrap().image_id.unwrap();
    let (is_done, pin) = (AtomicBool::new(false), fastbuild::image::base_pin(&id));
    let names = [base.to_string(), pin.to_string()];
    let meddling = Meddling::before_build(move |_| {
        let names = names.clone();
        let is_first = !is_done.swap(true, Ordering::SeqCst);
        Box::pin(async move {
            if is_first {
                docker_text(&["rmi", &names[0], &names[1]]).await;
            }
        })
    });
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), |_| {}, meddling).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let target = lab::unique_name("once");
    let shape = RequestShape::console(&base, &target, "").os_packages("apt", &["tree"]);
    let task = service.build(&shape.build(), LIMIT).await;
    let log = log(&service, &task, "build").await;
    assert!(log.contains("is gone from the Docker server and is put there again"), "{log}");
    assert!(log.contains(&format!("pulling {}@sha256:", base.name())), "{log}");
    forget(&[&pin, &target]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_installer_is_never_served_from_an_old_result() {
    let service = TestService::configured().await;
    let mut bytes = installer(MEGABYTE / 2);
    let targets = [lab::unique_name("once"), lab::unique_name("once")];
    let old = lay(&service, &bytes);
    service.build(&request(&targets[0], "numpy"), LIMIT).await;
    // The same size and the same time: only its bytes differ.
    let path = service.directory.path().join("data/tools/conda").join(INSTALLER);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let place = bytes.windows(3).position(|window| window == b"own").unwrap();
    bytes[place..place + 3].copy_from_slice(b"new");
    let new = lay(&service, &bytes);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let task = service.build(&request(&targets[1], "numpy"), LIMIT).await;
    let log = log(&service, &task, "build").await;
    assert!(log.contains(SENT), "{log}");
    let container = Container::run(&targets[1].to_string(), &["sleep", "600"]).await;
    let made = container.exec(&["cat", "/usr/local/dros/conda/envs/default/created-with"]).await;
    assert_eq!(made, "new create --yes --name default numpy python");
    container.remove().await;
    forget(&[&old, &new, &targets[0], &targets[1]]).await;
    service.stop().await;
}

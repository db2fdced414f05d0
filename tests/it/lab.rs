//! The laboratory that the tests run against, as `scripts/lab.sh env` names it. Missing parts fail the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastbuild::engine::{BuildOrder, Builder};
use fastbuild::engine::{
    Connector, ContextContent, ContextFile, DockerConnector, Endpoint, Engine, Progress, ProgressSink, RegistryAccount,
};
use fastbuild::image::{ImageReference, RegistryHost};

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// The daemon's socket.
pub fn docker_socket() -> PathBuf {
    let host = variable("FASTBUILD_LAB_DOCKER_HOST", "unix:///var/run/docker.sock");
    host.strip_prefix("unix://").expect("the lab's daemon listens on a unix socket").into()
}

/// The registry.
pub fn registry() -> RegistryHost {
    variable("FASTBUILD_LAB_REGISTRY", "127.0.0.1:5055").parse().expect("registry host")
}

/// The registry's account.
pub fn account() -> RegistryAccount {
    RegistryAccount {
        registry: registry(),
        username: variable("FASTBUILD_LAB_USERNAME", "robot$fastbuild"),
        password: variable("FASTBUILD_LAB_PASSWORD", "~~~???>>>").into(),
    }
}

/// A base image of the lab.
pub fn base(name: &str) -> ImageReference {
    format!("{}/base/{name}", registry()).parse().expect("base image")
}

/// A name that no other test and no other run has.
pub fn unique_name(repository: &str) -> ImageReference {
    let tag = hex::encode(rand::random::<[u8; 6]>());
    format!("{}/test/{repository}:{tag}", registry()).parse().expect("image name")
}

/// An engine with a pool of its own on the lab's daemon.
pub async fn engine() -> Arc<dyn Engine> {
    let engine = DockerConnector::default().connect(&Endpoint::Unix(docker_socket())).await.expect("connector");
    engine.info().await.expect("the lab's Docker daemon must answer; start it with scripts/lab.sh up");
    engine
}

/// The base image, pulled when the daemon does not have it.
pub async fn have(engine: &dyn Engine, image: &ImageReference) {
    if engine.inspect_image(&image.to_string()).await.expect("inspect").is_none() {
        engine.pull(image, Some(&account()), &Events::default()).await.expect("pull of a lab image");
    }
}

/// A file of a context.
pub fn file(path: &str, content: impl Into<Bytes>) -> ContextFile {
    ContextFile { path: path.to_owned(), mode: 0o644, content: ContextContent::Bytes(content.into()) }
}

/// A build of this Dockerfile.
pub fn order(builder: Builder, dockerfile: &str, tags: &[&ImageReference]) -> BuildOrder {
    BuildOrder {
        builder,
        context: vec![file("Dockerfile", dockerfile.to_owned())],
        tags: tags.iter().map(|&tag| tag.clone()).collect(),
        labels: [("constructor".to_owned(), "FastBuild".to_owned())].into(),
        arguments: std::collections::BTreeMap::new(),
        extra_hosts: Vec::new(),
        target: None,
        network: None,
        memory_bytes: None,
        no_cache: false,
        idle_timeout: Duration::from_mins(2),
    }
}

/// Keeps what happened.
#[derive(Debug, Default)]
pub struct Events(pub std::sync::Mutex<Vec<Progress>>, tokio::sync::Notify);

impl ProgressSink for Events {
    fn record(&self, event: Progress) {
        self.0.lock().expect("lock").push(event);
        self.1.notify_one();
    }
}

impl Events {
    /// The text of every line.
    pub fn lines(&self) -> Vec<String> {
        let line = |event: &Progress| match event {
            Progress::Line { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.0.lock().expect("lock").iter().filter_map(line).collect()
    }

    /// Waits until a line has this text.
    pub async fn wait_for_line(&self, text: &str) {
        let seen = async {
            while !self.lines().iter().any(|line| line == text) {
                self.1.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), seen).await.expect("the line within a minute");
    }
}

/// Waits until a condition holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let holds = async {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        loop {
            pause.tick().await;
            if condition().await {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.unwrap_or_else(|_| panic!("not within 20 s: {what}"));
}

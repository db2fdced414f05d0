//! The laboratory as the harness sees it: the registry, the lab's daemon, and a daemon of its own whose caches it may
//! empty (`scripts/bench-daemon.sh`).

use std::path::{Path, PathBuf};
use std::process::Output;

use fastbuild::image::ImageReference;
use tokio::process::Command;

use super::arguments::Arguments;
use super::outcome::{Outcome, fault};

/// What every row needs.
pub struct Bench {
    /// Registry, `host:port`.
    pub registry: String,
    /// Its account.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The daemon that builds.
    pub docker: Docker,
    /// Few repetitions, quick rows only.
    pub is_short: bool,
    /// How often each side is measured.
    pub repetitions: usize,
    /// A directory for services and contexts.
    pub directory: tempfile::TempDir,
}

/// A daemon, and the client that a person would use.
pub struct Docker {
    client: PathBuf,
    /// `unix:///…`.
    pub host: String,
    /// Whether it is the harness's own, so that its caches may be emptied.
    pub is_own: bool,
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

impl Bench {
    /// Finds the laboratory by the variables of `scripts/lab.sh env`.
    pub fn new(arguments: &Arguments) -> Outcome<Self> {
        let own = std::env::var("FASTBUILD_BENCH_DOCKER_HOST").ok();
        let docker = Docker {
            client: variable("DOCKER", "/usr/bin/docker").into(),
            is_own: own.is_some(),
            host: own.unwrap_or_else(|| variable("FASTBUILD_LAB_DOCKER_HOST", "unix:///var/run/docker.sock")),
        };
        let usual = if arguments.is_short { 2 } else { 5 };
        Ok(Self {
            registry: variable("FASTBUILD_LAB_REGISTRY", "127.0.0.1:5055"),
            username: variable("FASTBUILD_LAB_USERNAME", "robot$fastbuild"),
            password: variable("FASTBUILD_LAB_PASSWORD", "~~~???>>>"),
            docker,
            is_short: arguments.is_short,
            repetitions: arguments.repetitions.unwrap_or(usual).max(1),
            directory: tempfile::Builder::new().prefix("fastbuild-bench-").tempdir()?,
        })
    }

    /// A base image of the lab.
    pub fn base(&self, name: &str) -> Outcome<ImageReference> {
        Ok(format!("{}/base/{name}", self.registry).parse()?)
    }

    /// A name that nothing else has.
    pub fn target(&self) -> Outcome<ImageReference> {
        let tag = hex::encode(rand::random::<[u8; 6]>());
        Ok(format!("{}/bench/image:{tag}", self.registry).parse()?)
    }

    /// A name in a repository that nothing else is in.
    pub fn target_elsewhere(&self) -> Outcome<ImageReference> {
        let repository = hex::encode(rand::random::<[u8; 6]>());
        Ok(format!("{}/bench/image-{repository}:1", self.registry).parse()?)
    }

    /// A fresh directory.
    pub fn fresh(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.directory.path().join(format!("{name}-{}", hex::encode(rand::random::<[u8; 4]>())));
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Repetitions of a row whose single one takes long.
    pub fn few(&self) -> usize {
        self.repetitions.div_ceil(2)
    }
}

impl Docker {
    /// Runs the client; its output when it succeeded.
    pub async fn run(&self, arguments: &[&str]) -> Outcome<String> {
        self.run_in(Path::new("."), arguments).await
    }

    /// The same in a directory.
    pub async fn run_in(&self, directory: &Path, arguments: &[&str]) -> Outcome<String> {
        let output: Output = Command::new(&self.client)
            .args(arguments)
            .current_dir(directory)
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", variable("FASTBUILD_LAB_DOCKER_CONFIG", ".lab/docker-config"))
            .env("DOCKER_BUILDKIT", "1")
            .output()
            .await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        fault(format!("docker {}: {}", arguments.join(" "), words.trim()))
    }

    /// The socket of this daemon.
    pub fn socket(&self) -> Outcome<PathBuf> {
        self.host.strip_prefix("unix://").map(PathBuf::from).ok_or("the daemon must listen on a unix socket".into())
    }

    /// Has the image.
    pub async fn have(&self, image: &ImageReference) -> Outcome<()> {
        let name = image.to_string();
        if self.run(&["image", "inspect", &name]).await.is_err() {
            self.run(&["pull", "--quiet", &name]).await?;
        }
        Ok(())
    }

    /// Removes what this harness and its services built, and every cache. Refused on a daemon that others use.
    pub async fn forget_everything(&self) -> Outcome<()> {
        if !self.is_own {
            return fault("cold caches need a daemon of the harness's own: scripts/bench-daemon.sh");
        }
        let names = self.run(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]).await?;
        for line in names.lines().filter(|line| !line.contains("/base/")) {
            let (name, id) = line.split_once(' ').unwrap_or((line, line));
            let name = if name.contains("<none>") { id } else { name };
            // A name that another removal took with it is no fault.
            let _ = self.run(&["image", "rm", "--force", name]).await;
        }
        self.run(&["builder", "prune", "--all", "--force"]).await?;
        Ok(())
    }
}

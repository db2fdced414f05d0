//! The real program as a process of its own, which can be killed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use super::{Configuration, wait_for};

/// A running `fastbuild serve`.
pub struct ServeProcess {
    child: Child,
    client: reqwest::Client,
    /// Its address without a path.
    pub url: String,
    /// How long it took from its start to its first answer.
    pub ready_after: Duration,
}

/// The command line over a directory's database.
pub fn command(directory: &Path, port: u16, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fastbuild"));
    command
        .arg("serve")
        .current_dir(directory)
        .env("FASTBUILD__FB__BASE_DIR", directory.join("data"))
        .env("FASTBUILD__FB__PORT", port.to_string())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A port that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl ServeProcess {
    /// Starts one over a directory and waits until it answers. Its log grows in `log.txt` there.
    pub async fn start(directory: &Path, port: u16, variables: &[(&str, &str)]) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log_file(directory)).unwrap();
        let start = Instant::now();
        let child = command(directory, port, variables).stderr(log).spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        // No connection of ours stays open, so that what is open is the service's own doing.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let mut process = Self { child, client: client.clone(), url, ready_after: Duration::ZERO };
        wait_for("the process's first answer", Duration::from_secs(60), || async {
            client.get(format!("{}/healthz", process.url)).send().await.ok()
        })
        .await;
        process.ready_after = start.elapsed();
        process
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Configures it.
    pub async fn configure(&self, configuration: Configuration) {
        let url = format!("{}/api/fast-build/config/config-fastbuild", self.url);
        let answer = self.client.post(url).multipart(configuration.into_form()).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["code"], 0, "{answer}");
    }

    /// GET under the API's prefix; `None` while it does not answer.
    pub async fn get(&self, path: &str) -> Option<Value> {
        self.client.get(format!("{}/api/fast-build{path}", self.url)).send().await.ok()?.json().await.ok()
    }

    /// POST of JSON under the API's prefix that must succeed; its data.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}/api/fast-build{path}", self.url)).json(body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["code"], 0, "{answer}");
        answer["data"].clone()
    }

    /// The text under a path.
    pub async fn text(&self, path: &str) -> String {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// Submits a request; the task's number when it was accepted.
    pub async fn try_submit(&self, request: &Value) -> Option<i64> {
        let request = self.client.post(format!("{}/api/fast-build/task/build-image", self.url)).json(request);
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        answer["data"]["task_id"].as_i64()
    }

    /// Submits a request that must be accepted; the task's number.
    pub async fn submit(&self, request: &Value) -> i64 {
        self.try_submit(request).await.expect("it must be accepted")
    }

    /// Waits for a task's end; its row.
    pub async fn end_of(&self, task_id: i64, limit: Duration) -> Value {
        wait_for(&format!("the end of task {task_id}"), limit, || async {
            let answer = self.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await?;
            let state = answer["data"]["state"].as_str().unwrap_or_default();
            let is_end = matches!(state, "PUSH_SUCCESS" | "BUILD_ABORT") || state.ends_with("_FAILED");
            is_end.then(|| answer["data"].clone())
        })
        .await
    }

    /// Ends it as a power cut would, and reaps it.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop; its exit status and how long it took.
    pub async fn terminate(mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        (ended.expect("it must stop").unwrap(), start.elapsed())
    }
}

/// Where processes over a directory log.
pub fn log_file(directory: &Path) -> PathBuf {
    directory.join("log.txt")
}

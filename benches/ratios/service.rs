//! The real program as a process of its own, over real HTTP.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::multipart::Form;
use serde_json::Value;

use super::dockers::Bench;
use super::load::{Connection, get};
use super::outcome::{Outcome, fault};

const START_LIMIT: Duration = Duration::from_secs(60);
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);

/// A running service; it is asked to stop when dropped.
pub struct Service {
    child: std::process::Child,
    /// Its port on this machine.
    pub port: u16,
    /// How long it took from its start to its first answer.
    pub ready_after: Duration,
    client: reqwest::Client,
}

/// A port that is free now.
pub fn free_port() -> Outcome<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Service {
    /// Starts the real program over a directory; variables such as `FASTBUILD__BUILD__MAX_CONCURRENT` change settings.
    pub async fn start(directory: &Path, variables: &[(&str, &str)]) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fastbuild"));
        command.arg("serve").env("FASTBUILD__FB__BASE_DIR", directory.join("data")).envs(variables.iter().copied());
        let port = free_port()?;
        command.env("FASTBUILD__FB__PORT", port.to_string());
        Self::spawn(command, directory, port).await
    }

    /// Starts one that is configured for the lab's registry and the bench's daemon.
    pub async fn configured(bench: &Bench, directory: &Path, variables: &[(&str, &str)]) -> Outcome<Self> {
        let service = Self::start(directory, variables).await?;
        let host = bench.docker.host.clone();
        service.configure(bench, &host, 2375).await?;
        Ok(service)
    }

    /// Starts a command that will listen on this port; its log grows in `log.txt` of the directory.
    pub async fn spawn(mut command: Command, directory: &Path, port: u16) -> Outcome<Self> {
        let log = std::fs::File::options().create(true).append(true).open(directory.join("log.txt"))?;
        let start = Instant::now();
        let child = command.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn()?;
        let client = reqwest::Client::builder().no_proxy().timeout(BUILD_LIMIT).build()?;
        let mut service = Self { child, port, ready_after: Duration::ZERO, client };
        while start.elapsed() < START_LIMIT {
            if let Ok(mut connection) = Connection::open(port).await
                && connection.ask(&get("/healthz")).await.is_ok()
            {
                service.ready_after = start.elapsed();
                return Ok(service);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fault(format!("{} did not answer within a minute", directory.display()))
    }

    /// Configures host, Harbor and a Docker server.
    pub async fn configure(&self, bench: &Bench, docker_host: &str, docker_port: u16) -> Outcome<()> {
        let (own, docker) = (self.port.to_string(), docker_port.to_string());
        let fields = [
            ("fastbuild_host", "127.0.0.1"),
            ("fastbuild_port", &own),
            ("harbor_username", &bench.username),
            ("harbor_password", &bench.password),
            ("harbor_registry", &bench.registry),
            ("harbor_registry_dns", ""),
            ("docker_host", docker_host),
            ("docker_port", &docker),
        ];
        let form = fields.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value.to_owned()));
        let request = self.client.post(self.url("/config/config-fastbuild")).multipart(form);
        Self::taken(request.send().await?.json().await?).map(drop)
    }

    /// An address under the API's prefix.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/fast-build{path}", self.port)
    }

    fn taken(mut answer: Value) -> Outcome<Value> {
        if answer["code"] == 0 { Ok(answer["data"].take()) } else { fault(format!("refused: {answer}")) }
    }

    /// GET; `data` of the answer.
    pub async fn get(&self, path: &str) -> Outcome<Value> {
        Self::taken(self.client.get(self.url(path)).send().await?.json().await?)
    }

    /// DELETE; `data` of the answer.
    pub async fn delete(&self, path: &str) -> Outcome<Value> {
        Self::taken(self.client.delete(self.url(path)).send().await?.json().await?)
    }

    /// POST of JSON; `data` of the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        Self::taken(self.client.post(self.url(path)).json(body).send().await?.json().await?)
    }

    /// Submits a request; the task's number.
    pub async fn submit(&self, request: &Value) -> Outcome<i64> {
        let task = self.post("/task/build-image", request).await?;
        task["task_id"].as_i64().ok_or("no task_id".into())
    }

    /// Follows a task to its end; its row.
    pub async fn end_of(&self, task_id: i64) -> Outcome<Value> {
        let response = self.client.get(self.url(&format!("/task/events?task_id={task_id}"))).send().await?;
        let mut stream = response.bytes_stream();
        let mut text = Vec::new();
        while let Some(piece) = stream.next().await {
            text.extend_from_slice(&piece?);
            if text.windows(11).any(|window| window == b"event: end\n") {
                break;
            }
            let keep = text.len().saturating_sub(16);
            text.drain(..keep);
        }
        self.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await
    }

    /// Builds a request; how long from its sending to its end, and the task's row.
    pub async fn build(&self, request: &Value) -> Outcome<(Duration, Value)> {
        let start = Instant::now();
        let task_id = self.submit(request).await?;
        let task = self.end_of(task_id).await?;
        let elapsed = start.elapsed();
        if task["state"] == "PUSH_SUCCESS" {
            return Ok((elapsed, task));
        }
        fault(format!("task {task_id} ended in {}: {} {}", task["state"], task["message"], task["last_lines"]))
    }

    /// Forgets an ended task and its image, so that no later task is served from it.
    pub async fn forget(&self, task: &Value) -> Outcome<()> {
        let id = &task["task_id"];
        self.delete(&format!("/task/delete-image-by-task-id?task_id={id}")).await?;
        self.delete(&format!("/task/delete-task-by-task-id?task_id={id}")).await?;
        Ok(())
    }

    /// A file under `/proc` of the process.
    fn process_file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    fn status_kib(&self, field: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(self.process_file("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(line.and_then(|rest| rest.split_whitespace().next()).ok_or("no such field")?.parse()?)
    }

    /// Resident memory in MiB.
    pub fn memory_mib(&self) -> Outcome<f64> {
        Ok(self.status_kib("VmRSS")? / 1024.0)
    }

    /// The most resident memory in MiB since the start or the last call of `reset_peak`.
    pub fn peak_mib(&self) -> Outcome<f64> {
        Ok(self.status_kib("VmHWM")? / 1024.0)
    }

    /// Lets the peak begin anew.
    pub fn reset_peak(&self) -> Outcome<()> {
        Ok(std::fs::write(self.process_file("clear_refs"), "5")?)
    }

    /// Processor time used so far, in seconds.
    pub fn processor_seconds(&self) -> Outcome<f64> {
        let text = std::fs::read_to_string(self.process_file("stat"))?;
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        // Linux counts them in hundredths of a second.
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    /// Writes a line to the standard input of a scripted service.
    pub fn tell(&mut self, line: &str) -> Outcome<()> {
        use std::io::Write;
        let input = self.child.stdin.as_mut().ok_or("no standard input")?;
        Ok(writeln!(input, "{line}")?)
    }

    /// Stops it and waits.
    pub async fn stop(mut self) -> Outcome<()> {
        // A scripted service reads its standard input, and its runtime waits for that read.
        drop(self.child.stdin.take());
        self.terminate();
        for _ in 0..300 {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        fault("the service did not stop within 30 s")
    }

    fn terminate(&self) {
        // Without `kill` the drop below ends it.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

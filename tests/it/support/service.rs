//! The real service, in this process.

use std::sync::Arc;
use std::time::Duration;

use fastbuild::api::AppState;
use fastbuild::clock::{Clock, SystemClock};
use fastbuild::engine::{Connector, DockerConnector};
use fastbuild::serve::{Outside, Service};
use fastbuild::settings::{Settings, load};
use reqwest::multipart::Form;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::wait_for;
use crate::lab;

/// How a test service is configured at run time.
pub struct Configuration {
    /// Fields of `/config/config-fastbuild`.
    pub fields: Vec<(String, String)>,
    /// The TLS tar.
    pub tls_tar: Option<Vec<u8>>,
}

impl Default for Configuration {
    fn default() -> Self {
        use secrecy::ExposeSecret;
        let account = lab::account();
        let fields = [
            ("fastbuild_host", "127.0.0.1".to_owned()),
            ("fastbuild_port", "48001".to_owned()),
            ("harbor_username", account.username.clone()),
            ("harbor_password", account.password.expose_secret().to_owned()),
            ("harbor_registry", account.registry.to_string()),
            ("harbor_registry_dns", String::new()),
            ("docker_host", format!("unix://{}", lab::docker_socket().display())),
            ("docker_port", "2375".to_owned()),
        ];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { fields, tls_tar: None }
    }
}

impl Configuration {
    /// The same with another value of a field.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a TLS tar.
    pub fn with_tls(mut self, tar: Vec<u8>) -> Self {
        self.tls_tar = Some(tar);
        self
    }

    /// As the form that is sent.
    pub fn into_form(self) -> Form {
        let form = self.fields.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
        match self.tls_tar {
            Some(tar) => form.part("docker_tls_tar_file", reqwest::multipart::Part::bytes(tar).file_name("tls.tar")),
            None => form,
        }
    }
}

/// A running service.
pub struct TestService {
    /// Its address without a path.
    pub url: String,
    /// Its directories.
    pub directory: Arc<TempDir>,
    /// A client for it.
    pub client: reqwest::Client,
    /// What its handlers share.
    pub state: AppState,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

impl TestService {
    /// Starts one with default settings in a fresh directory, not configured.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts one with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    /// Starts one over what an earlier one left in a directory.
    pub async fn start_in(directory: Arc<TempDir>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_over(directory, change, Arc::new(DockerConnector::default())).await
    }

    /// The same with connections of another kind.
    pub async fn start_over(
        directory: Arc<TempDir>,
        change: impl FnOnce(&mut Settings),
        connector: Arc<dyn Connector>,
    ) -> Self {
        Self::start_at(directory, change, connector, Arc::new(SystemClock)).await
    }

    /// The same with another clock.
    pub async fn start_at(
        directory: Arc<TempDir>,
        change: impl FnOnce(&mut Settings),
        connector: Arc<dyn Connector>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let base_dir = directory.path().join("data").display().to_string();
        let mut settings = load(None, [("FASTBUILD__FB__BASE_DIR".to_owned(), base_dir)]).unwrap();
        change(&mut settings);
        let outside = Outside { clock, connector };
        let service = Service::prepare(settings, outside).await.expect("service");
        let state = service.state().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let served = tokio::spawn(async move {
            service.serve(listener, async move { stopped.cancelled().await }).await.expect("serve");
        });
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(2)).build().unwrap();
        Self { url, directory, client, state, stop, served }
    }

    /// Starts one that is configured for the laboratory.
    pub async fn configured() -> Self {
        Self::configured_with(|_| {}).await
    }

    /// The same with changed settings.
    pub async fn configured_with(change: impl FnOnce(&mut Settings)) -> Self {
        let service = Self::start_with(change).await;
        let port = service.url.rsplit(':').next().unwrap();
        let answer = service.configure(Configuration::default().with("fastbuild_port", port)).await;
        assert_eq!(answer.1["code"], 0, "{answer:?}");
        service
    }

    /// Calls `/config/config-fastbuild`; status and answer.
    pub async fn configure(&self, configuration: Configuration) -> (u16, Value) {
        let url = format!("{}/api/fast-build/config/config-fastbuild", self.url);
        let response = self.client.post(url).multipart(configuration.into_form()).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// GET under the API's prefix; status and answer.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.client.get(format!("{}/api/fast-build{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The same in a language, such as `en`.
    pub async fn get_in(&self, language: &str, path: &str) -> (u16, Value) {
        let request = self.client.get(format!("{}/api/fast-build{path}", self.url));
        let response = request.header("Accept-Language", language).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// POST of JSON under the API's prefix; status and answer.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}/api/fast-build{path}", self.url)).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// POST without a body under the API's prefix; status and answer.
    pub async fn post_empty(&self, path: &str) -> (u16, Value) {
        let response = self.client.post(format!("{}/api/fast-build{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// DELETE under the API's prefix; status and answer.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        let response = self.client.delete(format!("{}/api/fast-build{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// A text outside the API's prefix, such as a log.
    pub async fn text(&self, path: &str) -> String {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// Submits a request that must be accepted; the task's number.
    pub async fn submit(&self, request: &Value) -> i64 {
        let (status, answer) = self.post("/task/build-image", request).await;
        assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer:#}");
        answer["data"]["task_id"].as_i64().expect("task_id")
    }

    /// Waits for a task's end; its row.
    pub async fn end_of(&self, task_id: i64, limit: Duration) -> Value {
        wait_for("the task's end", limit, || async {
            let (_, answer) = self.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
            let state = answer["data"]["state"].as_str().unwrap_or_default();
            let is_end = matches!(state, "PUSH_SUCCESS" | "BUILD_ABORT") || state.ends_with("_FAILED");
            is_end.then(|| answer["data"].clone())
        })
        .await
    }

    /// Submits a request and waits until it is pushed.
    pub async fn build(&self, request: &Value, limit: Duration) -> Value {
        let task_id = self.submit(request).await;
        let task = self.end_of(task_id, limit).await;
        if task["state"] != "PUSH_SUCCESS" {
            let directory = task["work_dir_name"].as_str().unwrap();
            let log = self.text(&format!("/task/{directory}/build.log")).await;
            panic!("{task:#}\n{log}");
        }
        task
    }

    /// Lays a file into a directory of the service's data, such as `source/apt/lab/debian-12.list`.
    pub fn lay(&self, path: &str, content: &str) {
        let path = self.directory.path().join("data").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Waits until a stage's log has a line with this text.
    pub async fn wait_for_log(&self, task_id: i64, stage: &str, text: &str) {
        let path = format!("/task/log?task_id={task_id}&stage={stage}&after=0");
        wait_for(&format!("'{text}' in the log of {stage}"), Duration::from_mins(2), || async {
            let (_, answer) = self.get(&path).await;
            let lines = answer["data"]["lines"].as_array().cloned().unwrap_or_default();
            lines.iter().any(|line| line["text"].as_str().is_some_and(|line| line.contains(text))).then_some(())
        })
        .await;
    }

    /// Stops it and joins all it started.
    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(30), self.served).await.expect("the service must stop").unwrap();
    }
}

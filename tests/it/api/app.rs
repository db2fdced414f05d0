//! The router over a database of its own, served on a free port.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fastbuild::api::{AppState, router};
use fastbuild::clock::{Clock, Moment};
use fastbuild::serve::{Outside, Service};
use fastbuild::settings::{Settings, load};
use fastbuild::store::{NewTask, TaskRow};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::scripted_engine::ScriptedEngine;

/// 2026-11-21T02:54:07.054672 in UTC.
pub const START: i64 = 1_795_229_647_054_672;

/// A clock that goes on by a second whenever it is read, so that no two rows have one time.
#[derive(Debug)]
pub struct SteppingClock(AtomicI64);

impl Clock for SteppingClock {
    fn now(&self) -> Moment {
        Moment(self.0.fetch_add(1_000_000, Ordering::Relaxed))
    }
}

/// A served router.
pub struct App {
    /// Its address without a path.
    pub url: String,
    /// What its handlers share.
    pub state: AppState,
    /// The daemon behind it.
    pub engine: ScriptedEngine,
    directory: TempDir,
    client: reqwest::Client,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

/// A parsed answer.
#[derive(Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body as text.
    pub text: String,
    /// Body as JSON, null when it is none.
    pub json: Value,
}

impl Answered {
    /// The body of an answer that must be an envelope with code 0; its `data`.
    #[track_caller]
    pub fn data(&self) -> &Value {
        assert_eq!((self.status, &self.json["code"]), (200, &Value::from(0)), "{}", self.text);
        assert_eq!(self.json["msg"], "success");
        &self.json["data"]
    }

    /// The message of an answer that must be an envelope with code -1.
    #[track_caller]
    pub fn refusal(&self) -> &str {
        assert_eq!((self.status, &self.json["code"]), (200, &Value::from(-1)), "{}", self.text);
        assert!(self.json["data"].is_null(), "{}", self.text);
        self.json["msg"].as_str().expect("a message")
    }

    /// The `(loc, type)` pairs of a 422.
    #[track_caller]
    pub fn invalid(&self) -> Vec<(String, String)> {
        assert_eq!(self.status, 422, "{}", self.text);
        let entries = self.json["detail"].as_array().expect("detail is a list");
        let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        let path = |entry: &Value| entry["loc"].as_array().unwrap().iter().map(step).collect::<Vec<_>>().join(".");
        entries.iter().map(|entry| (path(entry), entry["type"].as_str().unwrap().to_owned())).collect()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl App {
    /// Starts one with default settings.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts one with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let variables = [
            ("FASTBUILD__FB__BASE_DIR", directory.path().display().to_string()),
            ("FASTBUILD__FB__TIME_ZONE", "UTC".to_owned()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut settings = load(None, variables).unwrap();
        change(&mut settings);
        Self::start_in(directory, settings).await
    }

    async fn start_in(directory: TempDir, settings: Settings) -> Self {
        let engine = ScriptedEngine::default();
        let clock: Arc<dyn Clock> = Arc::new(SteppingClock(AtomicI64::new(START)));
        let outside = Outside { clock, connector: Arc::new(engine.clone()) };
        // Only the edge is under test: no worker takes what the tests put into the queue.
        let state = Service::prepare(settings, outside).await.expect("service").state().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let ending = stop.clone();
        let service = router(state.clone());
        let served = tokio::spawn(async move {
            axum::serve(listener, service).with_graceful_shutdown(ending.cancelled_owned()).await.unwrap();
        });
        let redirect = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
        Self { url, state, engine, directory, client, stop, served }
    }

    /// Stops it, joins it, and starts another one over the same database and files.
    pub async fn restart(self) -> Self {
        let settings = (*self.state.settings).clone();
        let directory = self.close().await;
        Self::start_in(directory, settings).await
    }

    /// Stops it and joins what it started.
    pub async fn stop(self) {
        self.close().await;
    }

    async fn close(self) -> TempDir {
        let Self { state, directory, client, stop, served, .. } = self;
        drop(client);
        stop.cancel();
        let limit = std::time::Duration::from_secs(10);
        tokio::time::timeout(limit, served).await.expect("the server must stop").unwrap();
        state.store.close().await;
        directory
    }

    /// Where its files lie.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// A request to a path outside the prefix.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// GET under the API's prefix.
    pub async fn get(&self, path: &str) -> Answered {
        send(self.request(Method::GET, &format!("/api/fast-build{path}"))).await
    }

    /// DELETE under the API's prefix.
    pub async fn delete(&self, path: &str) -> Answered {
        send(self.request(Method::DELETE, &format!("/api/fast-build{path}"))).await
    }

    /// POST of JSON text under the API's prefix, without a Content-Type.
    pub async fn post_text(&self, path: &str, body: &str) -> Answered {
        send(self.request(Method::POST, &format!("/api/fast-build{path}")).body(body.to_owned())).await
    }

    /// POST of a form under the API's prefix.
    pub async fn post_form(&self, path: &str, form: Form) -> Answered {
        send(self.request(Method::POST, &format!("/api/fast-build{path}")).multipart(form)).await
    }

    /// Records a task of that target.
    pub async fn add_task(&self, target: &str) -> TaskRow {
        let now = self.state.clock.now();
        let task = NewTask {
            name: "c1".to_owned(),
            base_image_name: "127.0.0.1/base/ubuntu:20.04".to_owned(),
            target_image_name: target.to_owned(),
            target_key: target.to_owned(),
            description: "d".to_owned(),
            request_document: "{}".to_owned(),
            secrets_sealed: String::new(),
            work_dir_name: now.as_directory_name(&self.state.settings.fb.time_zone.0),
            callback_url: "http://127.0.0.1:48102/cb".to_owned(),
            owner: String::new(),
            queue_user: String::new(),
            idempotency_key: None,
        };
        self.state.store.insert_task(task, now).await.unwrap().0
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.unwrap();
    let json = serde_json::from_str(&body).unwrap_or(Value::Null);
    Answered { status, headers, text: body, json }
}

/// The fields of a complete configuration.
pub fn configuration() -> Vec<(&'static str, String)> {
    let fields = [
        ("fastbuild_host", "10.0.0.5"),
        ("fastbuild_port", "48001"),
        ("harbor_username", "robot$fastbuild"),
        ("harbor_password", "~~~???>>>"),
        ("harbor_registry", "harbor.example.cn:30003"),
        ("harbor_registry_dns", "registry.example.cn"),
        ("docker_host", "10.0.0.6"),
        ("docker_port", "2375"),
    ];
    fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// The form of a complete configuration with some fields changed; an absent value leaves the field out.
pub fn configuration_form(changes: &[(&str, Option<&str>)]) -> Form {
    let mut form = Form::new();
    for (name, value) in configuration() {
        let wanted = changes.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
        match wanted {
            None => form = form.text(name, value),
            Some(Some(value)) => form = form.text(name, value.to_owned()),
            Some(None) => {}
        }
    }
    form
}

/// A file of a form.
pub fn file_part(name: &str, content: impl Into<Vec<u8>>) -> Part {
    Part::bytes(content.into()).file_name(name.to_owned())
}

/// A tar of regular files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A tar of certificates as the contract wants them.
pub fn tls_tar() -> Vec<u8> {
    let pem = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".as_slice();
    tar(&[("ca-jenkins.pem", pem), ("cert-jenkins.pem", pem), ("key-jenkins.pem", pem)])
}

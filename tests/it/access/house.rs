//! The whole service with a daemon that takes no time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fastbuild::access::{Role, TokenOrder, create_token};
use fastbuild::api::AppState;
use fastbuild::clock::SystemClock;
use fastbuild::serve::{Outside, Service, StartError};
use fastbuild::settings::{AccessMode, Settings, load};
use fastbuild::store::{NewTask, TaskRow};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::scripted::{ScriptedConnector, ScriptedEngine};

/// A running service.
pub struct House {
    pub url: String,
    pub address: SocketAddr,
    pub state: AppState,
    pub client: reqwest::Client,
    pub directory: TempDir,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<Result<(), StartError>>,
}

impl House {
    /// Starts one whose tasks wait for ever.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_over(ScriptedEngine::default(), change).await
    }

    /// Starts one over an engine.
    pub async fn start_over(engine: ScriptedEngine, change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(&directory, change);
        let scheme = "http";
        let service = prepare_over(engine, settings).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = service.state().clone();
        let stop = CancellationToken::new();
        let ending = stop.clone();
        let served = tokio::spawn(service.serve(listener, async move { ending.cancelled().await }));
        let redirect = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirect).timeout(Duration::from_secs(60));
        Self {
            url: format!("{scheme}://{address}"),
            address,
            state,
            client: client.build().unwrap(),
            directory,
            stop,
            served,
        }
    }

    /// A request to a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Records a task that waits.
    pub async fn add_task(&self, target: &str, owner: &str) -> TaskRow {
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
            owner: owner.to_owned(),
            queue_user: String::new(),
            idempotency_key: None,
        };
        self.state.store.insert_task(task, now).await.unwrap().0
    }

    /// Starts one that asks every caller.
    pub async fn closed() -> Self {
        Self::start_with(|settings| settings.access.mode = AccessMode::Token).await
    }

    /// A new token of a user of the same name.
    pub async fn token(&self, name: &str, role: Role) -> String {
        token(&self.state, name, name, role).await
    }

    /// A new token of a user.
    pub async fn token_of(&self, name: &str, user: &str, role: Role) -> String {
        token(&self.state, name, user, role).await
    }

    /// A new administrator's token.
    pub async fn root(&self) -> String {
        self.token("root", Role::Administer).await
    }

    /// The status of GET under the API's prefix with a token.
    pub async fn status(&self, token: &str, path: &str) -> u16 {
        let request = self.request(Method::GET, &format!("/api/fast-build{path}")).header(AUTHORIZATION, bearer(token));
        request.send().await.unwrap().status().as_u16()
    }

    /// Configures it, so that it accepts requests.
    pub async fn configure(&self, root: &str) {
        let fields = [
            ("fastbuild_host", "127.0.0.1"),
            ("harbor_username", "robot"),
            ("harbor_password", "secret"),
            ("harbor_registry", "127.0.0.1:5055"),
            ("docker_host", "10.0.0.6"),
        ];
        let request = self.request(Method::POST, "/api/fast-build/config/config-fastbuild");
        let answer = request.header(AUTHORIZATION, bearer(root)).form(&fields).send().await.unwrap();
        let answer = envelope(answer).await;
        assert_eq!(answer["code"], 0, "{answer}");
    }

    /// Stops it; the end of its service.
    pub async fn stop(self) -> TempDir {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(60), self.served).await;
        ended.expect("it must stop").unwrap().unwrap();
        self.directory
    }
}

/// A new token.
pub async fn token(state: &AppState, name: &str, user: &str, role: Role) -> String {
    let order = TokenOrder { name: name.parse().unwrap(), user: Some(user.parse().unwrap()), role, expires_days: None };
    let made = create_token(&state.store, state.clock.as_ref(), order).await.unwrap();
    made.text.expose_secret().to_owned()
}

/// The value of `Authorization`.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The body of an answer, an envelope or none.
pub async fn envelope(answer: reqwest::Response) -> Value {
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Settings over a directory, with no worker that would take tasks.
pub fn settings(directory: &TempDir, change: impl FnOnce(&mut Settings)) -> Settings {
    let base_dir = directory.path().join("data").display().to_string();
    let mut settings = load(None, [("FASTBUILD__FB__BASE_DIR".to_owned(), base_dir)]).unwrap();
    settings.build.max_concurrent = 0;
    settings.fb.shutdown_seconds = 5;
    change(&mut settings);
    settings
}

/// A service that does not serve yet.
pub async fn prepare(settings: Settings) -> Result<Service, StartError> {
    prepare_over(ScriptedEngine::default(), settings).await
}

async fn prepare_over(engine: ScriptedEngine, settings: Settings) -> Result<Service, StartError> {
    let connector = Arc::new(ScriptedConnector(Arc::new(engine)));
    Service::prepare(settings, Outside { clock: Arc::new(SystemClock), connector }).await
}

/// A socket that speaks what a test writes.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// What comes until `part` has come or the other end closes.
    pub async fn read_until(&mut self, part: &str) -> String {
        let mut text = String::new();
        let reading = async {
            let mut buffer = [0; 4096];
            while !text.contains(part) {
                match self.0.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reading).await.expect("nothing comes");
        text
    }

    /// Everything until the other end closes.
    pub async fn read_all(&mut self) -> String {
        self.read_until("\0 never \0").await
    }
}

//! A registry in front of the lab's: it passes everything on and notes what was pushed, or answers one status.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::lab;

/// The registry in front; it ends with the test's runtime.
#[derive(Clone)]
pub struct FrontRegistry {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    status: AtomicU16,
    /// Why manifests are refused, in a registry's words.
    refused_manifests: Mutex<Option<&'static str>>,
    refusals: AtomicUsize,
    pushed: Mutex<BTreeMap<String, BTreeSet<String>>>,
    client: reqwest::Client,
}

impl FrontRegistry {
    /// Starts one that passes everything on.
    pub async fn start() -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let shared = Arc::new(Shared {
            status: AtomicU16::new(200),
            refused_manifests: Mutex::default(),
            refusals: AtomicUsize::new(0),
            pushed: Mutex::default(),
            client,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    /// Answers logins as before and everything else with this status; 200 passes on again.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Refuses every manifest with 403 and these words from now on, as a full project does; `None` takes them again.
    pub fn refuse_manifests(&self, words: Option<&'static str>) {
        *self.shared.refused_manifests.lock().unwrap() = words;
    }

    /// How many requests it refused.
    pub fn refusals(&self) -> usize {
        self.shared.refusals.load(Ordering::SeqCst)
    }

    /// The digests that were pushed under `repository:tag`.
    pub fn digests_of(&self, repository: &str, tag: &str) -> BTreeSet<String> {
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.shared.pushed.lock().unwrap().get(&path).cloned().unwrap_or_default()
    }
}

/// Goes on when the client is gone: what the registry took is recorded all the same.
async fn answer(State(registry): State<Arc<Shared>>, request: Request) -> Response {
    tokio::spawn(forwarded(registry, request)).await.unwrap()
}

async fn forwarded(registry: Arc<Shared>, request: Request) -> Response {
    let status = registry.status.load(Ordering::SeqCst);
    if status != 200 && request.uri().path() != "/v2/" {
        registry.refusals.fetch_add(1, Ordering::SeqCst);
        let code = match status {
            401 => "UNAUTHORIZED",
            403 => "DENIED",
            429 => "TOOMANYREQUESTS",
            _ => "UNKNOWN",
        };
        let body = json!({"errors": [{"code": code, "message": format!("scripted {status}")}]});
        return (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let is_manifest = parts.method == Method::PUT && parts.uri.path().contains("/manifests/");
    let words = *registry.refused_manifests.lock().unwrap();
    if let Some(words) = words.filter(|_| is_manifest) {
        registry.refusals.fetch_add(1, Ordering::SeqCst);
        let body = json!({"errors": [{"code": "DENIED", "message": words}]});
        return (StatusCode::FORBIDDEN, axum::Json(body)).into_response();
    }
    // The name it was asked under goes on as it is: the lab's registry makes its upload addresses from it.
    let forward = registry.client.request(parts.method, format!("http://{}{path}", lab::registry()));
    let body = reqwest::Body::wrap_stream(body.into_data_stream());
    let Ok(answered) = forward.headers(parts.headers).body(body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, headers) = (answered.status(), answered.headers().clone());
    if is_manifest
        && status.is_success()
        && let Some(digest) = headers.get("docker-content-digest").and_then(|digest| digest.to_str().ok())
    {
        let mut pushed = registry.pushed.lock().unwrap();
        pushed.entry(parts.uri.path().to_owned()).or_default().insert(digest.to_owned());
    }
    (status, headers, axum::body::Body::from_stream(answered.bytes_stream())).into_response()
}

//! A receiver of callbacks that remembers what came and answers what it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;

/// A callback that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Headers by lower-case name.
    pub headers: HashMap<String, String>,
    /// JSON body.
    pub body: Value,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    status: AtomicU16,
    echoes: AtomicBool,
}

/// The receiver; it ends with the test's runtime.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
    /// Where it listens.
    pub url: String,
}

impl Receiver {
    /// Starts one that answers 200.
    pub async fn start() -> Self {
        let (received, status) = (Mutex::default(), AtomicU16::new(200));
        let shared = Arc::new(Shared { received, status, echoes: AtomicBool::new(false) });
        let router = Router::new().route("/cb", post(take)).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cb", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    /// Answers this status from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Repeats the headers in its answers from now on.
    pub fn echo(&self) {
        self.shared.echoes.store(true, Ordering::SeqCst);
    }

    /// What came for a task so far.
    pub fn of_task(&self, task_id: i64) -> Vec<Received> {
        let received = self.shared.received.lock().unwrap();
        received.iter().filter(|callback| callback.body["taskId"] == task_id).cloned().collect()
    }

    /// Waits for a task's first callback.
    pub async fn wait(&self, task_id: i64) -> Received {
        let limit = Duration::from_secs(20);
        super::wait_for("the callback", limit, || async { self.of_task(task_id).into_iter().next() }).await
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> (StatusCode, String) {
    let headers: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let echo = shared.echoes.load(Ordering::SeqCst).then(|| serde_json::to_string(&headers).unwrap());
    shared.received.lock().unwrap().push(Received { headers, body });
    (StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap(), echo.unwrap_or_default())
}

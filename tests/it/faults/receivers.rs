//! A receiver that hangs with many callbacks due holds up its own ones and nobody else's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::sync::watch;

use super::hand::plain;
use super::table::RECEIVER_HANGS_WITH_MANY;
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, TestService, wait_for};

const LIMIT: Duration = Duration::from_mins(2);
const CALLBACKS: usize = 100;
/// What the service sends to one receiver at once.
const AT_ONCE: usize = 8;

/// Takes callbacks and answers none before the gate opens.
struct Hanging {
    url: String,
    gate: watch::Sender<bool>,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    received: Arc<std::sync::Mutex<HashMap<i64, usize>>>,
}

impl Hanging {
    async fn start() -> Self {
        let (gate, listening) = watch::channel(false);
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let received = Arc::new(std::sync::Mutex::new(HashMap::new()));
        let shared = (open.clone(), most.clone(), received.clone());
        let take = move |Json(body): Json<Value>| async move {
            let (open, most, received) = shared;
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // The gate's other end lives as long as the test.
            let _ = listening.clone().wait_for(|is_open| *is_open).await;
            open.fetch_sub(1, Ordering::SeqCst);
            *received.lock().unwrap().entry(body["taskId"].as_i64().unwrap()).or_insert(0) += 1;
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cb", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/cb", post(take))).await });
        Self { url, gate, open, most, received }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_with_many_callbacks_holds_nobody_elses_up() {
    let connector = Arc::new(ScriptedConnector(Arc::new(ScriptedEngine::default())));
    let change = |settings: &mut fastbuild::settings::Settings| settings.callback.timeout_seconds = 300;
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), change, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let (hanging, quick) = (Hanging::start().await, Receiver::start().await);
    let request = |url: &str| plain(&lab::base("scripted:1"), &lab::unique_name("many"), url).build();
    let mut ids = Vec::new();
    for _ in 0..CALLBACKS {
        ids.push(service.submit(&request(&hanging.url)).await);
    }
    for id in &ids {
        assert_eq!(service.end_of(*id, LIMIT).await["state"], RECEIVER_HANGS_WITH_MANY.state);
    }
    wait_for("a full receiver", LIMIT, || async { (hanging.open.load(Ordering::SeqCst) >= AT_ONCE).then_some(()) })
        .await;
    let other = service.submit(&request(&quick.url)).await;
    assert_eq!(service.end_of(other, LIMIT).await["state"], "PUSH_SUCCESS");
    let start = Instant::now();
    quick.wait(other).await;
    assert!(start.elapsed() < Duration::from_secs(10), "told after {:?}", start.elapsed());
    assert_eq!(hanging.most.load(Ordering::SeqCst), AT_ONCE);
    // Once it answers, it gets all of its own, each once.
    hanging.gate.send_replace(true);
    wait_for("every callback", LIMIT, || async { (hanging.received.lock().unwrap().len() == CALLBACKS).then_some(()) })
        .await;
    assert!(hanging.received.lock().unwrap().values().all(|times| *times == 1), "a callback came twice");
    assert_eq!(hanging.most.load(Ordering::SeqCst), AT_ONCE);
    service.stop().await;
}

//! A package index with one wheel, `gated`, that is handed out once the gate is open: a build waits there as long as a
//! test wants, and then goes well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use tokio::sync::watch;

use super::{TestService, wait_for};

const WHEEL: &[u8] = include_bytes!("../data/gated-1.0-py3-none-any.whl");

/// The index; it ends with the test's runtime.
pub struct GatedIndex {
    address: SocketAddr,
    gate: watch::Sender<bool>,
    asked: Arc<AtomicUsize>,
}

struct Shared {
    gate: watch::Receiver<bool>,
    asked: Arc<AtomicUsize>,
}

impl GatedIndex {
    /// Starts one with a closed gate.
    pub async fn start() -> Self {
        let (gate, listener) = watch::channel(false);
        let asked = Arc::new(AtomicUsize::new(0));
        let page = || async { Html("<a href=\"/files/gated-1.0-py3-none-any.whl\">gated-1.0-py3-none-any.whl</a>") };
        let router = Router::new()
            .route("/simple/gated/", get(page))
            .route("/files/gated-1.0-py3-none-any.whl", get(wheel))
            .with_state(Arc::new(Shared { gate: listener, asked: asked.clone() }));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { address, gate, asked }
    }

    /// Lays a pip configuration for it into a service's catalogue as mirror `gated`. Builds must use the host's network.
    pub fn lay_into(&self, service: &TestService) {
        service.lay("source/pip/gated/pip.conf", &self.pip_configuration());
    }

    /// What pip must know.
    pub fn pip_configuration(&self) -> String {
        let address = self.address;
        format!("[global]\nindex-url = http://{address}/simple/\ntrusted-host = 127.0.0.1\ntimeout = 600\n")
    }

    /// Waits until a build asked for the wheel.
    pub async fn wait_for_a_build(&self, builds: usize) {
        wait_for("a build at the gate", Duration::from_mins(4), || async {
            (self.asked.load(Ordering::SeqCst) >= builds).then_some(())
        })
        .await;
    }

    /// Hands the wheel out from now on.
    pub fn open(&self) {
        self.gate.send_replace(true);
    }
}

async fn wheel(State(shared): State<Arc<Shared>>) -> &'static [u8] {
    shared.asked.fetch_add(1, Ordering::SeqCst);
    // The gate's other end lives as long as the test.
    let _ = shared.gate.clone().wait_for(|is_open| *is_open).await;
    WHEEL
}

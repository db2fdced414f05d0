//! Processes that the harness starts of itself: a bare route, and the service over a scripted engine, which takes no
//! time. Processes of their own, so that memory and processor time are theirs alone.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fastbuild::clock::SystemClock;
use fastbuild::serve::{Outside, Service as Served};
use fastbuild::settings::load;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use super::outcome::Outcome;
use super::scripted::{ScriptedConnector, ScriptedEngine};
use super::service::{Service, free_port};

/// First argument of the bare route's process.
pub const BARE: &str = "serve-bare";
/// First argument of the scripted service's process.
pub const SCRIPTED: &str = "serve-scripted";

/// How a scripted engine behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Script {
    /// Builds wait until they are let through by a number on standard input.
    pub has_gate: bool,
    /// Waiting builds print a line this often; 0 for never.
    pub tick_milliseconds: u64,
    /// Builds at a time.
    pub slots: usize,
}

/// Starts a bare axum route that answers what `/healthz` answers.
pub async fn bare(directory: &Path) -> Outcome<Service> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([BARE, &port.to_string()]);
    Service::spawn(command, directory, port).await
}

/// Starts the service over a scripted engine.
pub async fn scripted(directory: &Path, script: Script) -> Outcome<Service> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    let Script { has_gate, tick_milliseconds, slots } = script;
    command.arg(SCRIPTED).arg(directory.join("data"));
    command.args([port.to_string(), has_gate.to_string(), tick_milliseconds.to_string(), slots.to_string()]);
    Service::spawn(command, directory, port).await
}

/// The bare route's process.
pub async fn serve_bare(arguments: &[String]) -> Outcome<()> {
    #[derive(serde::Serialize)]
    struct Health {
        status: &'static str,
    }
    let port: u16 = arguments.first().ok_or("a port")?.parse()?;
    let route = axum::routing::get(async || axum::Json(Health { status: "ok" }));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, axum::Router::new().route("/healthz", route)).await?)
}

/// The scripted service's process.
pub async fn serve_scripted(arguments: &[String]) -> Outcome<()> {
    let [base, port, has_gate, tick, slots] = arguments else {
        return Err("directory, port, gate, tick, slots".into());
    };
    let gate = has_gate.parse::<bool>()?.then(|| tokio::sync::Semaphore::new(0));
    let tick = Some(Duration::from_millis(tick.parse()?)).filter(|tick| !tick.is_zero());
    let engine = Arc::new(ScriptedEngine { gate, tick, ..ScriptedEngine::default() });
    let mut settings = load(None, [("FASTBUILD__FB__BASE_DIR".to_owned(), base.clone())])?;
    settings.build.max_concurrent = slots.parse()?;
    let connector = Arc::new(ScriptedConnector(engine.clone()));
    let service = Served::prepare(settings, Outside { clock: Arc::new(SystemClock), connector }).await?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    tokio::spawn(async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let (Ok(count), Some(gate)) = (line.trim().parse(), &engine.gate) {
                gate.add_permits(count);
            }
        }
    });
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let shutdown = async move {
        terminate.recv().await;
    };
    Ok(service.serve(listener, shutdown).await?)
}

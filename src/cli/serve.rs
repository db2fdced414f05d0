//! `fastbuild serve`: settings, logs, signals.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{SettingsArguments, complain};
use crate::clock::SystemClock;
use crate::engine::DockerConnector;
use crate::serve::{Outside, Service, StartError};
use crate::settings::{LogFormat, LogSection, Settings};

/// On a machine of one core, too, the others go on while something holds its thread.
const LEAST_THREADS: usize = 2;

pub(super) fn run(arguments: SettingsArguments) -> ExitCode {
    let (settings, file) = match arguments.load() {
        Ok(loaded) => loaded,
        Err(error) => return complain(&error),
    };
    start_log(&settings.log);
    let threads = std::thread::available_parallelism().map_or(LEAST_THREADS, usize::from).max(LEAST_THREADS);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    match runtime.block_on(serve(settings, file.as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

async fn serve(settings: Settings, file: Option<&Path>) -> Result<(), StartError> {
    if let Some(file) = file {
        tracing::info!("settings from {}", file.display());
    } else {
        tracing::info!("no settings file, so defaults and FASTBUILD__… variables");
    }
    // From here on a SIGHUP ends nothing, whether there is a certificate to read again or not.
    let hang_up = signal(SignalKind::hangup())?;
    let has_certificate = settings.tls.is_on();
    let address = format!("{}:{}", settings.fb.host, settings.fb.port);
    let listener = TcpListener::bind(&address).await.map_err(|source| {
        let reason = format!("cannot listen on {address}: {source}; choose another [fb] host and port");
        std::io::Error::new(source.kind(), reason)
    })?;
    let outside = Outside { clock: Arc::new(SystemClock), connector: Arc::new(DockerConnector::default()) };
    let service = Service::prepare(settings, outside).await?;
    let missing = service.state().site.missing_parts();
    if missing.is_empty() {
        tracing::info!("host, Harbor and Docker server are configured");
    } else {
        let parts: Vec<String> = missing.iter().map(ToString::to_string).collect();
        tracing::warn!(
            "not configured yet: {}; POST /api/fast-build/config/config-fastbuild, or open the console",
            parts.join(", ")
        );
    }
    let address = listener.local_addr()?;
    service.state().access.listen_on(address).await?;
    let scheme = if service.state().settings.tls.is_on() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    tracing::info!("listening on {url}, console at {url}/, API documents at {url}/docs");
    if service.state().access.is_closed().await? {
        if !service.state().store.has_access_tokens().await? {
            tracing::warn!(
                "callers need a token and there is none: fastbuild token create --name admin --role administer"
            );
        }
    } else {
        tracing::warn!("nobody is asked for a token; the first one made closes the service (fastbuild token create)");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    service
        .serve(listener, async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = note_hang_ups(hang_up, has_certificate) => {}
            }
        })
        .await
}

/// Says that a SIGHUP did nothing, where no certificate is read again; never ends.
async fn note_hang_ups(mut hang_up: Signal, has_certificate: bool) {
    while hang_up.recv().await.is_some() {
        if !has_certificate {
            tracing::info!("SIGHUP: without [tls] there is nothing to read again; settings are read at the start");
        }
    }
    std::future::pending::<()>().await;
}

fn start_log(settings: &LogSection) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    match settings.format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// `fastbuild openapi`: the document, for generators of clients.
#[expect(clippy::print_stdout, reason = "printing is its job")]
pub(super) fn print_openapi() -> ExitCode {
    match crate::api::openapi_document().to_pretty_json() {
        Ok(document) => {
            println!("{document}");
            ExitCode::SUCCESS
        }
        Err(error) => complain(&error),
    }
}

//! `fastbuild healthcheck`: for container engines, which have no curl at hand.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{SettingsArguments, complain};

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct HealthArguments {
    /// Address of the service; where the settings have it listen when none is given.
    #[arg(long, env = "FASTBUILD_URL", hide_env_values = true)]
    url: Option<String>,
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(super) fn run(arguments: HealthArguments) -> ExitCode {
    let url = match arguments.url {
        Some(url) => url,
        None => match arguments.settings.load() {
            Ok((settings, _)) => own_url(&settings.fb.host, settings.fb.port),
            Err(error) => return complain(&error),
        },
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    runtime.block_on(async {
        match ask(&url).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error),
        }
    })
}

/// Where a service that listens on this address is reached from the same machine.
fn own_url(host: &str, port: u16) -> String {
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "[::1]",
        host => host,
    };
    format!("http://{host}:{port}")
}

async fn ask(url: &str) -> Result<(), reqwest::Error> {
    let client = reqwest::Client::builder().timeout(LIMIT).no_proxy().build()?;
    client.get(format!("{}/healthz", url.trim_end_matches('/'))).send().await?.error_for_status()?;
    Ok(())
}

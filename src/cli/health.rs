//! `fastbuild healthcheck`: for container engines, which have no curl at hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::connection::{cause_of, trust};
use super::failure::ClientError;
use super::{SettingsArguments, complain};
use crate::settings::Settings;

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct HealthArguments {
    /// Address of the service; where the settings have it listen when none is given.
    #[arg(long, env = "FASTBUILD_URL", hide_env_values = true)]
    url: Option<String>,
    /// PEM file of the CA that issued the service's certificate.
    #[arg(long, env = "FASTBUILD_CA", hide_env_values = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(super) fn run(arguments: HealthArguments) -> ExitCode {
    let is_own = arguments.url.is_none() && arguments.ca.is_none();
    let url = match arguments.url {
        Some(url) => url,
        None => match arguments.settings.load() {
            Ok((settings, _)) => own_url(&settings),
            Err(error) => return complain(&error),
        },
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    runtime.block_on(async {
        match ask(&url, arguments.ca.as_deref(), is_own).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error),
        }
    })
}

/// Where a service with these settings is reached from the same machine.
fn own_url(settings: &Settings) -> String {
    let scheme = if settings.tls.is_on() { "https" } else { "http" };
    let host = match settings.fb.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "[::1]",
        host => host,
    };
    format!("{scheme}://{host}:{}", settings.fb.port)
}

async fn ask(url: &str, authority: Option<&Path>, is_own: bool) -> Result<(), ClientError> {
    let url = url.trim_end_matches('/');
    let unreachable =
        |error: &reqwest::Error| ClientError::Unreachable { url: url.to_owned(), reason: cause_of(error) };
    // The certificate of the service on this very machine need not name the loopback, and nothing secret is asked.
    let builder = reqwest::Client::builder().timeout(LIMIT).no_proxy().danger_accept_invalid_certs(is_own);
    let client = trust(builder, url, authority)?.build().map_err(|error| unreachable(&error))?;
    let answer = client.get(format!("{url}/healthz")).send().await.map_err(|error| unreachable(&error))?;
    answer.error_for_status().map(|_| ()).map_err(|error| unreachable(&error))
}

//! `fastbuild healthcheck`: for container engines, which have no curl at hand.

use std::process::ExitCode;
use std::time::Duration;

use super::complain;

const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn run(url: &str) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    runtime.block_on(async {
        match ask(url).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error),
        }
    })
}

async fn ask(url: &str) -> Result<(), reqwest::Error> {
    let client = reqwest::Client::builder().timeout(LIMIT).no_proxy().build()?;
    client.get(format!("{}/healthz", url.trim_end_matches('/'))).send().await?.error_for_status()?;
    Ok(())
}

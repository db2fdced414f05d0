//! Pulls.

use http::Method;
use url::form_urlencoded::Serializer;

use super::daemon::{Call, Daemon};
use super::push::report;
use super::{EngineError, ProgressSink, RegistryAccount, images};
use crate::cause::Cause;
use crate::image::{ImageConfig, ImageReference};

/// Pulls an image. Its presence afterwards is the verdict, not the stream's end.
pub(super) async fn pull(
    daemon: &Daemon,
    reference: &ImageReference,
    account: Option<&RegistryAccount>,
    sink: &dyn ProgressSink,
) -> Result<ImageConfig, EngineError> {
    // Without a tag the daemon would pull every tag of the repository.
    let wanted = reference.digest().map_or_else(|| reference.tag_or_latest(), |digest| digest.as_str());
    let path = format!("/images/create?{}", query(&reference.name(), wanted));
    let call = Call::new(Method::POST, &path).with_account(account);
    let mut stream = daemon.stream(call.empty()?).await?;
    loop {
        match stream.next().await {
            Ok(Some(message)) => {
                if let Some(text) = message.error_text() {
                    return Err(EngineError::from_registry(text));
                }
                report(&message, sink);
            }
            Ok(None) => break,
            // An older image may stand under the name, so an inspection would prove nothing here.
            Err(error) => return Err(EngineError::lost(&error)),
        }
    }
    let found = images::inspect(daemon, &reference.to_string()).await?;
    found.ok_or_else(|| {
        EngineError::new(Cause::DaemonLost, format!("the pull of {reference} ended, but the daemon does not have it"))
    })
}

fn query(name: &str, tag: &str) -> String {
    Serializer::new(String::new()).append_pair("fromImage", name).append_pair("tag", tag).finish()
}

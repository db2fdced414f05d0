//! Pushes, and digests as the registry knows them.

use http::{Method, StatusCode};
use url::form_urlencoded;

use super::daemon::{ANSWER_LIMIT, Call, Daemon};
use super::message::Message;
use super::{DigestSource, EngineError, Progress, ProgressSink, RegistryAccount, images};
use crate::cause::Cause;
use crate::image::{Digest, ImageReference};

/// Pushes a tagged image. The digest comes from the stream and is compared with what the registry then holds; where
/// nobody can ask the registry for it, the stream's word stands, because the registry gave it.
pub(super) async fn push(
    daemon: &Daemon,
    reference: &ImageReference,
    account: Option<&RegistryAccount>,
    digests: &dyn DigestSource,
    sink: &dyn ProgressSink,
) -> Result<Digest, EngineError> {
    let tag: String = form_urlencoded::byte_serialize(reference.tag_or_latest().as_bytes()).collect();
    let path = format!("/images/{}/push?tag={tag}", reference.name());
    let mut stream = daemon.stream(Call::new(Method::POST, &path).with_account(account).empty()?).await?;
    let mut claimed = None;
    let ended = loop {
        match stream.next().await {
            Ok(Some(message)) => {
                if let Some(text) = message.error_text() {
                    return Err(refused(text));
                }
                claimed = pushed_digest(&message).or(claimed);
                report(&message, sink);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(EngineError::lost(&error)),
        }
    };
    let confirmed = match digests.digest_of(reference).await {
        Some(digest) => Ok(Some(digest)),
        None => resolve_digest(daemon, reference, account).await,
    };
    match (claimed, confirmed) {
        (Some(claimed), Ok(Some(confirmed))) if claimed == confirmed => Ok(claimed),
        (Some(claimed), Ok(Some(confirmed))) => Err(EngineError::new(
            Cause::Internal,
            format!(
                "{claimed} was pushed as {reference}, but the registry holds {confirmed}: somebody else pushed to this name"
            ),
        )),
        (Some(claimed), Ok(None)) => Err(EngineError::new(
            Cause::RegistryUnreachable,
            format!("{claimed} was pushed as {reference}, but the registry does not have it"),
        )),
        (Some(claimed), Err(error)) => {
            tracing::debug!("the digest of {reference} could not be asked for after the push: {error}");
            Ok(claimed)
        }
        (None, Ok(Some(confirmed))) if is_known_locally(daemon, reference, &confirmed).await? => Ok(confirmed),
        (None, _) => {
            ended?;
            let text = format!("the push of {reference} ended without a digest");
            Err(EngineError::new(Cause::RegistryUnreachable, text))
        }
    }
}

/// A push has no base to miss: a project or repository that is not there is one that the account may not use.
fn refused(text: &str) -> EngineError {
    let error = EngineError::from_registry(text);
    let cause = if error.cause == Cause::BaseNotFound { Cause::RegistryAuth } else { error.cause };
    EngineError { cause, ..error }
}

/// The digest that a reference has in its registry.
pub(super) async fn resolve_digest(
    daemon: &Daemon,
    reference: &ImageReference,
    account: Option<&RegistryAccount>,
) -> Result<Option<Digest>, EngineError> {
    let name = match reference.digest() {
        Some(digest) => format!("{}@{digest}", reference.name()),
        None => format!("{}:{}", reference.name(), reference.tag_or_latest()),
    };
    let request = Call::new(Method::GET, &format!("/distribution/{name}/json")).with_account(account).empty()?;
    let answer = match daemon.ask::<Distribution>(request, ANSWER_LIMIT).await {
        Ok(answer) => answer,
        Err(error) if error.cause == Cause::BaseNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let digest = answer.descriptor.digest.parse();
    digest.map(Some).map_err(|error| EngineError::new(Cause::Internal, format!("the digest of {reference}: {error}")))
}

#[derive(serde::Deserialize)]
struct Distribution {
    #[serde(rename = "Descriptor")]
    descriptor: Descriptor,
}

#[derive(serde::Deserialize)]
struct Descriptor {
    digest: String,
}

/// Whether the daemon itself noted this digest for the image: the push was complete, only its stream was not.
async fn is_known_locally(daemon: &Daemon, reference: &ImageReference, digest: &Digest) -> Result<bool, EngineError> {
    let config = images::inspect(daemon, &reference.to_string()).await?;
    let suffix = format!("/{}@{digest}", reference.repository());
    let plain = format!("{}@{digest}", reference.name());
    let digests = config.map(|config| config.repository_digests).unwrap_or_default();
    Ok(digests.iter().any(|known| *known == plain || known.ends_with(&suffix)))
}

/// `1: digest: sha256:… size: 527`, or the same as data.
fn pushed_digest(message: &Message) -> Option<Digest> {
    let of_data = message.aux.as_ref().and_then(|aux| aux.get("Digest")?.as_str()?.parse().ok());
    of_data.or_else(|| {
        let (_, rest) = message.status.as_deref()?.split_once(": digest: ")?;
        rest.split_whitespace().next()?.parse().ok()
    })
}

/// Passes on what moves: bytes of a layer, else a line of text.
pub(super) fn report(message: &Message, sink: &dyn ProgressSink) {
    let Some(status) = message.status.as_deref().filter(|status| !status.is_empty()) else { return };
    let item = message.id.clone();
    let detail = message.progress_detail.as_ref();
    let count = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
    let (current, total) = detail.map_or((0, 0), |detail| (count(detail.current), count(detail.total)));
    if current > 0 {
        let item = item.unwrap_or_else(|| status.to_owned());
        sink.record(Progress::Bytes { item, current, total });
        return;
    }
    let text = item.map_or_else(|| status.to_owned(), |item| format!("{item}: {status}"));
    sink.record(Progress::Line { step: None, is_error: false, text });
}

/// Tests an account: the daemon logs in at the registry and says how that went.
pub(super) async fn check_login(daemon: &Daemon, account: &RegistryAccount) -> Result<(), EngineError> {
    let request = Call::new(Method::POST, "/auth").json(&super::daemon::credentials(account))?;
    let answer: serde_json::Value = daemon.ask(request, ANSWER_LIMIT).await?;
    match answer.get("Status").and_then(serde_json::Value::as_str) {
        Some(status) if !status.eq_ignore_ascii_case("login succeeded") => {
            Err(EngineError::answered(StatusCode::UNAUTHORIZED, status))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_project_is_no_missing_base() {
        assert_eq!(refused("name unknown: project nowhere not found").cause, Cause::RegistryAuth);
        assert_eq!(refused("received unexpected HTTP status: 502 Bad Gateway").cause, Cause::RegistryUnreachable);
    }

    #[test]
    fn the_digest_stands_in_text_or_data() {
        let hex = "a".repeat(64);
        for value in [
            json!({"status": format!("v1: digest: sha256:{hex} size: 527")}),
            json!({"progressDetail": {}, "aux": {"Tag": "v1", "Digest": format!("sha256:{hex}"), "Size": 527}}),
        ] {
            let message = serde_json::from_value(value).expect("message");
            assert_eq!(pushed_digest(&message).expect("digest").hex(), hex);
        }
        for value in [json!({"status": "v1: digest: sha256:short size: 1"}), json!({"status": "Pushed", "id": "abc"})] {
            assert_eq!(pushed_digest(&serde_json::from_value(value).expect("message")), None);
        }
    }
}

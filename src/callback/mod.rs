//! The callback: an outbox row becomes a POST until the receiver says 200.
//!
//! The row is written in the transaction that ends the task, so none is lost; every attempt is recorded; a delivery
//! keeps its id over all attempts, so that a receiver can tell a repetition.

mod delivery;
mod docker_server;
mod echo;
mod held_back;
mod outcome;
mod policy;
mod resolver;
mod schedule;
mod sender;
mod signature;

pub use delivery::{CallbackService, CallbackSetupError, ResendError};
pub use policy::{AddressPolicy, PolicyError, RefusedAddress};
pub use sender::Answer;
pub use signature::SigningSecretError;

use crate::store::NewDelivery;
use crate::task::{TaskId, TaskState};

/// The callback that reports a task's end; `None` when the task has no callback URL.
pub fn report(
    task_id: TaskId,
    target_image_name: &str,
    state: TaskState,
    cause: Option<crate::cause::Cause>,
    url: &str,
) -> Option<NewDelivery> {
    if url.is_empty() {
        return None;
    }
    let mut body = serde_json::json!({ "imageName": target_image_name, "taskId": task_id, "state": state });
    if let Some(cause) = cause {
        body["cause"] = serde_json::json!(cause);
    }
    let delivery_id = format!("task-{task_id}-{}", hex::encode(rand::random::<[u8; 8]>()));
    Some(NewDelivery { delivery_id, url: url.to_owned(), receiver: receiver(url), body: body.to_string() })
}

/// Scheme, host and port of an address however it is written; what is no address is its own receiver.
fn receiver(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::receiver;

    #[test]
    fn one_receiver_is_one_however_its_address_is_written() {
        for url in ["http://cb.example:80/a", "HTTP://CB.example/b?c", "http://cb.example"] {
            assert_eq!(receiver(url), "http://cb.example", "{url}");
        }
        assert_ne!(receiver("http://cb.example:81/"), receiver("http://cb.example/"));
        assert_ne!(receiver("https://cb.example/"), receiver("http://cb.example/"));
    }
}

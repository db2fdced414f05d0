//! Following a task to its end: server-sent events where the service offers them, questions where it does not.
//!
//! A lost connection is taken up again where it broke, so that no line is lost or shown twice; leaving from the keyboard
//! leaves the task alone.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::answer;
use super::connection::Connection;
use super::failure::{ClientError, INTERRUPTED};
use super::outcome::{self, TaskEnd};
use super::output;
use super::poll;
use super::server_events::Decoder;
use super::view::View;
use crate::language::{Notice, explain};
use crate::progress::{Event, EventBody};
use crate::task::TaskId;

/// A stream gives a sign of life more often than this, or it is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a task is followed.
#[derive(Debug, Clone, Args)]
pub(super) struct FollowArguments {
    /// How long a lost service is waited for.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    reconnect_seconds: u64,
}

/// How a stream of events came to its end.
enum StreamEnd {
    /// The task's end was seen.
    Ended(TaskEnd),
    /// The service does not offer events.
    NotOffered,
    /// The stream broke, after events or before the first.
    Broken,
}

/// What a follower remembers between two streams.
struct Follower<'a> {
    service: &'a Connection,
    task_id: TaskId,
    last_id: Option<String>,
    last_sequence: u64,
}

/// Follows a task and gives the exit code that its end deserves.
pub(super) async fn follow(
    service: &Connection,
    task_id: TaskId,
    mut view: View,
    arguments: &FollowArguments,
) -> Result<ExitCode, ClientError> {
    let patience = Duration::from_secs(arguments.reconnect_seconds);
    let followed = tokio::select! {
        end = to_the_end(service, task_id, &mut view, patience) => Some(end),
        _ = tokio::signal::ctrl_c() => None,
    };
    view.close();
    if let Some(end) = followed {
        return outcome::report(service, task_id, end?).await;
    }
    output::note(&service.say(&Notice::GoesOn(task_id.0)));
    output::note(&service.say(&Notice::EndWith(task_id.0)));
    Ok(ExitCode::from(INTERRUPTED))
}

async fn to_the_end(
    service: &Connection,
    task_id: TaskId,
    view: &mut View,
    patience: Duration,
) -> Result<TaskEnd, ClientError> {
    let mut follower = Follower { service, task_id, last_id: None, last_sequence: 0 };
    let mut pause = FIRST_PAUSE;
    let mut lost: Option<Instant> = None;
    loop {
        let before = follower.last_sequence;
        let outcome = match follower.stream(view).await {
            Ok(StreamEnd::Ended(end)) => return Ok(end),
            Ok(StreamEnd::NotOffered) => poll::to_the_end(service, task_id, view).await,
            // The stream may have broken because there is nothing more to tell.
            Ok(StreamEnd::Broken) => outcome::end_of(service, task_id).await,
            Err(error) => Err(error).map(|()| None),
        };
        if follower.last_sequence > before {
            (pause, lost) = (FIRST_PAUSE, None);
        }
        match outcome {
            Ok(Some(end)) => return Ok(end),
            Ok(None) => lost = None,
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Unreadable { .. })) => {
                let since = *lost.get_or_insert_with(|| {
                    output::note(&format!("fastbuild: {}", error.said(service.language)));
                    output::note(&format!("fastbuild: {}", service.say(&Notice::TryingAgain)));
                    Instant::now()
                });
                if since.elapsed() >= patience {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl Follower<'_> {
    /// One stream, from where the last one broke.
    async fn stream(&mut self, view: &mut View) -> Result<StreamEnd, ClientError> {
        let last_id = self.last_id.clone();
        let query = [("task_id", self.task_id.to_string())];
        let opening = self.service.open("/task/events", |request| {
            let request = request.query(&query).header(ACCEPT, "text/event-stream");
            match last_id {
                Some(id) => request.header("Last-Event-ID", id),
                None => request,
            }
        });
        let Ok(response) = timeout(SILENCE_LIMIT, opening).await else { return Ok(StreamEnd::Broken) };
        let response = response?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") || !response.status().is_success() {
            let (status, url) = (response.status(), response.url().to_string());
            let body = response.bytes().await.map_err(|error| self.service.unreachable(&error))?;
            if status == StatusCode::NO_CONTENT {
                return Ok(StreamEnd::Broken);
            }
            return match answer::read(&url, status, &body) {
                // An unknown task or a wrong token is no better asked otherwise.
                Err(error @ (ClientError::Unauthorized(_) | ClientError::Invalid(_))) => Err(error),
                _ => Ok(StreamEnd::NotOffered),
            };
        }
        let mut bytes = response.bytes_stream();
        let mut decoder = Decoder::default();
        while let Ok(Some(Ok(chunk))) = timeout(SILENCE_LIMIT, bytes.next()).await {
            for event in decoder.push(&chunk) {
                if let Some(end) = self.take(&event.data, event.id, view)? {
                    return Ok(StreamEnd::Ended(end));
                }
            }
        }
        Ok(StreamEnd::Broken)
    }

    fn take(&mut self, data: &str, id: Option<String>, view: &mut View) -> Result<Option<TaskEnd>, ClientError> {
        // A newer service may send what this program does not know.
        let Ok(document) = serde_json::from_str::<Value>(data) else { return Ok(None) };
        let event = serde_json::from_value::<Event>(document.clone()).ok();
        let sequence = event.as_ref().map_or(0, |event| event.sequence);
        if sequence != 0 && sequence <= self.last_sequence {
            return Ok(None);
        }
        self.last_sequence = self.last_sequence.max(sequence);
        self.last_id = id.or_else(|| self.last_id.take());
        view.show(&document, event.as_ref())?;
        Ok(match event.map(|event| event.body) {
            Some(EventBody::End { state, cause, explanation }) => {
                let message = explanation.map(|said| explain(&said, cause, self.service.language));
                Some(TaskEnd { state, cause, message })
            }
            _ => None,
        })
    }
}

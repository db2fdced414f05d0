//! Callbacks: what is in the outbox, what was sent, and sending one again.

use askama::Template;
use axum::Json;
use axum::extract::{OriginalUri, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::figures::{Stamp, stamp};
use super::outcome::Outcome;
use super::page::{Frame, PageError, Section, respond};
use super::paging::{ListQuery, PAGE_SIZE, Paging, page_number};
use super::speech::Speech;
use super::texts::Texts;
use crate::callback::Answer;
use crate::store::{AttemptRow, DeliveryRow};
use crate::task::TaskId;

const ATTEMPTS_SHOWN: i64 = 30;

#[derive(Template)]
#[template(path = "callbacks.html")]
struct CallbacksPage {
    frame: Frame,
    t: &'static Texts,
    deliveries: Vec<DeliveryEntry>,
    attempts: Vec<AttemptEntry>,
    paging: Paging,
}

struct DeliveryEntry {
    task_id: i64,
    url: String,
    body: String,
    tone: &'static str,
    status: &'static str,
    attempts: i64,
    created: Stamp,
    next: Option<Stamp>,
}

struct AttemptEntry {
    task_id: i64,
    url: String,
    result: String,
    status_code: Option<i64>,
    is_delivered: bool,
    time: Stamp,
}

async fn page(
    console: &Console,
    speech: Speech,
    uri: &http::Uri,
    query: &ListQuery,
) -> Result<CallbacksPage, PageError> {
    let t = speech.texts;
    let zone = &console.settings.fb.time_zone.0;
    let (rows, total) = console.store.deliveries(page_number(query), PAGE_SIZE).await?;
    let delivery = |row: DeliveryRow| {
        let (tone, status) = match row.status.as_str() {
            "delivered" => ("good", t.callbacks.delivered),
            "expired" => ("bad", t.callbacks.expired),
            _ => ("busy", t.callbacks.pending),
        };
        DeliveryEntry {
            next: (row.status == "pending").then(|| stamp(row.next_attempt_time, zone)),
            created: stamp(row.create_time, zone),
            task_id: row.task_id,
            url: row.url,
            body: row.body,
            attempts: row.attempts,
            tone,
            status,
        }
    };
    let attempt = |row: AttemptRow| AttemptEntry {
        is_delivered: row.status_code == Some(200),
        time: stamp(row.create_time, zone),
        task_id: row.task_id,
        url: row.url,
        result: row.result,
        status_code: row.status_code,
    };
    Ok(CallbacksPage {
        frame: Frame::new(console, speech, Section::Callbacks, uri),
        t,
        paging: Paging::new("/console/callbacks", query, rows.len(), total),
        deliveries: rows.into_iter().map(delivery).collect(),
        attempts: console.store.attempts(ATTEMPTS_SHOWN).await?.into_iter().map(attempt).collect(),
    })
}

/// Shows the callbacks.
pub(super) async fn show(
    State(console): State<Console>,
    speech: Speech,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Response {
    respond(page(&console, speech.clone(), &uri, &query).await, speech, &uri)
}

/// Whose callback to send again.
#[derive(Debug, Deserialize)]
pub(super) struct Resend {
    task_id: TaskId,
}

/// Sends a task's callback once more and says what the receiver answered.
pub(super) async fn resend(State(console): State<Console>, speech: Speech, Json(order): Json<Resend>) -> Outcome {
    let t = speech.texts;
    match console.callbacks.resend_for_task(order.task_id).await {
        Ok(Some(answer)) => described(&answer, t),
        Ok(None) => Outcome::refused(t.callbacks.unknown),
        Err(error) => {
            tracing::error!(task.id = %order.task_id, "the callback of task {} cannot be sent: {error}", order.task_id);
            Outcome::refused(t.common.failed)
        }
    }
}

fn described(answer: &Answer, t: &'static Texts) -> Outcome {
    let status = answer.status_code.map_or_else(|| t.callbacks.no_answer.to_owned(), |code| format!("HTTP {code}"));
    let words = format!("{status}: {}", answer.text);
    let words = words.trim_end_matches([':', ' ']).to_owned();
    if answer.is_delivered() { Outcome::done(words) } else { Outcome::refused(words) }
}

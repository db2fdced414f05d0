//! Answers that are kept while nothing is written: a list that a hundred consoles poll is read once per change.
//!
//! An answer belongs to the number of commits before it was read, so that whoever wrote something reads it afterwards.
//! It is also dropped after a quarter of a second, for what other processes write. Who comes while an answer is made
//! waits for that one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::ApiError;
use super::envelope::Answer;
use crate::language::Language;
use crate::store::{Store, TaskFilter};

const FRESH: Duration = Duration::from_millis(250);
/// Different questions in a quarter of a second; more than this are too many to be worth keeping.
const MOST_KEPT: usize = 64;
/// Larger answers are not polled for, and not worth their memory.
const MOST_BYTES: usize = 64 << 10;

/// All that an answer depends on, beside the rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// What was asked for.
    pub(super) filter: TaskFilter,
    /// Page, from 1.
    pub(super) page: i64,
    /// Rows of a page.
    pub(super) page_size: i64,
    /// Language of hints.
    pub(super) language: Language,
    /// Whose tasks alone are shown.
    pub(super) owner: Option<String>,
}

/// Kept answers.
#[derive(Default)]
pub struct KeptAnswers(Mutex<HashMap<Question, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    kept: RwLock<Option<Kept>>,
    making: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    commits: u64,
    made: Instant,
    body: Bytes,
}

impl Slot {
    fn current(&self, store: &Store) -> Option<Bytes> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let current = kept.as_ref().filter(|kept| kept.commits == store.commits() && kept.made.elapsed() < FRESH);
        current.map(|kept| kept.body.clone())
    }
}

impl KeptAnswers {
    fn slot(&self, question: Question) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST_KEPT && !slots.contains_key(&question) {
            slots.clear();
        }
        Arc::clone(slots.entry(question).or_default())
    }

    /// The kept answer to a question, or the one that is made now.
    pub(super) async fn answer<T: Serialize>(
        &self,
        question: Question,
        store: &Store,
        make: impl Future<Output = Answer<T>>,
    ) -> Result<KeptAnswer, ApiError> {
        let slot = self.slot(question);
        if let Some(body) = slot.current(store) {
            return Ok(KeptAnswer(body));
        }
        let _making = slot.making.lock().await;
        if let Some(body) = slot.current(store) {
            return Ok(KeptAnswer(body));
        }
        let (commits, made) = (store.commits(), Instant::now());
        let body = Bytes::from(serde_json::to_vec(&make.await?.0).map_err(ApiError::internal)?);
        let kept = Some(Kept { commits, made, body: body.clone() }).filter(|kept| kept.body.len() <= MOST_BYTES);
        *slot.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(KeptAnswer(body))
    }
}

/// An answer that is written already.
pub(super) struct KeptAnswer(Bytes);

impl IntoResponse for KeptAnswer {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0).into_response()
    }
}

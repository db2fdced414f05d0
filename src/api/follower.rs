//! One watcher of a task: takes what the task has just told, or reads the journal where it is behind, and ends after the
//! end.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event as SseEvent;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::AppState;
use super::events::HEARTBEAT;
use crate::access::Proof;
use crate::cause::Cause;
use crate::language::Language;
use crate::metrics::Watching;
use crate::progress::{Bell, Event, EventBody, JournalReader, Numbered, Told};
use crate::store::TaskRow;
use crate::task::{TaskId, TaskState};

/// How long a watcher waits when nobody can wake it: a task that waits, or one between two writers.
const QUIET_PAUSE: Duration = Duration::from_millis(250);
const BATCH: usize = 256;

/// One watcher.
pub(super) struct Follower {
    state: AppState,
    task_id: TaskId,
    reader: JournalReader,
    bell: Option<Bell>,
    last: u64,
    language: Language,
    is_over: bool,
    proof: Proof,
    admitted: Instant,
    _watching: Watching,
}

impl Follower {
    pub(super) fn new(state: AppState, task: &TaskRow, after: u64, language: Language, proof: Proof) -> Self {
        let directory = state.pipeline.workspaces.directory(&task.work_dir_name);
        let reader = JournalReader::of_events(&directory, after);
        let watching = state.metrics.watching();
        Self {
            _watching: watching,
            state,
            task_id: task.id(),
            reader,
            bell: None,
            last: after,
            language,
            is_over: false,
            proof,
            admitted: Instant::now(),
        }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            let events = follower.next().await?;
            Some((stream::iter(events.into_iter().map(Ok)), follower))
        })
        .flatten()
    }

    /// The next events; `None` when nothing follows.
    async fn next(&mut self) -> Option<Vec<SseEvent>> {
        loop {
            if self.is_over || !self.is_still_admitted().await {
                return None;
            }
            // Both are taken before the journal is read, so that nothing written in between is missed.
            let opened = self.state.feeds.opened();
            if self.bell.is_none() {
                self.bell = self.state.feeds.listen(self.task_id);
            }
            match self.bell.as_ref().and_then(|bell| bell.after(self.last)) {
                Some(told) if !told.is_empty() => return Some(told.into_iter().map(|told| self.told(&told)).collect()),
                Some(_) => {}
                None => {
                    self.reader.skip_to(self.last);
                    let lines = self.reader.read(BATCH).await.unwrap_or_default();
                    if !lines.is_empty() {
                        return Some(lines.iter().filter_map(|line| self.read(line)).collect());
                    }
                    if let Some(ending) = self.ending().await {
                        self.is_over = true;
                        return Some(vec![ending]);
                    }
                }
            }
            if !self.wait(opened).await {
                return None;
            }
        }
    }

    /// Whether the watcher may go on, as often as there is a heartbeat. When that cannot be found out it ends, as every
    /// other request does, and its client comes again.
    async fn is_still_admitted(&mut self) -> bool {
        if self.admitted.elapsed() < HEARTBEAT {
            return true;
        }
        self.admitted = Instant::now();
        self.state.access.still_admits(&self.proof).await.unwrap_or(false)
    }

    fn told(&mut self, told: &Told) -> SseEvent {
        self.last = told.number;
        self.event(told.number, told.name, told.is_end, &told.line)
    }

    fn read(&mut self, line: &Numbered) -> Option<SseEvent> {
        self.last = line.number;
        let event: Event = serde_json::from_str(&line.line).ok()?;
        let is_end = matches!(event.body, EventBody::End { .. });
        Some(self.event(line.number, event.body.name(), is_end, &line.line))
    }

    fn event(&mut self, number: u64, name: &str, is_end: bool, line: &str) -> SseEvent {
        let shown = SseEvent::default().id(number.to_string()).event(name);
        self.is_over |= is_end;
        match is_end.then(|| serde_json::from_str(line)) {
            Some(Ok(event)) => shown.data(self.in_words(event)),
            _ => shown.data(line),
        }
    }

    /// The end of a task whose journal does not tell it: one that ended before there was a journal, or whose directory is
    /// gone.
    async fn ending(&self) -> Option<SseEvent> {
        if self.bell.is_some() {
            return None;
        }
        let task = self.state.store.task(self.task_id).await.ok()?;
        let body = match task {
            Some(task) if !task.task_state().is_end() => return None,
            Some(task) => EventBody::End {
                state: task.task_state(),
                cause: task.cause.as_deref().and_then(Cause::from_code),
                explanation: task.explanation(),
            },
            None => EventBody::End { state: TaskState::BuildAbort, cause: None, explanation: None },
        };
        let event = Event { sequence: self.last + 1, time_micros: self.state.clock.now().0, body };
        Some(SseEvent::default().id(event.sequence.to_string()).event("end").data(self.in_words(event)))
    }

    /// The last event in the watcher's language.
    fn in_words(&self, event: Event) -> String {
        let event = Event { body: event.body.in_language(self.language), ..event };
        serde_json::to_string(&event).unwrap_or_default()
    }

    /// Waits for the next event; `false` when the service stops.
    async fn wait(&mut self, mut opened: watch::Receiver<()>) -> bool {
        let stop = self.state.stop.clone();
        let look = tokio::time::sleep_until(self.admitted + HEARTBEAT);
        let rung = async {
            match self.bell.as_mut() {
                Some(bell) => {
                    if !bell.rings_after(self.last).await {
                        // The task runs no longer: its journal is complete, or its end is about to be told.
                        self.bell = None;
                        drop(tokio::time::timeout(QUIET_PAUSE, opened.changed()).await);
                    }
                }
                // Waiting tasks have no bell yet.
                None => drop(tokio::time::timeout(QUIET_PAUSE, opened.changed()).await),
            }
        };
        tokio::select! {
            () = stop.cancelled() => false,
            () = rung => true,
            () = look => true,
        }
    }
}

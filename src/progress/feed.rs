//! The writing side of a task's journal and logs, and the bell that wakes watchers.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::event::{Event, EventBody};
use super::journal;
use super::recent::{Bell, Recent, Told};
use crate::clock::Clock;
use crate::engine::{Progress, ProgressSink};
use crate::task::{StageName, TaskId};

const MAX_LINE_BYTES: usize = 16 << 10;

/// The feeds of all running tasks.
#[derive(Default)]
pub struct Feeds {
    bells: Mutex<HashMap<TaskId, Bell>>,
    /// Rings whenever a task gets its bell.
    opened: watch::Sender<()>,
}

impl Feeds {
    /// Opens the feed of a task; its events go on from the last number in the journal.
    pub async fn open(&self, task_id: TaskId, directory: &Path, clock: Arc<dyn Clock>) -> io::Result<Feed> {
        let path = directory.join(journal::FILE_NAME);
        let (lines, is_torn) = journal::count_lines(&path).await?;
        let mut journal = append(&path)?;
        if is_torn {
            journal.write_all(b"\n")?;
        }
        let sequence = lines + u64::from(is_torn);
        let (bell, listener) = watch::channel(sequence);
        let recent = Arc::new(Recent::new(sequence));
        self.lock().insert(task_id, Bell { number: listener, recent: recent.clone() });
        self.opened.send_replace(());
        let inner = FeedInner { journal, logs: HashMap::new(), sequence, is_broken: false };
        let (directory, last_sign) = (directory.to_owned(), Mutex::new(Instant::now()));
        Ok(Feed { task_id, directory, clock, bell, recent, inner: Mutex::new(inner), last_sign })
    }

    /// The bell of a running task.
    pub fn listen(&self, task_id: TaskId) -> Option<Bell> {
        self.lock().get(&task_id).cloned()
    }

    /// Changes whenever a task begins to run, for those who wait for one that has no bell yet.
    pub fn opened(&self) -> watch::Receiver<()> {
        self.opened.subscribe()
    }

    /// Forgets a task that runs no longer; its watchers see their bell closed.
    pub fn close(&self, task_id: TaskId) {
        self.lock().remove(&task_id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, Bell>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The feed of one task. A disk that refuses to write costs log lines, never the task.
pub struct Feed {
    task_id: TaskId,
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    bell: watch::Sender<u64>,
    recent: Arc<Recent>,
    inner: Mutex<FeedInner>,
    last_sign: Mutex<Instant>,
}

struct FeedInner {
    journal: File,
    logs: HashMap<StageName, File>,
    sequence: u64,
    is_broken: bool,
}

impl Feed {
    /// Writes an event.
    pub fn write(&self, body: EventBody) {
        *self.last_sign.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event { sequence: inner.sequence + 1, time_micros: self.clock.now().0, body };
        let outcome = self.put(&mut inner, &event);
        match outcome {
            Ok(line) => {
                inner.sequence = event.sequence;
                inner.is_broken = false;
                self.recent.push(Told {
                    number: event.sequence,
                    name: event.body.name(),
                    is_end: matches!(event.body, EventBody::End { .. }),
                    line: line.into(),
                });
                drop(inner);
                self.bell.send_replace(event.sequence);
            }
            Err(error) if !inner.is_broken => {
                inner.is_broken = true;
                tracing::warn!(task.id = %self.task_id, "task {}: its log cannot be written: {error}", self.task_id);
            }
            Err(_) => {}
        }
    }

    /// How long ago the last event was, whether or not it could be written.
    pub fn silent_for(&self) -> Duration {
        self.last_sign.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Writes a line of a stage's log that is our own.
    pub fn log(&self, stage: StageName, text: impl Into<String>) {
        self.write(EventBody::Log { stage, text: clean_line(&text.into()), is_error: false, step: None });
    }

    /// A sink for what the daemon reports during a stage.
    pub fn sink(&self, stage: StageName) -> StageSink<'_> {
        StageSink { feed: self, stage }
    }

    fn put(&self, inner: &mut FeedInner, event: &Event) -> io::Result<String> {
        if let EventBody::Log { stage, text, .. } = &event.body {
            let log = match inner.logs.entry(*stage) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(append(&self.directory.join(stage.log_file()))?)
                }
            };
            log.write_all(format!("{text}\n").as_bytes())?;
        }
        let mut line = serde_json::to_string(event)?;
        line.push('\n');
        // A disk that fills up takes half a line, which would be another line's beginning once there is room again.
        let whole_bytes = inner.journal.metadata()?.len();
        let written = inner.journal.write_all(line.as_bytes());
        written.inspect_err(|_| drop(inner.journal.set_len(whole_bytes)))?;
        line.pop();
        Ok(line)
    }
}

/// Takes what the daemon reports during one stage.
pub struct StageSink<'a> {
    feed: &'a Feed,
    stage: StageName,
}

impl ProgressSink for StageSink<'_> {
    fn record(&self, event: Progress) {
        let stage = self.stage;
        self.feed.write(match event {
            Progress::Line { step, is_error, text } => {
                EventBody::Log { stage, text: clean_line(&text), is_error, step }
            }
            Progress::Step(step) => EventBody::of_step(step),
            Progress::Bytes { item, current, total } => EventBody::Bytes { stage, item, current, total },
        });
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// One line without control characters: a progress bar leaves what stands after its last carriage return, and colour
/// sequences go.
fn clean_line(text: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    let text = text.rsplit('\r').next().unwrap_or(text);
    let mut cleaned = String::with_capacity(text.len().min(MAX_LINE_BYTES));
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next_if_eq(&'[').is_some() {
                while characters.next_if(|next| !('@'..='~').contains(next)).is_some() {}
                characters.next();
            }
        } else if character == '\t' || !character.is_control() {
            cleaned.push(character);
        }
        if cleaned.len() >= MAX_LINE_BYTES {
            cleaned.push('…');
            break;
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::progress::JournalReader;

    #[test]
    fn lines_lose_colour_and_control() {
        assert_eq!(clean_line("\u{1b}[31mred\u{1b}[0m text\r\n"), "red text");
        assert_eq!(clean_line("10%\r50%\r100%"), "100%");
        assert_eq!(clean_line("a\u{0}b\tc"), "ab\tc");
    }

    #[tokio::test]
    async fn numbers_go_on_after_a_torn_end() {
        let directory = tempfile::tempdir().unwrap();
        let feeds = Feeds::default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let feed = feeds.open(TaskId(1), directory.path(), clock.clone()).await.unwrap();
        feed.log(StageName::Pull, "one");
        drop(feed);
        append(&directory.path().join(journal::FILE_NAME)).unwrap().write_all(b"{\"sequ").unwrap();
        let feed = feeds.open(TaskId(1), directory.path(), clock).await.unwrap();
        let bell = feeds.listen(TaskId(1)).unwrap();
        feed.log(StageName::Pull, "two");
        assert_eq!(*bell.number.borrow(), 3);
        let lines = JournalReader::of_events(directory.path(), 2).read(10).await.unwrap();
        assert_eq!(lines.len(), 1);
        let event: Event = serde_json::from_str(&lines[0].line).unwrap();
        assert_eq!(event.sequence, lines[0].number);
        assert_eq!(std::fs::read_to_string(directory.path().join("pull.log")).unwrap(), "one\ntwo\n");
    }
}

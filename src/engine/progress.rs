//! What a build streams, followed: steps, their output, the image that came out, the step that failed.
//!
//! BuildKit sends structured traces, the classic builder text (`classic`); both end as the same [`Progress`] events.
//! Nothing in here decides whether a build succeeded: it only says what the daemon claimed.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::Timestamp;

use super::classic::ClassicLines;
use super::message::Message;
use super::output::{LineJoiner, Tail};
use super::trace::{StatusResponse, Vertex, VertexLog, VertexStatus};
use super::{BuildStep, Progress, ProgressSink, StepStatus};

/// The state of a build as far as its stream told it.
#[derive(Debug, Default)]
pub struct BuildProgress {
    steps: Vec<Step>,
    by_id: HashMap<String, usize>,
    classic: ClassicLines,
    image_id: Option<String>,
    error: Option<String>,
}

/// A step that failed, with what is needed to say why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedStep {
    /// Its name, such as `[stage-0 2/5] RUN …`.
    pub name: String,
    /// The builder's own words.
    pub error: String,
    /// The last lines, for finding the cause.
    pub lines: Vec<String>,
    /// Fewer of them, for people.
    pub last_lines: Vec<String>,
}

#[derive(Debug)]
struct Step {
    shown: BuildStep,
    error: String,
    tail: Tail,
    output: LineJoiner,
    error_output: LineJoiner,
}

impl Step {
    fn new(id: &str) -> Self {
        let shown =
            BuildStep { id: id.to_owned(), name: String::new(), status: StepStatus::Waiting, duration_ms: None };
        Self {
            shown,
            error: String::new(),
            tail: Tail::default(),
            output: LineJoiner::default(),
            error_output: LineJoiner::default(),
        }
    }

    fn line(&mut self, text: String, is_error: bool, sink: &dyn ProgressSink) {
        self.tail.push(&text);
        sink.record(Progress::Line { step: Some(self.shown.id.clone()), is_error, text });
    }

    /// What follows on `[stage-0 2/5] `; nothing for steps that are the builder's own.
    fn instruction(&self) -> Option<&str> {
        let (place, instruction) = self.shown.name.strip_prefix('[')?.split_once("] ")?;
        (place != "internal").then_some(instruction)
    }

    /// Whether it is work that the Dockerfile orders. `FROM` is none, and BuildKit never calls it cached.
    fn is_work(&self) -> bool {
        self.instruction().is_some_and(|instruction| !instruction.starts_with("FROM "))
    }

    fn runs_a_command(&self) -> bool {
        self.instruction().is_some_and(|instruction| instruction.starts_with("RUN"))
    }
}

impl BuildProgress {
    /// Takes one message of the stream and reports what it says.
    pub fn accept(&mut self, message: &Message, sink: &dyn ProgressSink) {
        if let Some(text) = message.error_text() {
            self.error.get_or_insert_with(|| text.to_owned());
        }
        match (message.id.as_deref(), &message.aux) {
            (Some("moby.buildkit.trace"), Some(aux)) => self.accept_trace(aux, sink),
            (_, Some(aux)) => {
                if let Some(id) = aux.get("ID").and_then(serde_json::Value::as_str) {
                    self.image_id = Some(id.to_owned());
                }
            }
            _ => {}
        }
        if let Some(text) = &message.stream {
            self.accept_classic(text, sink);
        }
    }

    fn accept_trace(&mut self, aux: &serde_json::Value, sink: &dyn ProgressSink) {
        let bytes = aux.as_str().and_then(|text| STANDARD.decode(text).ok());
        let Some(response) = bytes.and_then(|bytes| StatusResponse::decode(bytes.as_slice()).ok()) else {
            tracing::debug!("skipped a BuildKit trace that could not be decoded");
            return;
        };
        for vertex in &response.vertexes {
            self.accept_vertex(vertex, sink);
        }
        for status in &response.statuses {
            accept_status(status, sink);
        }
        for log in &response.logs {
            self.accept_log(log, sink);
        }
        for vertex in response.vertexes.iter().filter(|vertex| vertex.completed.is_some()) {
            self.flush(&vertex.digest, sink);
        }
    }

    fn accept_vertex(&mut self, vertex: &Vertex, sink: &dyn ProgressSink) {
        let step = self.step(&vertex.digest);
        let status = match vertex {
            Vertex { error, .. } if !error.is_empty() => StepStatus::Failed,
            Vertex { cached: true, .. } => StepStatus::Cached,
            Vertex { completed: Some(_), .. } => StepStatus::Done,
            Vertex { started: Some(_), .. } => StepStatus::Running,
            _ => StepStatus::Waiting,
        };
        let duration_ms = match (&vertex.started, &vertex.completed) {
            (Some(started), Some(completed)) => Some(milliseconds(completed).saturating_sub(milliseconds(started))),
            _ => None,
        };
        let shown = BuildStep { id: vertex.digest.clone(), name: one_line(&vertex.name), status, duration_ms };
        step.error.clone_from(&vertex.error);
        if step.shown != shown {
            step.shown = shown;
            sink.record(Progress::Step(step.shown.clone()));
        }
    }

    fn accept_log(&mut self, log: &VertexLog, sink: &dyn ProgressSink) {
        let is_error = log.stream == 2;
        let step = self.step(&log.vertex);
        let mut lines = Vec::new();
        let joiner = if is_error { &mut step.error_output } else { &mut step.output };
        joiner.push(&log.message, |line| lines.push(line));
        for line in lines {
            step.line(line, is_error, sink);
        }
    }

    fn flush(&mut self, id: &str, sink: &dyn ProgressSink) {
        let step = self.step(id);
        if let Some(line) = step.output.rest() {
            step.line(line, false, sink);
        }
        if let Some(line) = step.error_output.rest() {
            step.line(line, true, sink);
        }
    }

    fn accept_classic(&mut self, text: &str, sink: &dyn ProgressSink) {
        for event in self.classic.read(text) {
            if let Some(shown) = event.step {
                let step = self.step(&shown.id);
                step.shown = shown;
                sink.record(Progress::Step(step.shown.clone()));
            }
            let Some((text, is_error)) = event.line else { continue };
            match event.of {
                Some(id) => self.step(&id).line(text, is_error, sink),
                None => sink.record(Progress::Line { step: None, is_error, text }),
            }
        }
    }

    /// Says that the stream ended, so that what is still open on the classic builder is closed.
    pub fn end(&mut self, sink: &dyn ProgressSink) {
        if let Some(shown) = self.classic.end(self.error.is_some()) {
            let error = self.error.clone().unwrap_or_default();
            let step = self.step(&shown.id);
            step.shown = shown;
            step.error = error;
            sink.record(Progress::Step(step.shown.clone()));
        }
        let ids: Vec<String> = self.steps.iter().map(|step| step.shown.id.clone()).collect();
        for id in ids {
            self.flush(&id, sink);
        }
    }

    fn step(&mut self, id: &str) -> &mut Step {
        let next = self.steps.len();
        let index = self.by_id.get(id).copied().unwrap_or(next);
        if index == next {
            self.steps.push(Step::new(id));
            self.by_id.insert(id.to_owned(), next);
        }
        &mut self.steps[index]
    }

    /// The image id that the daemon named.
    pub fn image_id(&self) -> Option<&str> {
        self.image_id.as_deref()
    }

    /// The error that the daemon sent.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether work goes on that may rightly be silent: anything but a command that prints nothing.
    ///
    /// Exporting many gigabytes, or copying them, gives no sign for minutes and must not count as idle. A `RUN` step
    /// is the image's own program; one that prints nothing for the whole idle limit is taken to hang.
    pub fn works_in_silence(&self) -> bool {
        self.steps.iter().any(|step| step.shown.status == StepStatus::Running && !step.runs_a_command())
    }

    /// The step that failed, or the one that runs when none did. Steps that were only broken off by another one's
    /// failure are passed over.
    pub fn failed_step(&self) -> Option<FailedStep> {
        let failed = |step: &&Step| step.shown.status == StepStatus::Failed;
        let broken_off = |step: &&Step| step.error.contains("context canceled");
        let step = self.steps.iter().find(|step| failed(step) && !broken_off(step));
        let step = step.or_else(|| self.steps.iter().find(failed));
        let step = step.or_else(|| self.steps.iter().find(|step| step.shown.status == StepStatus::Running))?;
        Some(FailedStep {
            name: step.shown.name.clone(),
            error: step.error.clone(),
            lines: step.tail.lines(),
            last_lines: step.tail.last_lines(),
        })
    }

    /// Steps of the Dockerfile (without `FROM`) that came from the cache, and all of them.
    pub fn step_counts(&self) -> (usize, usize) {
        let work = || self.steps.iter().filter(|step| step.is_work());
        (work().filter(|step| step.shown.status == StepStatus::Cached).count(), work().count())
    }
}

fn accept_status(status: &VertexStatus, sink: &dyn ProgressSink) {
    let bytes = |count: i64| u64::try_from(count).unwrap_or(0);
    if status.current > 0 {
        let (current, total) = (bytes(status.current), bytes(status.total));
        sink.record(Progress::Bytes { item: status.id.clone(), current, total });
    }
}

fn milliseconds(time: &Timestamp) -> u64 {
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(time.nanos).unwrap_or(0) / 1_000_000)
}

/// A step's name may hold a whole script; in a list it is one line.
fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;

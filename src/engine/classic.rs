//! The classic builder's text, read as steps.
//!
//! `Step 2/5 : RUN …` opens a step, ` ---> Using cache` marks it; all else is output, standard error in red. What a
//! RUN step prints comes by the same way, so a step must follow on the one before and nothing here decides anything.

use std::time::Instant;

use super::output::plain_text;
use super::{BuildStep, StepStatus};

const RED: char = '\u{1b}';

/// What a piece of text says.
#[derive(Debug, Default)]
pub(super) struct ClassicEvent {
    /// A step that changed.
    pub(super) step: Option<BuildStep>,
    /// The step that a line belongs to.
    pub(super) of: Option<String>,
    /// A line, and whether it went to standard error.
    pub(super) line: Option<(String, bool)>,
}

/// The state of the reading.
#[derive(Debug, Default)]
pub(super) struct ClassicLines {
    partial: String,
    current: Option<(BuildStep, Instant)>,
    number: usize,
    total: usize,
    has_output: bool,
}

impl ClassicLines {
    /// Reads a piece of text, cut anywhere.
    pub(super) fn read(&mut self, text: &str) -> Vec<ClassicEvent> {
        self.partial.push_str(text);
        let mut events = Vec::new();
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            self.read_line(&line, &mut events);
        }
        events
    }

    /// Closes the last step.
    pub(super) fn end(&mut self, has_failed: bool) -> Option<BuildStep> {
        self.close(if has_failed { StepStatus::Failed } else { StepStatus::Done })
    }

    fn read_line(&mut self, raw: &str, events: &mut Vec<ClassicEvent>) {
        let text = plain_text(raw.as_bytes());
        if text.is_empty() {
            return;
        }
        let is_error = raw.starts_with(RED);
        if let Some((number, total, instruction)) =
            step_line(&text).filter(|(number, total, _)| self.follows(*number, *total))
        {
            events.extend(
                self.close(StepStatus::Done).map(|step| ClassicEvent { step: Some(step), ..ClassicEvent::default() }),
            );
            (self.number, self.total, self.has_output) = (number, total, false);
            let step = BuildStep {
                id: format!("step-{number}"),
                name: format!("[{number}/{total}] {instruction}"),
                status: StepStatus::Running,
                duration_ms: None,
            };
            self.current = Some((step.clone(), Instant::now()));
            events.push(ClassicEvent { step: Some(step), ..ClassicEvent::default() });
            return;
        }
        let mut event = ClassicEvent::default();
        if let Some((step, _)) = &mut self.current {
            if text == " ---> Using cache" && !self.has_output {
                step.status = StepStatus::Cached;
                event.step = Some(step.clone());
            }
            event.of = Some(step.id.clone());
        }
        self.has_output = true;
        if is_of_the_builder(&text) {
            return;
        }
        event.line = Some((text, is_error));
        events.push(event);
    }

    fn follows(&self, number: usize, total: usize) -> bool {
        number == self.number + 1 && number <= total && (self.total == 0 || self.total == total)
    }

    fn close(&mut self, status: StepStatus) -> Option<BuildStep> {
        let (mut step, started) = self.current.take()?;
        let was_cached = step.status == StepStatus::Cached;
        if was_cached && status == StepStatus::Done {
            return None;
        }
        step.status = status;
        step.duration_ms = u64::try_from(started.elapsed().as_millis()).ok();
        Some(step)
    }
}

/// What the builder says of its own containers and layers: nothing about why a step failed.
fn is_of_the_builder(text: &str) -> bool {
    text.strip_prefix(" ---> ").is_some_and(|rest| rest.starts_with("Running in ") || is_short_id(rest))
        || text
            .strip_prefix("Removing intermediate container ")
            .is_some_and(|rest| is_short_id(rest.split_whitespace().next().unwrap_or_default()))
}

fn is_short_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `Step 2/5 : RUN …` as its parts.
fn step_line(text: &str) -> Option<(usize, usize, &str)> {
    let (numbers, instruction) = text.strip_prefix("Step ")?.split_once(" : ")?;
    let (number, total) = numbers.split_once('/')?;
    Some((number.parse().ok()?, total.parse().ok()?, instruction))
}

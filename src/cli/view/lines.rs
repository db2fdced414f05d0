//! Events as lines that a log file can keep.

use std::collections::HashMap;

use crate::cli::output::{coloured_state, printable};
use crate::language::{Language, Notice};
use crate::progress::{Event, EventBody};
use crate::task::StageName;

/// Remembers what a later line needs.
#[derive(Debug)]
pub(in crate::cli) struct Lines {
    language: Language,
    begun: HashMap<StageName, i64>,
}

impl Lines {
    pub(super) fn new(language: Language) -> Self {
        Self { language, begun: HashMap::new() }
    }

    /// The line of an event, where it has one.
    pub(super) fn line(&mut self, event: &Event) -> Option<String> {
        Some(match &event.body {
            EventBody::State { .. } | EventBody::Bytes { .. } | EventBody::End { .. } => return None,
            EventBody::Stage { stage, status } if status == "running" => {
                self.begun.insert(*stage, event.time_micros);
                format!("{:<8}running", stage.as_str())
            }
            EventBody::Stage { stage, status } => {
                let micros = self.begun.get(stage).map_or(0, |begun| event.time_micros - begun);
                let status = coloured_state(status);
                let name = stage.as_str();
                if micros > 0 {
                    format!("{name:<8}{status}{}", Notice::After(seconds(micros / 1000)).render(self.language))
                } else {
                    format!("{name:<8}{status}")
                }
            }
            EventBody::Log { stage, text, .. } => format!("{:<8}| {}", stage.as_str(), printable(text)),
            EventBody::Step { name, status, duration_ms, .. } => {
                if !matches!(status.as_str(), "done" | "cached" | "failed") {
                    return None;
                }
                let took = duration_ms.filter(|_| status != "cached").map_or_else(String::new, |millis| {
                    format!(" ({})", seconds(i64::try_from(millis).unwrap_or(i64::MAX)))
                });
                format!("{:<8}{status}: {}{took}", "step", printable(name))
            }
            EventBody::Interrupted => Notice::Restarted.render(self.language),
        })
    }
}

/// Milliseconds as a person reads them.
fn seconds(millis: i64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_line() {
        let stage = StageName::Build;
        let step = |status: &str, duration_ms| EventBody::Step {
            id: "s".into(),
            name: "[2/3] RUN x".into(),
            status: status.into(),
            duration_ms,
        };
        let log = EventBody::Log { stage, text: "a\u{1b}[2Kb".into(), is_error: true, step: None };
        let status = |status: &str| EventBody::Stage { stage, status: status.into() };
        let mut lines = Lines::new(Language::English);
        let shown: Vec<Option<String>> = [
            status("running"),
            step("running", None),
            log,
            step("done", Some(61_250)),
            step("cached", Some(0)),
            status("success"),
            EventBody::Interrupted,
        ]
        .into_iter()
        .zip([1, 2, 3, 4, 5, 90_000_001, 90_000_002])
        .map(|(body, time_micros)| lines.line(&Event { sequence: 1, time_micros, body }))
        .collect();
        let expected = [
            Some("build   running"),
            None,
            Some("build   | ab"),
            Some("step    done: [2/3] RUN x (61.2 s)"),
            Some("step    cached: [2/3] RUN x"),
            Some("build   success after 90.0 s"),
            Some("the service was restarted; the task waits again"),
        ];
        assert_eq!(shown.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }
}

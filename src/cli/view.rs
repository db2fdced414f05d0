//! How the events of a task are shown: as bars on a terminal, as plain lines elsewhere, as JSON for scripts.

mod bars;
mod lines;

use std::io::IsTerminal;

use serde_json::Value;

use super::connection::Connection;
use super::failure::ClientError;
use super::output;
use crate::progress::{Event, EventBody};
use crate::task::StageName;
use bars::Bars;
use lines::Lines;

/// A way of showing events.
pub(super) enum View {
    /// Moving bars on standard error.
    Bars(Bars),
    /// A line an event.
    Lines(Lines),
    /// Log lines alone, of one stage or of all.
    Log(Option<StageName>),
    /// Each event as it came.
    Json,
}

impl View {
    /// Progress: bars on a terminal unless plain lines are asked for.
    pub(super) fn progress(service: &Connection, plain: bool) -> Self {
        if service.json {
            Self::Json
        } else if plain || !std::io::stderr().is_terminal() {
            Self::Lines(Lines::new(service.language))
        } else {
            Self::Bars(Bars::new(service.language))
        }
    }

    /// The log: of one stage, or of all.
    pub(super) fn log(as_json: bool, stage: Option<StageName>) -> Self {
        if as_json { Self::Json } else { Self::Log(stage) }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, document: &Value, event: Option<&Event>) -> Result<(), ClientError> {
        match (self, event) {
            (Self::Json, _) => output::document(document)?,
            (Self::Bars(bars), Some(event)) => bars.show(&event.body),
            (Self::Lines(lines), Some(event)) => {
                if let Some(line) = lines.line(event) {
                    output::line(&line)?;
                }
            }
            (Self::Log(wanted), Some(Event { body: EventBody::Log { stage, text, .. }, .. }))
                if wanted.is_none_or(|wanted| wanted == *stage) =>
            {
                output::line(&output::printable(text))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Leaves the terminal as a person expects it.
    pub(super) fn close(&self) {
        if let Self::Bars(bars) = self {
            bars.close();
        }
    }
}

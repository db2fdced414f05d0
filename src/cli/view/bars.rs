//! Events as moving bars: one a stage, filled by build steps or by bytes.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::{coloured_state, printable};
use crate::language::{Language, Notice};
use crate::progress::EventBody;
use crate::task::StageName;

const TICK: Duration = Duration::from_millis(120);

/// Bars on standard error.
pub(in crate::cli) struct Bars {
    language: Language,
    drawn: MultiProgress,
    stages: HashMap<StageName, ProgressBar>,
    /// Bytes so far and in all of each layer.
    bytes: HashMap<(StageName, String), (u64, u64)>,
    /// Whether each step has ended.
    steps: HashMap<String, bool>,
}

impl Bars {
    pub(super) fn new(language: Language) -> Self {
        Self::on(ProgressDrawTarget::stderr(), language)
    }

    fn on(target: ProgressDrawTarget, language: Language) -> Self {
        Self {
            language,
            drawn: MultiProgress::with_draw_target(target),
            stages: HashMap::new(),
            bytes: HashMap::new(),
            steps: HashMap::new(),
        }
    }

    pub(super) fn show(&mut self, body: &EventBody) {
        match body {
            EventBody::Stage { stage, status } if status == "running" => {
                if let Some(bar) = self.stages.remove(stage) {
                    self.drawn.remove(&bar);
                }
                self.bytes.retain(|(other, _), _| other != stage);
                self.bar(*stage);
            }
            EventBody::Stage { stage, status } => {
                let bar = self.bar(*stage);
                bar.set_style(style("{prefix:8} {msg} {elapsed}"));
                bar.finish_with_message(coloured_state(status));
            }
            EventBody::Log { stage, text, .. } => {
                let bar = self.bar(*stage);
                if bar.length().is_none() {
                    bar.set_message(printable(text));
                }
            }
            EventBody::Step { id, name, status, .. } => {
                self.steps.insert(id.clone(), matches!(status.as_str(), "done" | "cached" | "failed"));
                let (ended, all) = (self.steps.values().filter(|ended| **ended).count(), self.steps.len());
                let bar = self.bar(StageName::Build);
                bar.set_style(style("{prefix:8} [{bar:24}] {pos}/{len} {elapsed} {wide_msg}"));
                bar.set_length(all as u64);
                bar.set_position(ended as u64);
                if status == "running" {
                    bar.set_message(printable(name));
                }
            }
            EventBody::Bytes { stage, item, current, total } => {
                self.bytes.insert((*stage, item.clone()), (*current, *total));
                let of_stage = self.bytes.iter().filter(|((other, _), _)| other == stage).map(|(_, amounts)| amounts);
                let (current, total) = of_stage.fold((0, 0), |sum: (u64, u64), (current, total)| {
                    (sum.0.saturating_add(*current), sum.1.saturating_add(*total.max(current)))
                });
                let bar = self.bar(*stage);
                bar.set_style(style("{prefix:8} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}"));
                bar.set_length(total);
                bar.set_position(current);
            }
            EventBody::Interrupted => {
                let told = self.drawn.println(Notice::Restarted.render(self.language));
                // A terminal that is gone needs no telling.
                drop(told);
            }
            EventBody::State { .. } | EventBody::End { .. } => {}
        }
    }

    /// Leaves the bars where they stand.
    pub(super) fn close(&self) {
        for bar in self.stages.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }

    fn bar(&mut self, stage: StageName) -> ProgressBar {
        let drawn = &self.drawn;
        let bar = self.stages.entry(stage).or_insert_with(|| {
            let bar = drawn.add(ProgressBar::no_length());
            bar.set_style(style("{prefix:8} {spinner} {elapsed} {wide_msg}"));
            bar.set_prefix(stage.as_str());
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.clone()
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the constants above; a slip in one shows indicatif's own bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_add_up_steps_and_bytes() {
        let mut bars = Bars::on(ProgressDrawTarget::hidden(), Language::English);
        let step = |id: &str, status: &str| EventBody::Step {
            id: id.into(),
            name: id.into(),
            status: status.into(),
            duration_ms: None,
        };
        for event in [step("a", "running"), step("b", "waiting"), step("a", "done")] {
            bars.show(&event);
        }
        let build = &bars.stages[&StageName::Build];
        assert_eq!((build.position(), build.length()), (1, Some(2)));
        for (item, current, total) in [("x", 5, 10), ("y", 7, 0), ("x", 10, 10)] {
            bars.show(&EventBody::Bytes { stage: StageName::Push, item: item.into(), current, total });
        }
        let push = &bars.stages[&StageName::Push];
        assert_eq!((push.position(), push.length()), (17, Some(17)));
        bars.show(&EventBody::Stage { stage: StageName::Push, status: "success".into() });
        assert!(bars.stages[&StageName::Push].is_finished());
        bars.close();
        assert!(bars.stages[&StageName::Build].is_finished());
    }
}

//! Figures: samples of ours and of what they are held against, their medians, their ratio, and the bar.

use std::time::Duration;

/// A row of the table: its name, what it measures, and the bar.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Short name, by which it is chosen.
    pub name: &'static str,
    /// What is measured over what.
    pub what: &'static str,
    /// Unit of the two medians.
    pub unit: &'static str,
    /// When it passes.
    pub bar: Bar,
}

/// When a row passes.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// Ours over the other is at most this.
    RatioAtMost(f64),
    /// Ours over the other is at least this.
    RatioAtLeast(f64),
    /// Ours itself is at most this.
    AtMost(f64),
    /// Ours itself is at least this.
    AtLeast(f64),
    /// There is none: the row shows how cost grows.
    None,
}

/// A row with its figures.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The row.
    pub row: Row,
    /// For a row that stands for several sizes: which one.
    pub size: Option<u64>,
    /// Ours.
    pub ours: Samples,
    /// What it is held against; empty when the bar is a value.
    pub other: Samples,
    /// What the reader should know, such as why it was not measured.
    pub note: String,
}

impl Measured {
    /// A measured row.
    pub fn new(row: &Row, ours: Samples, other: Samples) -> Self {
        Self { row: *row, size: None, ours, other, note: String::new() }
    }

    /// A row that could not be measured.
    pub fn missing(row: &Row, reason: &str) -> Self {
        Self::new(row, Samples::default(), Samples::default()).note(format!("not measured: {reason}"))
    }

    /// With a remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Of this size.
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// Ours over the other.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.ours.median()? / self.other.median()?)
    }

    /// Whether the bar is met; `None` without a bar.
    pub fn passes(&self) -> Option<bool> {
        match self.row.bar {
            Bar::RatioAtMost(bar) => Some(self.ratio().is_some_and(|ratio| ratio <= bar)),
            Bar::RatioAtLeast(bar) => Some(self.ratio().is_some_and(|ratio| ratio >= bar)),
            Bar::AtMost(bar) => Some(self.ours.median().is_some_and(|value| value <= bar)),
            Bar::AtLeast(bar) => Some(self.ours.median().is_some_and(|value| value >= bar)),
            Bar::None => None,
        }
    }
}

/// Repeated figures of one thing.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// One figure, such as a recorded constant.
    pub fn one(value: f64) -> Self {
        Self(vec![value])
    }

    /// Takes a figure.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// Takes a time, in seconds.
    pub fn push_time(&mut self, time: Duration) {
        self.push(time.as_secs_f64());
    }

    /// All figures, sorted.
    pub fn sorted(&self) -> &[f64] {
        &self.0
    }

    /// The middle one.
    pub fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(self.0[middle]),
            _ => Some(f64::midpoint(self.0[middle - 1], self.0[middle])),
        }
    }

    /// Smallest and largest.
    pub fn spread(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }
}

/// The value below which `part` of a hundred lie.
pub fn percentile(times: &mut [Duration], part: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

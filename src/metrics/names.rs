//! The fixed sets that labels are taken from, and how metrics come into the registry.

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, Result};

use crate::task::TaskState;

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskResult {
    /// Its image is in the registry.
    Success,
    /// A stage failed.
    Failed,
    /// Ended before its time.
    Aborted,
}

impl TaskResult {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failed, Self::Aborted];

    /// Of an end state.
    pub fn of(state: TaskState) -> Self {
        match state {
            TaskState::PushSuccess => Self::Success,
            TaskState::BuildAbort => Self::Aborted,
            _ => Self::Failed,
        }
    }

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

/// How a task's image came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The daemon built and pushed it.
    Built,
    /// Put together in the registry from an image that an earlier task made.
    Assembled,
    /// The same, after waiting for a task that made it at the moment.
    Attached,
    /// An attempt of this task before a restart had pushed it.
    Resumed,
}

impl Origin {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Built, Self::Assembled, Self::Attached, Self::Resumed];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Assembled => "assembled",
            Self::Attached => "attached",
            Self::Resumed => "resumed",
        }
    }
}

/// What became of an attempt to deliver a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackResult {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Failed,
    /// It is given up.
    Expired,
}

impl CallbackResult {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::Expired];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// A method as a label; a caller may send any word.
pub(super) fn method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

/// A status as a label: those that this service answers.
pub(super) fn status(status: u16) -> &'static str {
    match status {
        200 => "200",
        204 => "204",
        206 => "206",
        303 => "303",
        304 => "304",
        307 => "307",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        422 => "422",
        429 => "429",
        500 => "500",
        503 => "503",
        _ => "other",
    }
}

pub(super) fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    labels: &[&str],
) -> Result<HistogramVec> {
    let made = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

pub(super) fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    let made = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

pub(super) fn plain_counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter> {
    let made = IntCounter::new(name, help)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

pub(super) fn plain_gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge> {
    let made = IntGauge::new(name, help)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

pub(super) fn gauge(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
    let made = GaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

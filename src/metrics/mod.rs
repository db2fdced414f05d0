//! What the service counts about itself, in Prometheus' words.
//!
//! One registry, made at the start and passed in; nothing is global. Counters and histograms move where things happen;
//! gauges are set from [`Figures`] at the moment of a scrape. Every label is one of a fixed set (states, causes, stages,
//! routes as the router writes them), so that neither a secret nor a caller's text can become one.

mod figures;
mod names;
mod process;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};

pub use figures::Figures;
pub use names::{CallbackResult, Origin, TaskResult};
pub use process::ProcessFigures;

use crate::cause::Cause;
use crate::task::{StageName, TaskState};
use figures::Gauges;

/// Seconds that tell a cached build from a cold one and both from one that hangs.
const WORK_BUCKETS: [f64; 15] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0];
const REQUEST_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];
/// A route that the router does not have: the path is a caller's text.
const NO_ROUTE: &str = "none";

/// The counters of one service.
pub struct Metrics {
    registry: Registry,
    queue_wait: HistogramVec,
    stage_duration: HistogramVec,
    task_duration: HistogramVec,
    tasks_ended: IntCounterVec,
    images: IntCounterVec,
    build_steps: IntCounterVec,
    inspections: IntCounterVec,
    context_bytes: IntCounter,
    pushed_bytes: IntCounter,
    callback_attempts: IntCounterVec,
    callback_lag: HistogramVec,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    refusals: IntCounterVec,
    stuck_stages: IntCounterVec,
    watchers: IntGauge,
    gauges: Gauges,
    /// Two scrapes at once must not mix their gauges.
    scraping: Mutex<()>,
}

impl Metrics {
    /// All counters at zero. Fails only when two metrics have one name, which a test would see first.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let histogram =
            |name, help, buckets: &[f64], labels: &[&str]| names::histogram(&registry, name, help, buckets, labels);
        let counter = |name, help, labels: &[&str]| names::counter(&registry, name, help, labels);
        let metrics = Self {
            queue_wait: histogram(
                "fastbuild_queue_wait_seconds",
                "Time from a task's submission to its first claim.",
                &WORK_BUCKETS,
                &[],
            )?,
            stage_duration: histogram(
                "fastbuild_stage_duration_seconds",
                "Time a stage of a task took.",
                &WORK_BUCKETS,
                &["stage", "status"],
            )?,
            task_duration: histogram(
                "fastbuild_task_duration_seconds",
                "Time from a task's submission to its end.",
                &WORK_BUCKETS,
                &["result"],
            )?,
            tasks_ended: counter("fastbuild_tasks_ended_total", "Tasks that ended, by cause.", &["result", "cause"])?,
            images: counter("fastbuild_images_total", "Images that tasks brought about, by how.", &["origin"])?,
            build_steps: counter("fastbuild_build_steps_total", "Steps of builds.", &["outcome"])?,
            inspections: counter("fastbuild_inspections_total", "Base images described, by how.", &["origin"])?,
            context_bytes: names::plain_counter(
                &registry,
                "fastbuild_context_bytes_total",
                "Bytes of build context sent to the Docker server.",
            )?,
            pushed_bytes: names::plain_counter(
                &registry,
                "fastbuild_pushed_bytes_total",
                "Bytes that went to the registry, as the Docker server reports them.",
            )?,
            callback_attempts: counter(
                "fastbuild_callback_attempts_total",
                "Attempts to deliver a callback.",
                &["result"],
            )?,
            callback_lag: histogram(
                "fastbuild_callback_lag_seconds",
                "Time from a task's end to the delivery of its callback.",
                &WORK_BUCKETS,
                &[],
            )?,
            requests: counter(
                "fastbuild_http_requests_total",
                "HTTP requests answered.",
                &["method", "route", "status"],
            )?,
            request_duration: histogram(
                "fastbuild_http_request_duration_seconds",
                "Time to the head of an answer.",
                &REQUEST_BUCKETS,
                &["route"],
            )?,
            refusals: counter(
                "fastbuild_submissions_refused_total",
                "Submissions refused for want of room.",
                &["reason"],
            )?,
            stuck_stages: counter(
                "fastbuild_stuck_stages_total",
                "Stages that the watchdog gave up because they did not end by their limit.",
                &["stage"],
            )?,
            watchers: names::plain_gauge(&registry, "fastbuild_watchers", "Event streams that are open.")?,
            gauges: Gauges::new(&registry)?,
            scraping: Mutex::default(),
            registry,
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    /// A series that exists from the start lets `increase()` see the first event.
    fn start_at_zero(&self) {
        self.tasks_ended.with_label_values(&[TaskResult::Success.as_str(), "NONE"]);
        for cause in Cause::ALL {
            self.tasks_ended.with_label_values(&[TaskResult::Failed.as_str(), cause.code()]);
        }
        for cause in [Cause::Cancelled, Cause::Timeout, Cause::Internal] {
            self.tasks_ended.with_label_values(&[TaskResult::Aborted.as_str(), cause.code()]);
        }
        for stage in StageName::ALL {
            self.stage_duration.with_label_values(&[stage.as_str(), "success"]);
            self.stage_duration.with_label_values(&[stage.as_str(), "fail"]);
            self.stuck_stages.with_label_values(&[stage.as_str()]);
        }
        for result in TaskResult::ALL {
            self.task_duration.with_label_values(&[result.as_str()]);
        }
        for origin in Origin::ALL {
            self.images.with_label_values(&[origin.as_str()]);
        }
        for result in CallbackResult::ALL {
            self.callback_attempts.with_label_values(&[result.as_str()]);
        }
        for (vector, values) in [
            (&self.build_steps, ["cached", "executed"].as_slice()),
            (&self.inspections, ["kept", "made"].as_slice()),
            (&self.refusals, ["queue_full", "user_limit", "disk_full"].as_slice()),
        ] {
            for value in values {
                vector.with_label_values(&[value]);
            }
        }
        self.queue_wait.with_label_values::<&str>(&[]);
        self.callback_lag.with_label_values::<&str>(&[]);
    }

    /// A worker took a task for the first time.
    pub fn task_claimed(&self, waited_millis: i64) {
        self.queue_wait.with_label_values::<&str>(&[]).observe(seconds(waited_millis));
    }

    /// A stage ended, well or not.
    pub fn stage_ended(&self, stage: StageName, went_well: bool, took: Duration) {
        let status = if went_well { "success" } else { "fail" };
        self.stage_duration.with_label_values(&[stage.as_str(), status]).observe(took.as_secs_f64());
    }

    /// The watchdog gave a stage up.
    pub fn stage_stuck(&self, stage: StageName) {
        self.stuck_stages.with_label_values(&[stage.as_str()]).inc();
    }

    /// A task's end is stored.
    pub fn task_ended(&self, state: TaskState, cause: Option<Cause>, took_millis: i64) {
        let result = TaskResult::of(state);
        self.tasks_ended.with_label_values(&[result.as_str(), cause.map_or("NONE", Cause::code)]).inc();
        self.task_duration.with_label_values(&[result.as_str()]).observe(seconds(took_millis));
    }

    /// A task's image is in the registry.
    pub fn image_made(&self, origin: Origin) {
        self.images.with_label_values(&[origin.as_str()]).inc();
    }

    /// The daemon built something.
    pub fn built(&self, cached_steps: usize, steps: usize, context_bytes: u64) {
        self.build_steps.with_label_values(&["cached"]).inc_by(cached_steps as u64);
        self.build_steps.with_label_values(&["executed"]).inc_by(steps.saturating_sub(cached_steps) as u64);
        self.context_bytes.inc_by(context_bytes);
    }

    /// A base was described for a task, from an inspection that was kept or made now.
    pub fn base_described(&self, is_kept: bool) {
        self.inspections.with_label_values(&[if is_kept { "kept" } else { "made" }]).inc();
    }

    /// Bytes went to the registry.
    pub fn pushed(&self, bytes: u64) {
        self.pushed_bytes.inc_by(bytes);
    }

    /// A callback was attempted.
    pub fn callback_attempted(&self, result: CallbackResult, since_end_millis: i64) {
        self.callback_attempts.with_label_values(&[result.as_str()]).inc();
        if result == CallbackResult::Delivered {
            self.callback_lag.with_label_values::<&str>(&[]).observe(seconds(since_end_millis));
        }
    }

    /// A request was answered. `route` is the router's own text, never the caller's path.
    pub fn request_answered(&self, method: &http::Method, route: Option<&str>, status: u16, took: Duration) {
        let route = route.unwrap_or(NO_ROUTE);
        self.requests.with_label_values(&[names::method(method), route, names::status(status)]).inc();
        self.request_duration.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// A submission was refused for want of room: `queue_full`, `user_limit` or `disk_full`.
    pub fn submission_refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// Counts an event stream until it is dropped.
    pub fn watching(&self) -> Watching {
        self.watchers.inc();
        Watching(self.watchers.clone())
    }

    /// Everything as Prometheus' text format 0.0.4.
    pub fn render(&self, figures: &Figures) -> prometheus::Result<String> {
        let _turn = self.scraping.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauges.set(figures);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// An open event stream.
#[must_use]
pub struct Watching(IntGauge);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[expect(clippy::cast_precision_loss, reason = "a histogram sorts into buckets")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_text_becomes_no_label() {
        let metrics = Metrics::new().unwrap();
        let method = http::Method::from_bytes(b"SECRET").unwrap();
        metrics.request_answered(&method, None, 799, Duration::from_millis(1));
        let text = metrics.render(&Figures::default()).unwrap();
        assert!(
            text.contains(r#"fastbuild_http_requests_total{method="OTHER",route="none",status="other"} 1"#),
            "{text}"
        );
        assert!(!text.contains("SECRET"));
    }

    #[test]
    fn series_that_alerts_ask_for_exist_before_anything_happened() {
        let text = Metrics::new().unwrap().render(&Figures::default()).unwrap();
        for series in [
            r#"fastbuild_tasks_ended_total{cause="DISK_FULL",result="failed"} 0"#,
            r#"fastbuild_images_total{origin="assembled"} 0"#,
            r#"fastbuild_callback_attempts_total{result="expired"} 0"#,
            r#"fastbuild_stage_duration_seconds_count{stage="build",status="success"} 0"#,
        ] {
            assert!(text.contains(series), "{series} is missing in {text}");
        }
    }
}

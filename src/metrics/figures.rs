//! Gauges: what is asked at the moment of a scrape.

use prometheus::{GaugeVec, Registry, Result};

use super::names::gauge;
use super::process::ProcessFigures;
use crate::disk::Disk;
use crate::task::TaskState;

/// What gauges show. What is absent is not shown: a gauge that is not known is no zero.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Rows of tasks by state.
    pub tasks: Vec<(TaskState, i64)>,
    /// Tasks that run, and how many may.
    pub slots: Option<(usize, usize)>,
    /// How long the oldest waiting task has waited; zero when none waits.
    pub oldest_wait_millis: Option<i64>,
    /// Callbacks that wait.
    pub callbacks_waiting: Option<i64>,
    /// How long ago the task of the oldest waiting callback ended; zero when none waits.
    pub oldest_callback_millis: Option<i64>,
    /// Dependencies that are configured, and whether each answers.
    pub dependencies: Vec<(&'static str, bool)>,
    /// Disks.
    pub disks: Vec<Disk>,
    /// Bytes of layers and build cache at the daemon.
    pub docker_usage: Option<(u64, u64)>,
    /// This process.
    pub process: Option<ProcessFigures>,
}

/// The gauges of a registry.
pub(super) struct Gauges {
    tasks: GaugeVec,
    running: GaugeVec,
    slots: GaugeVec,
    oldest_wait: GaugeVec,
    callbacks_waiting: GaugeVec,
    oldest_callback: GaugeVec,
    dependency_up: GaugeVec,
    disk_free: GaugeVec,
    disk_size: GaugeVec,
    docker_usage: GaugeVec,
    resident_memory: GaugeVec,
    open_files: GaugeVec,
    max_files: GaugeVec,
    open_sockets: GaugeVec,
    threads: GaugeVec,
    cpu: GaugeVec,
    start_time: GaugeVec,
    build_info: GaugeVec,
}

impl Gauges {
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let plain = |name, help| gauge(registry, name, help, &[]);
        Ok(Self {
            tasks: gauge(
                registry,
                "fastbuild_tasks",
                "Tasks on record, by state; QUEUED is the queue's depth.",
                &["state"],
            )?,
            running: plain("fastbuild_tasks_running", "Tasks that a worker has.")?,
            slots: plain("fastbuild_slots", "Tasks that may run at the same time.")?,
            oldest_wait: plain("fastbuild_queue_oldest_wait_seconds", "How long the oldest waiting task has waited.")?,
            callbacks_waiting: plain("fastbuild_callbacks_waiting", "Callbacks that wait for their delivery.")?,
            oldest_callback: plain(
                "fastbuild_callback_oldest_waiting_seconds",
                "Time since the end of the task whose callback has waited longest.",
            )?,
            dependency_up: gauge(
                registry,
                "fastbuild_dependency_up",
                "Whether a configured dependency answered when it was last asked.",
                &["dependency"],
            )?,
            disk_free: gauge(registry, "fastbuild_disk_free_bytes", "Free bytes of a disk.", &["disk"])?,
            disk_size: gauge(registry, "fastbuild_disk_size_bytes", "Size of a disk.", &["disk"])?,
            docker_usage: gauge(
                registry,
                "fastbuild_docker_usage_bytes",
                "Bytes in use at the Docker server, as it said last.",
                &["kind"],
            )?,
            resident_memory: plain("process_resident_memory_bytes", "Resident memory.")?,
            open_files: plain("process_open_fds", "Open file descriptors.")?,
            max_files: plain("process_max_fds", "Most file descriptors that may be open.")?,
            open_sockets: plain("fastbuild_open_sockets", "Open sockets.")?,
            threads: plain("process_threads", "Threads.")?,
            cpu: plain("process_cpu_seconds_total", "Processor time used.")?,
            start_time: plain("process_start_time_seconds", "Start of the process, seconds since 1970.")?,
            build_info: gauge(
                registry,
                "fastbuild_build_info",
                "Always 1; the label says which version runs.",
                &["version"],
            )?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float by definition")]
    pub(super) fn set(&self, figures: &Figures) {
        let seconds = |millis: i64| millis.max(0) as f64 / 1_000.0;
        for (vector, value) in [
            (&self.running, figures.slots.map(|(running, _)| running as f64)),
            (&self.slots, figures.slots.map(|(_, slots)| slots as f64)),
            (&self.oldest_wait, figures.oldest_wait_millis.map(seconds)),
            (&self.callbacks_waiting, figures.callbacks_waiting.map(|count| count as f64)),
            (&self.oldest_callback, figures.oldest_callback_millis.map(seconds)),
        ] {
            put(vector, &[], value);
        }
        for state in TaskState::ALL {
            let total = figures.tasks.iter().find(|(known, _)| *known == state).map(|(_, total)| *total as f64);
            put(&self.tasks, &[state.as_str()], total.or((!figures.tasks.is_empty()).then_some(0.0)));
        }
        self.dependency_up.reset();
        for (name, is_up) in &figures.dependencies {
            put(&self.dependency_up, &[name], Some(f64::from(u8::from(*is_up))));
        }
        self.disk_free.reset();
        self.disk_size.reset();
        for disk in &figures.disks {
            put(&self.disk_free, &[disk.name], Some(disk.space.free_bytes as f64));
            put(&self.disk_size, &[disk.name], Some(disk.space.size_bytes as f64));
        }
        self.docker_usage.reset();
        if let Some((layers, cache)) = figures.docker_usage {
            put(&self.docker_usage, &["layers"], Some(layers as f64));
            put(&self.docker_usage, &["build_cache"], Some(cache as f64));
        }
        put(&self.build_info, &[env!("CARGO_PKG_VERSION")], Some(1.0));
        let process = figures.process.as_ref();
        for (vector, value) in [
            (&self.resident_memory, process.and_then(|process| process.resident_bytes).map(|bytes| bytes as f64)),
            (&self.open_files, process.and_then(|process| process.open_files).map(|count| count as f64)),
            (&self.max_files, process.and_then(|process| process.max_files).map(|count| count as f64)),
            (&self.open_sockets, process.and_then(|process| process.open_sockets).map(|count| count as f64)),
            (&self.threads, process.and_then(|process| process.threads).map(|count| count as f64)),
            (&self.cpu, process.and_then(|process| process.cpu_seconds)),
            (&self.start_time, process.and_then(|process| process.start_seconds)),
        ] {
            put(vector, &[], value);
        }
    }
}

/// Shows a value, or nothing where there is none.
fn put(vector: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => vector.with_label_values(labels).set(value),
        // An absent series is no error: it was never shown.
        None => drop(vector.remove_label_values(labels)),
    }
}

//! Requests: the constant over a bare route, lists and submissions over the constant, while builds run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastbuild::engine::{Connector, DockerConnector, Endpoint, Engine};
use fastbuild::image::ImageReference;
use rand::seq::IndexedRandom as _;
use serde_json::json;

use super::builds::request;
use crate::child;
use crate::dockers::Bench;
use crate::laid;
use crate::load::{Connection, get, post, run, run_paced};
use crate::measure::{Bar, Measured, Row, Samples, percentile};
use crate::outcome::{Outcome, fault};
use crate::request::RequestShape;
use crate::service::Service;

/// Rows of this group.
pub const ROWS: [Row; 6] = [
    Row {
        name: "healthz",
        what: "/healthz over a bare axum route, 32 connections",
        unit: "requests/s",
        bar: Bar::RatioAtLeast(0.9),
    },
    Row {
        name: "list-p99",
        what: "p99 of list-task page 1 of 100,000 tasks while builds run over p99 of /healthz, 32 connections",
        unit: "s",
        bar: Bar::RatioAtMost(3.0),
    },
    Row {
        name: "check-p99",
        what: "p99 of check-image, kept, over p99 of /healthz + one image inspect alongside, 100/s each",
        unit: "s",
        bar: Bar::RatioAtMost(3.0),
    },
    Row {
        name: "submit-p99",
        what: "p99 of POST build-image, different images, over p99 of /healthz + one inspect alongside, 100/s each",
        unit: "s",
        bar: Bar::RatioAtMost(3.0),
    },
    Row {
        name: "list-old",
        what: "list-task, 5,000 rows, 32 connections, over the old service's 79 requests/s (recorded)",
        unit: "requests/s",
        bar: Bar::RatioAtLeast(100.0),
    },
    Row {
        name: "list-healthz",
        what: "list-task, 5,000 rows, 32 connections, over our own /healthz",
        unit: "requests/s",
        bar: Bar::RatioAtLeast(0.25),
    },
];

const CONNECTIONS: usize = 32;
/// From one request to the next, of what is measured and of what is measured alongside: each asks a hundred times a
/// second, so that a moment in which the daemon stands still weighs the same in both. A loop as fast as its answers would
/// see it among fewer of its own the slower they are.
const PACE: Duration = Duration::from_millis(10);
const OLD_LIST_RATE: f64 = 79.0;
const LIST: &str = "/api/fast-build/task/list-task?page=1&page_size=10";
/// Tasks that run must not fill the queue of the ones that are measured.
const SETTINGS: [(&str, &str); 2] =
    [("FASTBUILD__LIMITS__UNFINISHED_TASKS", "1000000"), ("FASTBUILD__LIMITS__UNFINISHED_TASKS_PER_USER", "1000000")];
/// Small packages; three of them at a time are 816 different images.
const PACKAGES: [&str; 18] = [
    "tree", "less", "file", "bc", "jq", "zip", "unzip", "time", "patch", "ed", "nano", "rsync", "psmisc", "lsof", "pv",
    "hello", "dos2unix", "figlet",
];

fn window(bench: &Bench) -> Duration {
    Duration::from_secs(if bench.is_short { 1 } else { 3 })
}

/// All rows of this group.
pub async fn measure(bench: &Bench) -> Outcome<Vec<Measured>> {
    let mut measured = vec![constant(bench).await?];
    measured.extend(list_rate(bench).await?);
    measured.insert(1, list_p99(bench).await?);
    measured.extend(one_at_a_time(bench).await?);
    measured.sort_by_key(|row| ROWS.iter().position(|known| known.name == row.row.name));
    Ok(measured)
}

async fn rate(bench: &Bench, port: u16, path: &'static str) -> Outcome<f64> {
    Ok(run(port, CONNECTIONS, window(bench), move || get(path)).await?.rate())
}

async fn constant(bench: &Bench) -> Outcome<Measured> {
    let bare = child::bare(&bench.fresh("bare")?).await?;
    let service = Service::start(&bench.fresh("healthz")?, &[]).await?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    rate(bench, bare.port, "/healthz").await?;
    rate(bench, service.port, "/healthz").await?;
    for _ in 0..bench.repetitions {
        other.push(rate(bench, bare.port, "/healthz").await?);
        ours.push(rate(bench, service.port, "/healthz").await?);
    }
    service.stop().await?;
    Ok(Measured::new(&ROWS[0], ours, other))
}

async fn list_rate(bench: &Bench) -> Outcome<[Measured; 2]> {
    let service = laid::service(bench, &bench.fresh("list")?, 0, 5_000).await?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    for _ in 0..bench.repetitions {
        other.push(rate(bench, service.port, "/healthz").await?);
        ours.push(rate(bench, service.port, LIST).await?);
    }
    service.stop().await?;
    let old = Measured::new(&ROWS[4], ours.clone(), Samples::one(OLD_LIST_RATE));
    Ok([old, Measured::new(&ROWS[5], ours, other)])
}

async fn list_p99(bench: &Bench) -> Outcome<Measured> {
    let tasks = if bench.is_short { 10_000 } else { 100_000 };
    let service = Arc::new(laid::service(bench, &bench.fresh("list")?, 0, tasks).await?);
    let builds = Builds::begin(bench, service.clone()).await?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    for _ in 0..bench.repetitions {
        other.push(run(service.port, CONNECTIONS, window(bench), || get("/healthz")).await?.p99());
        ours.push(run(service.port, CONNECTIONS, window(bench), || get(LIST)).await?.p99());
    }
    let built = builds.end().await?;
    Ok(Measured::new(&ROWS[1], ours, other).note(format!("{tasks} tasks; {built} builds ran meanwhile")))
}

/// Real builds, one after the other, that no cache serves.
struct Builds {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Outcome<u32>>,
}

impl Builds {
    async fn begin(bench: &Bench, service: Arc<Service>) -> Outcome<Self> {
        let base = bench.base("debian:12")?;
        bench.docker.have(&base).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let repository = bench.target()?.name();
        let task = tokio::spawn(async move {
            let mut count = 0;
            while !seen.load(Ordering::SeqCst) {
                let target: ImageReference =
                    format!("{repository}:{}", hex::encode(rand::random::<[u8; 6]>())).parse()?;
                let shape = RequestShape::console(&base, &target, "").source("pip", "ali", "pip.conf");
                service.build(&shape.edit(|document| document["force"] = json!(true)).build()).await?;
                count += 1;
            }
            Ok(count)
        });
        Ok(Self { stop, task })
    }

    async fn end(self) -> Outcome<u32> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await?
    }
}

/// check-image and build-image, each against the constant and one inspection of the same image alongside.
async fn one_at_a_time(bench: &Bench) -> Outcome<[Measured; 2]> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let service = Service::configured(bench, &bench.fresh("submit")?, &SETTINGS).await?;
    let check = format!("/api/fast-build/task/check-image?image_name={base}");
    service.post(&format!("/task/check-image?image_name={base}"), &json!({})).await?;
    let engine = DockerConnector::default().connect(&Endpoint::Unix(bench.docker.socket()?)).await?;
    let repository = bench.target()?.name();
    let submission = move || {
        let target: Result<ImageReference, _> =
            format!("{repository}:{}", hex::encode(rand::random::<[u8; 8]>())).parse();
        // The name is one by construction; an empty body would be refused and end the run.
        let packages: Vec<&str> = PACKAGES.sample(&mut rand::rng(), 3).copied().collect();
        let body = target.map(|target| request(&base, &target, &packages, &[]).to_string()).unwrap_or_default();
        post("/api/fast-build/task/build-image", &body)
    };
    let image = bench.base("debian:12")?.to_string();
    let (mut checks, mut submissions) = (Samples::default(), Samples::default());
    let mut alongside = [Samples::default(), Samples::default()];
    for _ in 0..bench.repetitions {
        let checking = run_paced(service.port, 1, window(bench) * 2, PACE, {
            let check = check.clone();
            move || post(&check, "")
        });
        checks.push(with_floor(service.port, &engine, &image, checking, &mut alongside[0]).await?);
        let submitting = run_paced(service.port, 1, window(bench) * 2, PACE, submission.clone());
        submissions.push(with_floor(service.port, &engine, &image, submitting, &mut alongside[1]).await?);
    }
    // What waits is not worth waiting for.
    drop(service);
    let [with_checks, with_submissions] = alongside;
    Ok([Measured::new(&ROWS[2], checks, with_checks), Measured::new(&ROWS[3], submissions, with_submissions)])
}

/// p99 of a load, and into `floor` that of the constant and an inspection, asked for at the same time.
async fn with_floor(
    port: u16,
    engine: &Arc<dyn Engine>,
    image: &str,
    load: impl Future<Output = Outcome<crate::load::Load>>,
    floor: &mut Samples,
) -> Outcome<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let (seen, engine, image) = (stop.clone(), engine.clone(), image.to_owned());
    let alongside = tokio::spawn(async move {
        let (mut times, mut connection) = (Vec::new(), Connection::open(port).await?);
        while !seen.load(Ordering::SeqCst) {
            let start = std::time::Instant::now();
            connection.ask(&get("/healthz")).await?;
            engine.inspect_image(&image).await?;
            times.push(start.elapsed());
            if let Some(left) = PACE.checked_sub(start.elapsed()) {
                tokio::time::sleep(left).await;
            }
        }
        Outcome::Ok(times)
    });
    let load = load.await;
    stop.store(true, Ordering::SeqCst);
    let mut times = alongside.await??;
    if times.is_empty() {
        return fault("nothing was inspected alongside");
    }
    floor.push(percentile(&mut times, 99).as_secs_f64());
    Ok(load?.p99())
}

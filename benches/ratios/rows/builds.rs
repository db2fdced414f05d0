//! Builds that find everything made, and the inspection of a base.

use fastbuild::image::ImageReference;
use serde_json::{Value, json};

use crate::dockers::Bench;
use crate::measure::{Bar, Measured, Row, Samples};
use crate::outcome::Outcome;
use crate::plain;
use crate::proxy::CountingProxy;
use crate::request::RequestShape;
use crate::service::Service;

/// Everything in the daemon's cache.
pub const CACHED: Row = Row {
    name: "cached",
    what: "image wholly in the daemon's cache: request to PUSH_SUCCESS over docker build + push",
    unit: "s",
    bar: Bar::RatioAtMost(1.0),
};

/// The same request under another name.
pub const AGAIN: [Row; 2] = [
    Row {
        name: "again",
        what: "the same request into another repository, as another task, over docker build + push, fully cached",
        unit: "s",
        bar: Bar::RatioAtMost(0.7),
    },
    Row { name: "again-builds", what: "calls to the daemon's builder for it", unit: "", bar: Bar::AtMost(0.0) },
];

/// The first inspection of a base.
pub const CHECK: Row = Row {
    name: "check-image",
    what: "check-image, not kept, over the old service's 13.6 s (recorded)",
    unit: "s",
    bar: Bar::RatioAtMost(0.04),
};

const OLD_CHECK_SECONDS: f64 = 13.6;
const APT: [&str; 2] = ["tree", "jq"];

/// A request for packages; the maintainer tells requests of different people apart.
pub fn request(base: &ImageReference, target: &ImageReference, apt: &[&str], pip: &[&str]) -> Value {
    RequestShape::console(base, target, "").os_packages("apt", apt).pip(pip).build()
}

/// Both sides in turns; each has built the image before.
pub async fn cached(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let service = Service::configured(bench, &bench.fresh("cached")?, &[]).await?;
    let dockerfile = plain::dockerfile(&base, &APT, &[]);
    plain::build_and_push(bench, &dockerfile).await?;
    let (_, task) = service.build(&request(&base, &bench.target()?, &APT, &[])).await?;
    service.forget(&task).await?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    for _ in 0..bench.repetitions * 2 {
        other.push_time(plain::build_and_push(bench, &dockerfile).await?);
        let (elapsed, task) = service.build(&request(&base, &bench.target()?, &APT, &[])).await?;
        ours.push_time(elapsed);
        // Or the next one would be served from this one without asking the daemon at all.
        service.forget(&task).await?;
    }
    service.stop().await?;
    Ok(vec![Measured::new(&CACHED, ours, other)])
}

/// The second task finds the first one's image in the registry.
pub async fn again(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let service = Service::configured(bench, &bench.fresh("again")?, &[]).await?;
    let dockerfile = plain::dockerfile(&base, &APT, &[]);
    plain::build_and_push(bench, &dockerfile).await?;
    service.build(&request(&base, &bench.target()?, &APT, &[])).await?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    for number in 0..bench.repetitions * 2 {
        other.push_time(plain::build_and_push_as(bench, &dockerfile, &bench.target_elsewhere()?).await?);
        let mut request = request(&base, &bench.target_elsewhere()?, &APT, &[]);
        request["dockerfile_json"]["maintainer"] = json!(number.to_string());
        ours.push_time(service.build(&request).await?.0);
    }
    let door = CountingProxy::open(bench.docker.socket()?).await?;
    service.configure(bench, "127.0.0.1", door.port).await?;
    door.take();
    service.build(&request(&base, &bench.target()?, &APT, &[])).await?;
    let (_, builds) = door.take();
    service.stop().await?;
    let calls = Measured::new(&AGAIN[1], Samples::one(f64::from(u32::try_from(builds)?)), Samples::default());
    Ok(vec![Measured::new(&AGAIN[0], ours, other), calls])
}

/// One probe container.
pub async fn check(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let service = Service::configured(bench, &bench.fresh("check")?, &[]).await?;
    let path = format!("/task/check-image?image_name={base}");
    let mut ours = Samples::default();
    for _ in 0..bench.repetitions {
        service.delete("/check-result/delete-all-check-result").await?;
        let start = std::time::Instant::now();
        service.post(&path, &json!({})).await?;
        ours.push_time(start.elapsed());
    }
    service.stop().await?;
    Ok(vec![Measured::new(&CHECK, ours, Samples::one(OLD_CHECK_SECONDS))])
}

//! Packages: nothing cached, package caches warm, one package more. Caches are emptied at the harness's own daemon.

use super::builds::request;
use crate::dockers::Bench;
use crate::measure::{Bar, Measured, Row, Samples};
use crate::outcome::{Outcome, fault};
use crate::plain;
use crate::service::Service;

/// Nothing cached anywhere.
pub const COLD: Row = Row {
    name: "cold",
    what: "two apt and one pip package, nothing cached anywhere, over docker build + push",
    unit: "s",
    bar: Bar::RatioAtMost(0.9),
};

/// Layers cold, package caches warm.
pub const WARM: Row = Row {
    name: "warm",
    what: "the same, package caches warm from other people's builds, over docker build + push",
    unit: "s",
    bar: Bar::RatioAtMost(0.5),
};

/// Eight packages, and then nine.
pub const SCIENTIFIC: [Row; 2] = [
    Row {
        name: "eight",
        what: "eight scientific pip packages, nothing cached, over docker build + push with pip",
        unit: "s",
        bar: Bar::RatioAtMost(0.5),
    },
    Row {
        name: "one-more",
        what: "one package added to these eight, over docker build + push with the same change",
        unit: "s",
        bar: Bar::RatioAtMost(0.25),
    },
];

const BASE: &str = "localpython:1";
const APT: [&str; 2] = ["tree", "jq"];
const PIP: [&str; 1] = ["requests 2.31.0"];
/// What other people asked for: the same and more, so that no layer is shared.
const THEIR_APT: [&str; 3] = ["tree", "jq", "less"];
const THEIR_PIP: [&str; 2] = ["requests 2.31.0", "colorama"];
const EIGHT: [&str; 8] = ["numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "seaborn", "sympy", "statsmodels"];
const NINE: [&str; 9] =
    ["numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "seaborn", "sympy", "statsmodels", "networkx"];

/// A service and the base on the daemon, nothing else.
async fn cold_start(bench: &Bench) -> Outcome<Service> {
    if !bench.docker.is_own {
        return fault("cold caches need a daemon of the harness's own: scripts/bench-daemon.sh");
    }
    let base = bench.base(BASE)?;
    bench.docker.forget_everything().await?;
    bench.docker.have(&base).await?;
    Service::configured(bench, &bench.fresh("packages")?, &[]).await
}

/// Both sides from an empty daemon, in turns.
pub async fn cold(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base(BASE)?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    for _ in 0..bench.few() {
        let service = cold_start(bench).await?;
        ours.push_time(service.build(&request(&base, &bench.target()?, &APT, &PIP)).await?.0);
        service.stop().await?;
        bench.docker.forget_everything().await?;
        other.push_time(plain::build_and_push(bench, &plain::dockerfile(&base, &APT, &PIP)).await?);
    }
    Ok(vec![Measured::new(&COLD, ours, other)])
}

/// Both sides after other people's builds of other lists, in turns.
pub async fn warm(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base(BASE)?;
    let (mut ours, mut other) = (Samples::default(), Samples::default());
    for _ in 0..bench.few() {
        let service = cold_start(bench).await?;
        service.build(&request(&base, &bench.target()?, &THEIR_APT, &THEIR_PIP)).await?;
        ours.push_time(service.build(&request(&base, &bench.target()?, &APT, &PIP)).await?.0);
        service.stop().await?;
        bench.docker.forget_everything().await?;
        plain::build_and_push(bench, &plain::dockerfile(&base, &THEIR_APT, &THEIR_PIP)).await?;
        other.push_time(plain::build_and_push(bench, &plain::dockerfile(&base, &APT, &PIP)).await?);
    }
    Ok(vec![Measured::new(&WARM, ours, other)])
}

/// Eight packages from an empty daemon, then one more.
pub async fn scientific(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base(BASE)?;
    let mut figures: [Samples; 4] = Default::default();
    for _ in 0..bench.few().min(3) {
        let service = cold_start(bench).await?;
        figures[0].push_time(service.build(&request(&base, &bench.target()?, &[], &EIGHT)).await?.0);
        figures[2].push_time(service.build(&request(&base, &bench.target()?, &[], &NINE)).await?.0);
        service.stop().await?;
        bench.docker.forget_everything().await?;
        figures[1].push_time(plain::build_and_push(bench, &plain::dockerfile(&base, &[], &EIGHT)).await?);
        figures[3].push_time(plain::build_and_push(bench, &plain::dockerfile(&base, &[], &NINE)).await?);
    }
    let [eight, plain_eight, nine, plain_nine] = figures;
    Ok(vec![Measured::new(&SCIENTIFIC[0], eight, plain_eight), Measured::new(&SCIENTIFIC[1], nine, plain_nine)])
}

//! What a person does by hand: a Dockerfile, `docker build`, `docker push`.

use std::time::{Duration, Instant};

use fastbuild::image::ImageReference;

use super::dockers::Bench;
use super::outcome::Outcome;

/// Builds and pushes a Dockerfile under a fresh name; how long the two commands took.
pub async fn build_and_push(bench: &Bench, dockerfile: &str) -> Outcome<Duration> {
    build_and_push_as(bench, dockerfile, &bench.target()?).await
}

/// The same under this name.
pub async fn build_and_push_as(bench: &Bench, dockerfile: &str, target: &ImageReference) -> Outcome<Duration> {
    let context = bench.fresh("plain")?;
    std::fs::write(context.join("Dockerfile"), dockerfile)?;
    let target = target.to_string();
    let start = Instant::now();
    bench.docker.run_in(&context, &["build", "--tag", &target, "."]).await?;
    bench.docker.run_in(&context, &["push", &target]).await?;
    Ok(start.elapsed())
}

/// The Dockerfile that a person writes for these packages.
pub fn dockerfile(base: &ImageReference, apt: &[&str], pip: &[&str]) -> String {
    let mut text = format!("FROM {base}\n");
    if !apt.is_empty() {
        let packages = apt.join(" ");
        text.extend([
            "RUN apt-get update && apt-get install -y --no-install-recommends ",
            &packages,
            " && rm -rf /var/lib/apt/lists/*\n",
        ]);
    }
    if !pip.is_empty() {
        let pins: Vec<String> = pip.iter().map(|package| package.replace(' ', "==")).collect();
        text.extend(["RUN pip install --no-cache-dir ", &pins.join(" "), "\n"]);
    }
    text.push_str("LABEL maintainer=1024\n");
    text
}

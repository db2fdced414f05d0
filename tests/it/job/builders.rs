//! The first-generation builder renders the same recipe.

use std::time::Duration;

use fastbuild::settings::BuilderChoice;

use crate::lab;
use crate::support::{Container, RequestShape, TestService, fetch_again, forget};

#[tokio::test(flavor = "multi_thread")]
async fn the_classic_builder_builds_what_buildkit_builds() {
    let service = TestService::configured_with(|settings| settings.build.builder = BuilderChoice::Classic).await;
    let target = lab::unique_name("classic");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, "")
        .ssh("classic-secret")
        .os_packages("apt", &["tree"])
        .pip(&["six"])
        .build();
    let task = service.build(&request, Duration::from_mins(5)).await;
    let directory = task["work_dir_name"].as_str().unwrap();
    let dockerfile = service.text(&format!("/task/{directory}/Dockerfile")).await;
    assert!(!dockerfile.contains("--mount"), "{dockerfile}");
    fetch_again(&target).await;
    let container = Container::run(&target.to_string(), &[]).await;
    container.exec(&["tree", "--version"]).await;
    container.exec(&["python3", "-c", "import six"]).await;
    container.wait_for_port(22).await;
    assert!(container.ssh("classic-secret", "true").await.0);
    assert!(container.stop().await < Duration::from_secs(10));
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

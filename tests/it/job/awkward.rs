//! A base whose author meant something else by nearly everything: what is asked for works all the same.

use std::time::Duration;

use crate::lab;
use crate::support::{Container, RequestShape, TestService, docker_text, forget};

const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_base_with_ways_of_its_own_serves_what_is_asked_for() {
    let service = TestService::configured().await;
    service.lay("source/pip/lab/pip.conf", "[global]\ntimeout = 60\n");
    let (base, target) = (lab::base("awkward:1"), lab::unique_name("awkward"));
    let (_, inspected) = service.post_empty(&format!("/task/check-image?image_name={base}")).await;
    assert_eq!(
        inspected["data"]["conda"]["available"], true,
        "it lies in a home that is closed to others: {inspected}"
    );

    let request = RequestShape::platform(&base, &target, "")
        .os_packages("apt", &["tree"])
        .pip(&["six"])
        .source("pip", "lab", "pip.conf")
        .ssh("awkward-secret")
        .build();
    service.build(&request, LIMIT).await;

    let container = Container::run(&target.to_string(), &[]).await;
    container.wait_for_port(22).await;
    let (let_in, path) = container.ssh("awkward-secret", "echo $PATH").await;
    assert!(let_in && path.contains("/opt/tool/bin"), "{path}");
    assert!(!container.ssh("another", "true").await.0);
    let listeners = container.processes().await.into_iter().filter(|line| line.contains("[listener]"));
    assert_eq!(listeners.count(), 1, "the base's own");
    container.exec(&["tree", "--version"]).await;
    container.exec(&["python3", "-c", "import six"]).await;
    let shell = container.exec(&["cat", "/root/.pip/pip.conf"]).await;
    assert!(shell.contains("timeout = 60"), "{shell}");
    assert_eq!(
        docker_text(&["inspect", "--format", "{{json .Config.Shell}}", &target.to_string()]).await,
        r#"["/usr/bin/perl","-e"]"#
    );
    let took = container.stop().await;
    assert!(took < Duration::from_secs(10), "stopped after {took:?}");
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

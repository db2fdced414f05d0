//! A second daemon behind mutual TLS, and client tars that are of no use.

use std::time::Duration;

use serde_json::json;

use crate::lab;
use crate::support::{Configuration, Container, Receiver, RequestShape, TestService, forget};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/with-lab.sh --tls"))
}

fn with_tar(file: &str) -> Configuration {
    let tar = std::fs::read(format!("{}/{file}", variable("FASTBUILD_LAB_TLS_DIR"))).unwrap();
    Configuration::default()
        .with("docker_host", &variable("FASTBUILD_LAB_TLS_HOST"))
        .with("docker_port", &variable("FASTBUILD_LAB_TLS_PORT"))
        .with_tls(tar)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_is_done_by_a_daemon_behind_mutual_tls() {
    let service = TestService::start().await;
    let receiver = Receiver::start().await;
    for tar in ["client-docker.tar.gz", "client.tar"] {
        let (status, answer) = service.configure(with_tar(tar)).await;
        assert_eq!((status, &answer["code"]), (200, &json!(0)), "{tar}: {answer}");
    }
    let (_, current) = service.get("/config/current").await;
    assert_eq!(current["data"]["docker_server"]["tls_verify"], true, "{current}");
    let target = lab::unique_name("tls");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, &receiver.url)
        .ssh("tls-secret")
        .os_packages("apt", &["tree"])
        .build();
    let task = service.build(&request, Duration::from_mins(5)).await;
    receiver.wait(task["task_id"].as_i64().unwrap()).await;
    // The first daemon never had it: what runs is what was pushed.
    let engine = lab::engine().await;
    assert!(engine.inspect_image(&target.to_string()).await.unwrap().is_none());
    lab::have(engine.as_ref(), &target).await;
    let container = Container::run(&target.to_string(), &[]).await;
    container.exec(&["tree", "--version"]).await;
    container.wait_for_port(22).await;
    assert!(container.ssh("tls-secret", "true").await.0);
    container.remove().await;
    forget(&target).await;
    let task_id = task["task_id"].as_i64().unwrap();
    let (_, deleted) = service.delete(&format!("/task/delete-image-by-task-id?task_id={task_id}")).await;
    assert_eq!(deleted["code"], 0, "{deleted}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn useless_client_tars_are_refused_with_the_reason_and_nothing_is_stored() {
    let service = TestService::start().await;
    let (status, answer) = service.configure(with_tar("client-no-key.tar")).await;
    assert_eq!((status, &answer["code"]), (200, &json!(-1)), "{answer}");
    let message = answer["msg"].as_str().unwrap();
    assert!(message.contains("docker_tls_tar_file") && message.contains("key-jenkins.pem"), "{message}");
    for (tar, words) in [
        ("client-expired.tar", "expired"),
        ("client-v1.tar", "X.509 version 1"),
        ("client-other-key.tar", "does not belong to the certificate"),
        ("client-encrypted-key.tar", "encrypted"),
        ("client-other-ca.tar", "not issued by the configured CA"),
    ] {
        let (status, answer) = service.configure(with_tar(tar)).await;
        assert_eq!((status, &answer["code"]), (500, &json!("123")), "{tar}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(words), "{tar}: {message}");
    }
    let (_, current) = service.get("/config/current").await;
    assert!(current["data"]["docker_server"].is_null() && current["data"]["harbor"].is_null(), "{current}");
    service.stop().await;
}

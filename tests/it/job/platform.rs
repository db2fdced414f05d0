//! The platform's request, from nothing to a running container and a callback.

use std::time::Duration;

use serde_json::json;

use crate::lab;
use crate::support::{Container, Receiver, RequestShape, TestService, docker, docker_text, fetch_again, forget};

const LIMIT: Duration = Duration::from_mins(5);
const SSH_PASSWORD: &str = r#"p a$s"w'o\r%d!#&é:`;"#;
const JUPYTER_PASSWORD: &str = r#"j u$p"y't\e%r+&=é@"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_request_becomes_a_running_container() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let target = lab::unique_name("platform");
    let request = RequestShape::platform(&lab::base("entrypoint:1"), &target, &receiver.url)
        .ssh(SSH_PASSWORD)
        .jupyter(JUPYTER_PASSWORD)
        .os_packages("apt", &["tree", "jq"])
        .pip(&["six 1.16.0"])
        .build();
    let task = service.build(&request, LIMIT).await;
    let task_id = task["task_id"].as_i64().unwrap();

    every_stage_is_told(&service, task_id).await;
    the_callback_arrived(&receiver, task_id, &target.to_string()).await;

    fetch_again(&target).await;
    let image = target.to_string();
    let labels = docker_text(&["inspect", "--format", "{{json .Config.Labels}}", &image]).await;
    let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
    assert_eq!((&labels["constructor"], &labels["task_id"]), (&json!("FastBuild"), &json!(task_id.to_string())));
    let container = Container::run(&image, &[]).await;
    container.exec(&["tree", "--version"]).await;
    container.exec(&["jq", "--version"]).await;
    let version = container.exec(&["python3", "-c", "import six; print(six.__version__)"]).await;
    assert_eq!(version, "1.16.0");
    let started = container.wait_for_file("/tmp/base-started", "argument=two words").await;
    let expected = "user=root\ndirectory=/srv\ngreeting=hello from the base\n\
                    argument=--fixed\nargument=run\nargument=--message\nargument=two words";
    assert_eq!(started, expected, "the base's start program ran with its arguments");

    ssh_serves(&container).await;
    container.wait_for_port(8888).await;
    assert!(container.jupyter_accepts(JUPYTER_PASSWORD).await);
    assert!(!container.jupyter_accepts("wrong").await);

    let took = container.stop().await;
    assert!(took < Duration::from_secs(10), "stopping took {took:?}");
    let exit_code = docker_text(&["inspect", "--format", "{{.State.ExitCode}}", &container.id]).await;
    assert_eq!(exit_code, "0", "{}", container.logs().await);
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

async fn every_stage_is_told(service: &TestService, task_id: i64) {
    let (_, answer) = service.get(&format!("/progress/details?task_id={task_id}")).await;
    let stages = answer["data"]["progress"].as_array().unwrap().clone();
    let names: Vec<_> = stages.iter().map(|stage| stage["action"].as_str().unwrap()).collect();
    assert_eq!(names, ["pull", "check", "prepare", "build", "push"]);
    for stage in &stages {
        assert_eq!(stage["status"], "success", "{stage:#}");
        let mut urls = vec![&stage["log_url"]];
        let has_dockerfile = matches!(stage["action"].as_str(), Some("prepare" | "build"));
        assert_eq!(stage["dockerfile_url"].is_string(), has_dockerfile, "{stage:#}");
        urls.extend(has_dockerfile.then(|| &stage["dockerfile_url"]));
        for url in urls {
            let response = service.client.get(url.as_str().unwrap()).send().await.unwrap();
            assert_eq!((response.status().as_u16(), url), (200, url));
            let content_type = response.headers()["content-type"].to_str().unwrap().to_ascii_lowercase();
            assert_eq!(content_type, "text/plain; charset=utf-8");
            assert!(!response.text().await.unwrap().trim().is_empty(), "{url} is empty");
        }
    }
}

async fn the_callback_arrived(receiver: &Receiver, task_id: i64, target: &str) {
    let callback = receiver.wait(task_id).await;
    for (name, value) in [("x-biztype", "DROS"), ("x-login-userid", "1"), ("content-type", "application/json")] {
        assert_eq!(callback.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    let body = &callback.body;
    assert_eq!(
        (&body["imageName"], &body["taskId"], &body["state"]),
        (&json!(target), &json!(task_id), &json!("PUSH_SUCCESS"))
    );
    assert_eq!(receiver.of_task(task_id).len(), 1, "exactly one callback");
}

async fn ssh_serves(container: &Container) {
    container.wait_for_port(22).await;
    assert!(!container.ssh("wrong", "true").await.0, "a wrong password is refused");
    let image_path = container.exec(&["sh", "-c", "echo $PATH"]).await;
    for command in ["echo $PATH", "env -i HOME=/root bash -lc 'echo $PATH'"] {
        let (is_in, path) = container.ssh(SSH_PASSWORD, command).await;
        assert!(is_in, "{path}\n{}", container.logs().await);
        assert_eq!(path, image_path, "PATH of: {command}");
    }
    let (_, greeting) = container.ssh(SSH_PASSWORD, "echo $BASE_GREETING").await;
    assert_eq!(greeting, "hello from the base", "the image's other variables are there as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn jupyter_is_added_to_an_image_of_ours_that_serves_ssh() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let first = lab::unique_name("with-ssh");
    let request = RequestShape::console(&lab::base("entrypoint:1"), &first, &receiver.url).ssh("first-secret").build();
    service.build(&request, LIMIT).await;
    let base_id = docker_text(&["inspect", "--format", "{{.Id}}", &first.to_string()]).await;
    let second = lab::unique_name("with-both");
    let request = RequestShape::console(&first, &second, &receiver.url).jupyter("second-secret").build();
    let task = service.build(&request, LIMIT).await;
    let (_, images) = service.get(&format!("/image/list-image?page=1&page_size=10&keyword={}", second.name())).await;
    assert_eq!(images["data"]["image_list"][0]["interaction"], "WebSSH, JupyterLab", "{images:#}");

    let container = Container::run(&second.to_string(), &["--other", "words"]).await;
    container.wait_for_port(22).await;
    container.wait_for_port(8888).await;
    assert!(container.ssh("first-secret", "true").await.0, "sshd keeps its password");
    assert!(container.jupyter_accepts("second-secret").await);
    assert!(!container.jupyter_accepts("first-secret").await);
    // Arguments of `docker run` take the place of CMD, not of the entrypoint.
    let started = container.wait_for_file("/tmp/base-started", "argument=words").await;
    assert!(started.contains("argument=--fixed\nargument=--other\nargument=words"), "{started}");
    let processes = container.processes().await;
    let running = |word: &str| processes.iter().filter(|line| line.contains(word)).count();
    assert_eq!(running("/opt/base/start.sh"), 1, "the original program runs once: {processes:#?}");
    assert_eq!(processes.iter().filter(|line| line.contains("sshd -D")).count(), 1, "{processes:#?}");
    assert!(container.stop().await < Duration::from_secs(10));
    container.remove().await;

    for name in [second.to_string(), first.to_string(), format!("fastbuild.invalid/base:{}", &base_id[7..])] {
        docker(&["rmi", &name]).await;
    }
    receiver.wait(task["task_id"].as_i64().unwrap()).await;
    service.stop().await;
}

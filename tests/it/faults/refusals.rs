//! What is refused at once, in words that a person can act on.

use std::time::Duration;

use serde_json::{Value, json};

use super::hand::{LIMIT, debian, forget, plain};
use crate::lab;
use crate::support::{Configuration, Receiver, RequestShape, TestService};

async fn refused(service: &TestService, request: &Value) -> String {
    let (status, answer) = service.post("/task/build-image", request).await;
    assert_eq!((status, &answer["code"]), (200, &json!(-1)), "{request} was accepted: {answer}");
    answer["msg"].as_str().unwrap().to_owned()
}

async fn nothing_is_stored(service: &TestService) {
    let (_, current) = service.get("/config/current").await;
    assert_eq!(current["data"]["harbor"], Value::Null, "{current:#}");
    assert_eq!(current["data"]["docker_server"], Value::Null, "{current:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_harbor_password_is_told_in_the_registrys_words_and_stores_nothing() {
    let service = TestService::start().await;
    let answer = service.configure(Configuration::default().with("harbor_password", "wrong-canary-4711")).await;
    let registry = lab::registry();
    let words = format!("login attempt to http://{registry}/v2/ failed with status: 401 Unauthorized");
    assert_eq!(answer, (500, json!({"message": words, "code": "123"})));
    nothing_is_stored(&service).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_out_of_reach_is_told_with_its_address_and_stores_nothing() {
    let service = TestService::start().await;
    let closed = crate::support::process::free_port();
    let cases = [
        (
            Configuration::default().with("docker_host", "127.0.0.1").with("docker_port", &closed.to_string()),
            format!("cannot connect to the Docker daemon at 127.0.0.1:{closed}: Connection refused (os error 111)"),
        ),
        (
            Configuration::default().with("docker_host", "unix:///nowhere/docker.sock"),
            "there is no socket /nowhere/docker.sock: is the Docker daemon running there?".to_owned(),
        ),
    ];
    for (configuration, words) in cases {
        assert_eq!(service.configure(configuration).await, (500, json!({"message": words, "code": "123"})));
    }
    nothing_is_stored(&service).await;
    service.stop().await;
}

fn tar_of(names: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let pem = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(pem.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, &pem[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tls_tar_without_a_key_names_field_and_file() {
    let service = TestService::start().await;
    let configuration = || Configuration::default().with("docker_host", "127.0.0.1").with("docker_port", "2376");
    let (status, answer) =
        service.configure(configuration().with_tls(tar_of(&["ca-jenkins.pem", "cert-jenkins.pem"]))).await;
    let words = "docker_tls_tar_file：压缩包中缺少 key-jenkins.pem（或 key.pem）";
    assert_eq!((status, answer), (200, json!({"code": -1, "msg": words, "data": null})));
    let (_, answer) = service.configure(configuration().with_tls(b"no archive".to_vec())).await;
    assert!(answer["msg"].as_str().unwrap().starts_with("docker_tls_tar_file："), "{answer}");
    let (_, answer) = service.configure(Configuration::default().with("harbor_registry", "not a host!")).await;
    assert!(answer["msg"].as_str().unwrap().starts_with("harbor_registry："), "{answer}");
    nothing_is_stored(&service).await;
    let certificates = service.directory.path().join("data/tls");
    assert_eq!(std::fs::read_dir(certificates).unwrap().count(), 0, "certificates were left behind");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_configuration_everything_that_needs_it_says_what_is_missing() {
    let service = TestService::start().await;
    let request = plain(&lab::base("debian:12"), &lab::unique_name("early"), "").build();
    let words = refused(&service, &request).await;
    assert_eq!(words, "服务地址（host）、Harbor、Docker 服务器尚未配置，请先配置（POST /config/config-fastbuild）");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_secrets_that_cannot_be_used_are_refused_with_their_field() {
    let service = TestService::configured().await;
    let base = debian().await;
    let target = lab::unique_name("refused");
    let new = || plain(&base, &target, "");

    let words = refused(&service, &new().source("package_manager", "ali", "debian-99.list").build()).await;
    assert!(words.contains("debian-99.list"), "{words}");
    let words = refused(&service, &new().source("pip", "nowhere", "pip.conf").build()).await;
    assert!(words.contains("nowhere"), "{words}");
    let words = refused(&service, &new().conda(&["six"], "Miniconda3-none-Linux-x86_64.sh").build()).await;
    assert!(words.contains("Miniconda3-none-Linux-x86_64.sh"), "{words}");
    let python = new().edit(|document| {
        let python = &mut document["dockerfile_json"]["image_installer_config"]["python_env"];
        python["target"] = json!("Python-9.9.9.tgz");
        python["update"] = json!(true);
    });
    let words = refused(&service, &python.build()).await;
    assert!(words.contains("Python-9.9.9.tgz"), "{words}");

    let sources = service.directory.path().join("data/source/apt/custom");
    std::fs::create_dir_all(&sources).unwrap();
    std::fs::write(sources.join("ubuntu-18.04.list"), "deb http://mirror.invalid bionic main\n").unwrap();
    let words = refused(&service, &new().source("package_manager", "custom", "ubuntu-18.04.list").build()).await;
    assert!(words.contains("ubuntu-18.04.list") && words.contains("12"), "{words}");

    for (field, value) in [("webSSHSecret", "not base64!"), ("jupyterLabSecret", "AAAAAAAAAAAAAAAAAAAAAA==")] {
        let words = refused(&service, &new().edit(|document| document[field] = json!(value)).build()).await;
        assert!(words.contains(field) && !words.contains(value), "{words}");
    }
    let (_, tasks) = service.get("/task/list-task?page=1&page_size=10").await;
    assert_eq!(tasks["data"]["page"]["total"], 0, "a refused request left a task");
    let left = std::fs::read_dir(service.directory.path().join("data/task")).unwrap().count();
    assert_eq!(left, 0, "a refused request left a directory");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_in_use_is_refused_until_it_is_free() {
    let service = TestService::configured_with(|settings| settings.build.max_concurrent = 1).await;
    let receiver = Receiver::start().await;
    let (base, target) = (debian().await, lab::unique_name("inuse"));
    let request = plain(&base, &target, &receiver.url).os_packages("apt", &["tree"]).build();
    let first = service.submit(&request).await;
    let words = refused(&service, &request).await;
    assert_eq!(words, format!("镜像名“{target}”已被任务 {first} 使用，请更改名称或标签"));
    let task = service.end_of(first, LIMIT).await;
    assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    let words = refused(&service, &request).await;
    assert_eq!(words, format!("镜像名“{target}”已被使用，请更改名称或标签"));
    // Deleting the image frees the name; so does a cancelled task.
    service.delete(&format!("/image/delete-image-by-image-name?image_name={target}")).await;
    let second = service.submit(&request).await;
    service.post(&format!("/task/cancel-task?task_id={second}"), &Value::Null).await;
    let task = service.end_of(second, Duration::from_secs(30)).await;
    assert!(task["state"] == "BUILD_ABORT" || task["state"] == "PUSH_SUCCESS", "{task:#}");
    if task["state"] == "BUILD_ABORT" {
        assert_eq!(task["cause"], "CANCELLED");
        service.build(&request, LIMIT).await;
    }
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_a_tag_is_refused_and_empty_secrets_want_nothing() {
    let service = TestService::configured().await;
    let base = lab::base("entrypoint:1");
    let target = lab::unique_name("untagged");
    let request = |secret: &str, target: &str| {
        let request = RequestShape::platform(&base, &target.parse().unwrap(), "");
        request.edit(|document| document["webSSHSecret"] = json!(secret)).edit(|document| {
            document["jupyterLabSecret"] = json!(secret);
            document["task_data"]["target_image_name"] = json!(target);
        })
    };
    let untagged = target.name();
    let words = refused(&service, &request("", &untagged).build()).await;
    assert_eq!(words, format!("task_data.target_image_name {untagged:?} 必须带有标签：名称:标签"));
    for secret in ["", "qkrhxQmWOe5kvpJpplvTuQ=="] {
        let target = lab::unique_name("untagged");
        let task = service.build(&request(secret, &target.to_string()).build(), LIMIT).await;
        let dockerfile = service.text(&format!("/task/{}/Dockerfile", task["work_dir_name"].as_str().unwrap())).await;
        assert!(!dockerfile.contains("sshd") && !dockerfile.to_lowercase().contains("jupyter"), "{dockerfile}");
        let path = format!("/image/list-image?page=1&page_size=10&keyword={}", target.tag_or_latest());
        let (_, images) = service.get(&path).await;
        assert_eq!(images["data"]["image_list"][0]["interaction"], "", "{images:#}");
        forget(&target).await;
    }
    service.stop().await;
}

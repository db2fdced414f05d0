//! Base images of many kinds, each with what must stay as it was.

use std::time::Duration;

use crate::lab;
use crate::support::{Container, Receiver, RequestShape, TestService, docker_text, forget};

const LIMIT: Duration = Duration::from_mins(5);

async fn config_of(image: &str, field: &str) -> String {
    docker_text(&["inspect", "--format", &format!("{{{{json .Config.{field}}}}}"), image]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_services_the_start_program_stays_as_it_was() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    for (base, user) in [("entrypoint:1", "root"), ("uid1000:1", "app")] {
        let base = lab::base(base);
        let target = lab::unique_name("kept");
        let request = RequestShape::console(&base, &target, &receiver.url).os_packages("apt", &["tree"]).build();
        let task = service.build(&request, LIMIT).await;
        for field in ["Entrypoint", "Cmd", "User", "WorkingDir"] {
            let (before, after) =
                (config_of(&base.to_string(), field).await, config_of(&target.to_string(), field).await);
            assert_eq!(before, after, "{field} of {base}");
        }
        let container = Container::run(&target.to_string(), &[]).await;
        container.exec(&["tree", "--version"]).await;
        assert_eq!(container.exec(&["id", "-un"]).await, user);
        container.remove().await;
        receiver.wait(task["task_id"].as_i64().unwrap()).await;
        forget(&target).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_on_a_base_of_another_user() {
    let service = TestService::configured().await;
    let target = lab::unique_name("other-user");
    let request = RequestShape::console(&lab::base("uid1000:1"), &target, "")
        .ssh("the-root-password")
        .jupyter("the-lab-password")
        .build();
    service.build(&request, LIMIT).await;
    let container = Container::run(&target.to_string(), &[]).await;
    let started = container.wait_for_file("/tmp/base-started", "argument=8080").await;
    let expected = "user=app\ndirectory=/home/app\ngreeting=\nargument=serve\nargument=--port\nargument=8080";
    assert_eq!(started, expected, "the base's program runs as its own user");
    container.wait_for_port(22).await;
    container.wait_for_port(8888).await;
    assert_eq!(container.ssh("the-root-password", "id -un").await, (true, "root".to_owned()));
    assert!(container.jupyter_accepts("the-lab-password").await);
    let owner = r#"for file in /proc/[0-9]*/cmdline; do grep -qa jupyter-lab "$file" && stat -c %U "${file%/cmdline}"; done; true"#;
    let (_, owners) = container.ssh("the-root-password", owner).await;
    assert!(owners.lines().any(|owner| owner == "app"), "JupyterLab runs as the base's user: {owners}");
    assert!(container.stop().await < Duration::from_secs(10));
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_in_usr_local_is_the_one_that_is_used() {
    let service = TestService::configured().await;
    let base = lab::base("localpython:1");
    let target = lab::unique_name("localpython");
    let request = RequestShape::console(&base, &target, "").pip(&["six"]).build();
    let task = service.build(&request, LIMIT).await;
    let container = Container::run(&target.to_string(), &["sleep", "600"]).await;
    let prefix = container.exec(&["/usr/local/bin/python3", "-c", "import six; print(six.__file__)"]).await;
    assert!(prefix.starts_with("/usr/local/lib/"), "{prefix}");
    let directory = task["work_dir_name"].as_str().unwrap();
    let dockerfile = service.text(&format!("/task/{directory}/Dockerfile")).await;
    assert!(!dockerfile.contains("apt-get"), "no second Python is installed:\n{dockerfile}");
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpm_base_gets_packages_with_versions() {
    let service = TestService::configured().await;
    let target = lab::unique_name("rpm");
    let request = RequestShape::console(&lab::base("rpm:9"), &target, "")
        .os_packages("yum", &["lab-hello 1.0", "lab-world 1.0"])
        .build();
    service.build(&request, LIMIT).await;
    let container = Container::run(&target.to_string(), &["sleep", "600"]).await;
    assert_eq!(container.exec(&["lab-world"]).await, "hello 1.0, world");
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

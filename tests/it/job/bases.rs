//! Base images of many kinds, each with what must stay as it was.

use std::time::Duration;

use crate::lab;
use crate::support::{Container, Receiver, RequestShape, TestService, docker, docker_text};

const LIMIT: Duration = Duration::from_secs(300);

async fn config_of(image: &str, field: &str) -> String {
    docker_text(&["inspect", "--format", &format!("{{{{json .Config.{field}}}}}"), image]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_services_the_start_program_stays_as_it_was() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    for base in ["entrypoint:1", "uid1000:1"] {
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
        container.remove().await;
        receiver.wait(task["task_id"].as_i64().unwrap()).await;
        docker(&["rmi", &target.to_string()]).await;
    }
    service.stop().await;
}

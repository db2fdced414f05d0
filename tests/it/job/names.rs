//! Names of targets and bases: shapes, depths, and the registry's DNS name.

use std::time::Duration;

use fastbuild::image::ImageReference;
use serde_json::json;

use crate::lab;
use crate::support::{Configuration, Receiver, RequestShape, TestService, fetch_again, forget};

const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn the_console_shape_and_a_target_of_host_port_project_repository_and_tag() {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let tag = hex::encode(rand::random::<[u8; 6]>());
    let target: ImageReference = format!("{}/project/group/repository:{tag}", lab::registry()).parse().unwrap();
    let request = RequestShape::console(&lab::base("debian:12"), &target, &receiver.url).build();
    let task = service.build(&request, LIMIT).await;
    assert_eq!((&task["name"], &task["description"]), (&json!(""), &json!("made by a test")));
    let callback = receiver.wait(task["task_id"].as_i64().unwrap()).await;
    assert_eq!(callback.body["imageName"], json!(target.to_string()));
    let (_, images) = service.get("/image/list-image?page=1&page_size=10&keyword=repository").await;
    let image = &images["data"]["image_list"][0];
    assert_eq!(image["name"], json!(format!("{}/project/group/repository", lab::registry())), "{images:#}");
    assert_eq!((&image["tag"], &image["type"]), (&json!(tag), &json!("Customized")));
    fetch_again(&target).await;
    forget(&target).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_by_its_dns_name_is_the_same_registry() {
    let service = TestService::start().await;
    let dns = format!("localhost:{}", lab::registry().to_string().rsplit(':').next().unwrap());
    let (_, answer) = service.configure(Configuration::default().with("harbor_registry_dns", &dns)).await;
    assert_eq!(answer["code"], 0, "{answer}");
    let receiver = Receiver::start().await;
    let by_address = lab::unique_name("by-dns");
    let renamed = |name: &ImageReference| -> ImageReference {
        name.to_string().replace(&lab::registry().to_string(), &dns).parse().unwrap()
    };
    let (target, base) = (renamed(&by_address), renamed(&lab::base("debian:12")));
    // The base must be pulled under this name, with the account.
    forget(&base).await;
    let request = RequestShape::platform(&base, &target, &receiver.url).build();
    let task = service.build(&request, LIMIT).await;
    let callback = receiver.wait(task["task_id"].as_i64().unwrap()).await;
    assert_eq!(callback.body["imageName"], json!(target.to_string()), "the name as it was given");

    for name in [&target, &by_address] {
        let request = RequestShape::platform(&lab::base("debian:12"), name, "").build();
        let (status, refusal) = service.post("/task/build-image", &request).await;
        assert_eq!((status, &refusal["code"]), (200, &json!(-1)), "{name} is in use: {refusal}");
        assert!(refusal["msg"].as_str().unwrap().contains(&name.to_string()), "{refusal}");
    }
    // What was pushed under the DNS name is there under the address.
    let engine = lab::engine().await;
    lab::have(engine.as_ref(), &by_address).await;
    for name in [&target, &by_address, &base] {
        forget(name).await;
    }
    service.stop().await;
}

//! A caller's turn in the queue is that of its token's user, and refusals name no task of somebody else.

use fastbuild::access::Role;
use fastbuild::settings::{AccessMode, Settings};
use fastbuild::store::{ImageType, NewImage};
use reqwest::Method;
use reqwest::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use serde_json::{Value, json};

use super::house::{House, bearer, envelope};
use crate::support::RequestShape;
use crate::support::scripted::{Hook, ScriptedEngine};

const BASE: &str = "127.0.0.1:5055/base/debian:12";

/// A closed service whose tasks pull for ever.
async fn house(change: impl FnOnce(&mut Settings)) -> House {
    let hook: Hook = Box::new(|_| Box::pin(std::future::pending()));
    let engine = ScriptedEngine { hook: Some(hook), base_is_absent: true, ..ScriptedEngine::default() };
    let house = House::start_over(engine, |settings| {
        settings.access.mode = AccessMode::Token;
        change(settings);
    })
    .await;
    house.configure(&house.root().await).await;
    house
}

async fn say(request: reqwest::RequestBuilder, token: &str) -> (u16, Value) {
    let request = request.header(AUTHORIZATION, bearer(token)).header(ACCEPT_LANGUAGE, "en");
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), envelope(answer).await)
}

/// Submits a request that says it is for `maintainer`.
async fn submit(house: &House, token: &str, maintainer: &str, base: &str, target: &str) -> (u16, Value) {
    let target = format!("127.0.0.1:5055/turns/{target}").parse().unwrap();
    let document = RequestShape::platform(&base.parse().unwrap(), &target, "");
    let document = document.edit(|document| document["dockerfile_json"]["maintainer"] = json!(maintainer)).build();
    say(house.request(Method::POST, "/api/fast-build/task/build-image").json(&document), token).await
}

#[tokio::test]
async fn limits_and_turns_count_for_the_tokens_user_whatever_a_request_says() {
    let house = house(|settings| settings.limits.unfinished_tasks_per_user = 2).await;
    let (ann, bob) = (house.token("ann", Role::Submit).await, house.token("bob", Role::Submit).await);
    for (maintainer, target) in [("bob", "a:1"), ("carol", "a:2")] {
        let (status, answer) = submit(&house, &ann, maintainer, BASE, target).await;
        assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer}");
    }
    let (status, answer) = submit(&house, &ann, "dora", BASE, "a:3").await;
    assert_eq!(status, 429, "{answer}");
    assert!(answer["msg"].as_str().unwrap().starts_with("2 tasks of the user 'ann'"), "{answer}");
    // What ann's requests said of bob and carol took nothing from bob, and neither does his own word.
    for target in ["b:1", "b:2"] {
        let (status, answer) = submit(&house, &bob, "ann", BASE, target).await;
        assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer}");
    }
    let lines = house.state.store.queue_lines().await.unwrap();
    assert!(lines.iter().all(|line| line.queue_user == "ann" || line.queue_user == "bob"), "{lines:?}");
    house.stop().await;
}

#[tokio::test]
async fn a_name_in_use_is_refused_without_the_number_of_anothers_task() {
    let house = house(|_| {}).await;
    let (ann, bob) = (house.token("ann", Role::Submit).await, house.token("bob", Role::Submit).await);
    let root = house.token("root-2", Role::Administer).await;
    let (_, answer) = submit(&house, &ann, "ann", BASE, "x:1").await;
    let number = answer["data"]["task_id"].as_i64().unwrap().to_string();
    for (token, is_told) in [(&bob, false), (&ann, true), (&root, true)] {
        let (_, answer) = submit(&house, token, "1024", BASE, "x:1").await;
        let words = answer["msg"].as_str().unwrap();
        assert!(answer["code"] == -1 && words.contains("turns/x:1' is in use"), "{answer}");
        assert_eq!(answer.to_string().contains(&number), is_told, "{answer}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_image_in_use_is_refused_without_the_number_of_anothers_task() {
    let house = house(|_| {}).await;
    let (ann, bob) = (house.token("ann", Role::Submit).await, house.token("bob", Role::Submit).await);
    let root = house.token("root-2", Role::Administer).await;
    let name = "127.0.0.1:5055/turns/base";
    let made = house.add_task(&format!("{name}:1"), "ann").await;
    let image = NewImage {
        task_id: made.task_id,
        full_name: format!("{name}:1"),
        name: name.to_owned(),
        name_key: format!("{name}:1"),
        tag: "1".to_owned(),
        image_id: "sha256:x".to_owned(),
        digest: String::new(),
        image_type: ImageType::Customized,
        description: String::new(),
        size_bytes: 1,
        interaction: String::new(),
    };
    let store = &house.state.store;
    let now = house.state.clock.now();
    store.end_task(made.id(), fastbuild::task::TaskState::PushSuccess, None, Some(&image), None, now).await.unwrap();
    let (_, answer) = submit(&house, &bob, "1024", &format!("{name}:1"), "y:1").await;
    let number = answer["data"]["task_id"].as_i64().unwrap().to_string();
    let path = format!("/api/fast-build/image/delete-image-by-image-name?image_name={name}:1");
    for (token, is_told) in [(&ann, false), (&root, true)] {
        let (_, answer) = say(house.request(Method::DELETE, &path), token).await;
        let words = answer["msg"].as_str().unwrap();
        assert!(answer["code"] == -1 && words.contains("needs the image"), "{answer}");
        assert_eq!(words.contains(&number), is_told, "{answer}");
    }
    house.stop().await;
}

//! Addresses in the answers of a closed service open for a while, and only what they were signed for.

use fastbuild::access::Role;
use fastbuild::settings::AccessMode;
use fastbuild::store::PassedStage;
use fastbuild::task::{StageName, TaskState};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;

use super::house::{House, bearer, envelope};

/// A task whose pull has ended, with a log; its number.
async fn task_with_log(house: &House) -> (i64, String) {
    let task = house.add_task("h/a:1", "ann").await;
    let (store, now) = (&house.state.store, house.state.clock.now());
    store.begin_stage(task.id(), None, StageName::Pull, None, now).await.unwrap();
    let passed = PassedStage { stage: StageName::Pull, from: TaskState::Queued, to: TaskState::Queued, time: now };
    store.pass_stage(task.id(), passed).await.unwrap();
    let directory = house.state.settings.fb.task_dir.join(&task.work_dir_name);
    std::fs::create_dir_all(&directory).unwrap();
    for file in ["pull.log", "build.log", "Dockerfile"] {
        std::fs::write(directory.join(file), "what it holds\n").unwrap();
    }
    (task.task_id, task.work_dir_name)
}

/// The path and query of an address.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest[rest.find('/').unwrap()..].to_owned()
}

async fn status(house: &House, path: &str) -> u16 {
    house.request(Method::GET, path).send().await.unwrap().status().as_u16()
}

async fn log_url(house: &House, token: &str, task_id: i64) -> String {
    let path = format!("/api/fast-build/progress/details?task_id={task_id}");
    let answer = house.request(Method::GET, &path).header(AUTHORIZATION, bearer(token)).send().await.unwrap();
    let answer = envelope(answer).await;
    answer["data"]["progress"][0]["log_url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_log_opens_by_its_address_alone() {
    let house = House::closed().await;
    let ann = house.token("ann", Role::Read).await;
    let (task_id, directory) = task_with_log(&house).await;
    let path = path_of(&log_url(&house, &ann, task_id).await);
    let (plain, query) = path.split_once('?').unwrap();
    assert_eq!(plain, format!("/task/{directory}/pull.log"));
    let answer = house.request(Method::GET, &path).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "what it holds\n"));
    let signature = query.rsplit('=').next().unwrap();
    let other = if signature.starts_with('0') { '1' } else { '0' };
    let later = query.replacen("expires=1", "expires=2", 1);
    for wrong in [
        plain.to_owned(),
        format!("/task/{directory}/build.log?{query}"),
        format!("/task/{directory}/Dockerfile?{query}"),
        format!("{plain}?{}", query.replace(signature, &format!("{other}{}", &signature[1..]))),
        format!("{plain}?{}", query.replace(signature, "")),
        format!("{plain}?{later}"),
        format!("{plain}?{query}&{query}"),
        format!("{plain}?{query}&task_id={task_id}"),
        format!("/api/fast-build/task/list-task?page=1&page_size=1&{query}"),
        format!("/api/fast-build/task/log?stage=pull&task_id={task_id}&{query}"),
    ] {
        assert_eq!(status(&house, &wrong).await, 401, "{wrong}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_address_ends() {
    let house = House::start_with(|settings| {
        settings.access.mode = AccessMode::Token;
        settings.access.link_hours = 0;
    })
    .await;
    let ann = house.token("ann", Role::Read).await;
    let (task_id, _) = task_with_log(&house).await;
    assert_eq!(status(&house, &path_of(&log_url(&house, &ann, task_id).await)).await, 401);
    house.stop().await;
}

#[tokio::test]
async fn events_open_by_their_address_and_for_one_task() {
    let house = House::closed().await;
    let ann = house.token("ann", Role::Read).await;
    let (task_id, _) = task_with_log(&house).await;
    let path = format!("/api/fast-build/task/task-details_by_task_id?task_id={task_id}");
    let answer = house.request(Method::GET, &path).header(AUTHORIZATION, bearer(&ann)).send().await.unwrap();
    let row = envelope(answer).await;
    let path = path_of(row["data"]["events_url"].as_str().unwrap());
    let answer = house.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    drop(answer);
    assert_eq!(status(&house, &path.replace(&task_id.to_string(), &(task_id + 1).to_string())).await, 401);
    assert_eq!(status(&house, &format!("{path}&task_id={}", task_id + 1)).await, 401);
    assert_eq!(status(&house, &path.replace("/task/events", "/task/log")).await, 401);
    house.stop().await;
}

#[tokio::test]
async fn an_open_service_writes_addresses_as_the_contract_says() {
    let house = House::start_with(|settings| settings.fb.public_url = "http://h:1".to_owned()).await;
    let (task_id, directory) = task_with_log(&house).await;
    assert_eq!(log_url(&house, "none", task_id).await, format!("http://h:1/task/{directory}/pull.log"));
    let path = format!("/api/fast-build/task/task-details_by_task_id?task_id={task_id}");
    let row = envelope(house.request(Method::GET, &path).send().await.unwrap()).await;
    assert!(row["data"].get("events_url").is_none(), "{row}");
    house.stop().await;
}

#[tokio::test]
async fn a_list_of_packages_opens_by_its_address_and_for_one_task() {
    use fastbuild::image::Digest;
    use fastbuild::store::{ImageType, NewImage};
    let house = House::closed().await;
    let ann = house.token("ann", Role::Read).await;
    let task = house.add_task("127.0.0.1/team/a:1", "ann").await;
    let details = format!("/api/fast-build/task/task-details_by_task_id?task_id={}", task.task_id);
    let row = async || {
        let answer = house.request(Method::GET, &details).header(AUTHORIZATION, bearer(&ann)).send().await.unwrap();
        envelope(answer).await["data"].clone()
    };
    assert!(row().await.get("sbom_url").is_none(), "it has pushed nothing yet");
    let digest = Digest::of(b"manifest");
    let image = NewImage {
        task_id: task.task_id,
        full_name: "127.0.0.1/team/a:1".to_owned(),
        name: "127.0.0.1/team/a".to_owned(),
        name_key: "127.0.0.1/team/a:1".to_owned(),
        tag: "1".to_owned(),
        image_id: Digest::of(b"configuration").hex().to_owned(),
        digest: digest.to_string(),
        image_type: ImageType::Customized,
        description: String::new(),
        size_bytes: 1,
        interaction: String::new(),
    };
    let (store, now) = (&house.state.store, house.state.clock.now());
    store.end_task(task.id(), TaskState::PushSuccess, None, Some(&image), None, now).await.unwrap();
    let directory = house.state.settings.fb.task_dir.join(&task.work_dir_name);
    std::fs::create_dir_all(&directory).unwrap();
    // One of another image lies beside it and is never served.
    for (digest, content) in [(digest, "{\"mine\":1}"), (Digest::of(b"other"), "{\"other\":1}")] {
        std::fs::write(directory.join(format!("sbom-1-{}.cdx.json", digest.hex())), content).unwrap();
    }
    let path = path_of(row().await["sbom_url"].as_str().unwrap());
    let answer = house.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/vnd.cyclonedx+json");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.text().await.unwrap(), "{\"mine\":1}");
    let (plain, _) = path.split_once('?').unwrap();
    for wrong in [
        format!("{plain}?task_id={}", task.task_id),
        path.replace(&task.task_id.to_string(), &(task.task_id + 1).to_string()),
        path.replace("/task/sbom", "/task/scan"),
        path.replace("/task/sbom", "/task/log"),
    ] {
        assert_eq!(status(&house, &wrong).await, 401, "{wrong}");
    }
    house.stop().await;
}

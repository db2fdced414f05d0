//! A caller sees and touches the tasks of its own user; others are as if they were not there.

use fastbuild::access::Role;
use fastbuild::image::ImageReference;
use fastbuild::store::{ImageType, NewAttempt, NewImage};
use fastbuild::task::TaskState;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use super::house::{House, bearer, envelope};
use crate::support::RequestShape;

async fn ask(house: &House, token: &str, method: Method, path: &str) -> Value {
    let request = house.request(method, &format!("/api/fast-build{path}")).header(AUTHORIZATION, bearer(token));
    envelope(request.send().await.unwrap()).await
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().map(|rows| rows.iter().map(|row| row["task_id"].as_i64().unwrap()).collect()).unwrap_or_default()
}

#[tokio::test]
async fn lists_hold_what_belongs_to_the_caller() {
    let house = House::closed().await;
    let (ann, root) = (house.token("ann", Role::Submit).await, house.root().await);
    let mine = house.add_task("h/team/ann:1", "ann").await.task_id;
    let theirs = house.add_task("h/team/bob:1", "bob").await.task_id;
    let old = house.add_task("h/team/old:1", "").await.task_id;
    for path in ["/task/queued-tasks", "/task/all-tasks", "/task/task-detail-by-image-name?image_name=team"] {
        assert_eq!(ids(&ask(&house, &ann, Method::GET, path).await["data"]), [mine], "{path}");
        assert_eq!(ids(&ask(&house, &root, Method::GET, path).await["data"]), [mine, theirs, old], "{path}");
    }
    for query in ["", "&image_name=team", "&task_status=QUEUED"] {
        let page = ask(&house, &ann, Method::GET, &format!("/task/list-task?page=1&page_size=9{query}")).await;
        assert_eq!((ids(&page["data"]["task_list"]), &page["data"]["page"]["total"]), (vec![mine], &Value::from(1)));
        let page = ask(&house, &root, Method::GET, &format!("/task/list-task?page=1&page_size=9{query}")).await;
        assert_eq!(page["data"]["page"]["total"], 3);
    }
    house.stop().await;
}

#[tokio::test]
async fn what_belongs_to_others_is_as_if_it_were_not_there() {
    let house = House::closed().await;
    let ann = house.token("ann", Role::Submit).await;
    let theirs = house.add_task("h/bob:1", "bob").await;
    let (id, absent) = (theirs.task_id, 12_345);
    for (method, path) in [
        (Method::GET, "/task/task-details_by_task_id?task_id="),
        (Method::GET, "/progress/details?task_id="),
        (Method::GET, "/task/events?task_id="),
        (Method::GET, "/task/log?stage=build&task_id="),
        (Method::GET, "/task/sbom?task_id="),
        (Method::GET, "/task/scan?task_id="),
        (Method::POST, "/task/cancel-task?task_id="),
        (Method::POST, "/task/rebuild-task?task_id="),
        (Method::DELETE, "/task/delete-task-by-task-id?task_id="),
        (Method::DELETE, "/task/delete-image-by-task-id?task_id="),
    ] {
        let found = ask(&house, &ann, method.clone(), &format!("{path}{id}")).await.to_string();
        let missing = ask(&house, &ann, method.clone(), &format!("{path}{absent}")).await.to_string();
        assert_eq!(found.replace(&id.to_string(), "N"), missing.replace(&absent.to_string(), "N"), "{method} {path}");
    }
    let row = house.state.store.task(fastbuild::task::TaskId(id)).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.cancel_requested), ("QUEUED", 0), "nothing was done to it");
    let directory = house.state.settings.fb.task_dir.join(&theirs.work_dir_name);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("build.log"), "secret\n").unwrap();
    let path = format!("/task/{}/build.log", theirs.work_dir_name);
    let (bob, root) = (house.token("bob", Role::Read).await, house.root().await);
    for (token, status) in [(&ann, 404), (&bob, 200), (&root, 200)] {
        let answer = house.request(Method::GET, &path).header(AUTHORIZATION, bearer(token)).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    house.stop().await;
}

#[tokio::test]
async fn a_task_belongs_to_the_user_of_its_token_and_keys_of_repetition_do_too() {
    let house = House::closed().await;
    let root = house.root().await;
    house.configure(&root).await;
    let (ann, bob) = (house.token("ann", Role::Submit).await, house.token("bob", Role::Submit).await);
    let ask_for = async |token: &str, target: &str, password: &str| {
        let base: ImageReference = "127.0.0.1:5055/base/debian:12".parse().unwrap();
        let target: ImageReference = format!("127.0.0.1:5055/access/{target}").parse().unwrap();
        let request = house.request(Method::POST, "/api/fast-build/task/build-image");
        let request = request.header(AUTHORIZATION, bearer(token)).header("Idempotency-Key", "same");
        let document = RequestShape::platform(&base, &target, "").ssh(password).build();
        envelope(request.json(&document).send().await.unwrap()).await
    };
    let submit = async |token: &str, target: &str| {
        let answer = ask_for(token, target, "one").await;
        assert_eq!(answer["code"], 0, "{answer}");
        answer["data"]["task_id"].as_i64().unwrap()
    };
    let first = submit(&ann, "a:1").await;
    assert_eq!(submit(&ann, "a:1").await, first, "the same key of the same user is the same task");
    for (target, password) in [("a:2", "one"), ("a:1", "two"), ("a:1", "")] {
        let refused = ask_for(&ann, target, password).await;
        assert_eq!((&refused["code"], &refused["data"]), (&Value::from(-1), &Value::Null), "{refused}");
        let told = refused["msg"].as_str().unwrap();
        assert!(told.contains("Idempotency-Key") && told.contains(&first.to_string()), "{told}");
    }
    let other = submit(&bob, "b:1").await;
    assert_ne!(other, first, "the same key of another user is another task");
    // Another token of the same user takes the first one's place.
    let heir = house.token_of("ann-2", "ann", Role::Read).await;
    assert_eq!(ids(&ask(&house, &heir, Method::GET, "/task/all-tasks").await["data"]), [first]);
    assert_eq!(ids(&ask(&house, &bob, Method::GET, "/task/all-tasks").await["data"]), [other]);
    house.stop().await;
}

fn image(name: &str, task_id: i64, image_type: ImageType) -> NewImage {
    NewImage {
        task_id,
        full_name: format!("{name}:1"),
        name: name.to_owned(),
        name_key: format!("{name}:1"),
        tag: "1".to_owned(),
        image_id: format!("sha256:{name}"),
        digest: String::new(),
        image_type,
        description: String::new(),
        size_bytes: 1,
        interaction: String::new(),
    }
}

#[tokio::test]
async fn an_image_belongs_to_its_user_when_its_task_is_deleted() {
    let house = House::closed().await;
    let (ann, bob, root) =
        (house.token("ann", Role::Submit).await, house.token("bob", Role::Submit).await, house.root().await);
    house.configure(&root).await;
    let (task, store) = (house.add_task("127.0.0.1:5055/ann/x:1", "ann").await, &house.state.store);
    let made = image("127.0.0.1:5055/ann/x", task.task_id, ImageType::Customized);
    let now = house.state.clock.now();
    assert!(store.end_task(task.id(), TaskState::PushSuccess, None, Some(&made), None, now).await.unwrap());
    let deletion = format!("/task/delete-task-by-task-id?task_id={}", task.task_id);
    assert_eq!(ask(&house, &ann, Method::DELETE, &deletion).await["code"], 0);
    for (token, total) in [(&ann, 1), (&bob, 0), (&root, 1)] {
        let list = ask(&house, token, Method::GET, "/image/list-image?page=1&page_size=9&keyword=ann").await;
        assert_eq!(list["data"]["page"]["total"], total, "{list}");
        assert_eq!(ids(&list["data"]["image_list"]).len(), total, "{list}");
    }
    let deletion = "/image/delete-image-by-image-name?image_name=127.0.0.1:5055/ann/x:1";
    assert_eq!(ask(&house, &bob, Method::DELETE, deletion).await["code"], -1);
    let deleted = ask(&house, &ann, Method::DELETE, deletion).await;
    assert_eq!((&deleted["code"], deleted["data"].as_array().map(Vec::len)), (&Value::from(0), Some(2)), "{deleted}");
    house.stop().await;
}

#[tokio::test]
async fn images_and_callbacks_follow_their_tasks() {
    let house = House::closed().await;
    let (ann, bob, root) =
        (house.token("ann", Role::Submit).await, house.token("bob", Role::Submit).await, house.root().await);
    house.configure(&root).await;
    let task = house.add_task("127.0.0.1:5055/ann/x:1", "ann").await;
    let now = house.state.clock.now();
    let store = &house.state.store;
    store.record_image(&image("127.0.0.1:5055/ann/x", task.task_id, ImageType::Customized), now).await.unwrap();
    store.record_image(&image("127.0.0.1:5055/base/y", 0, ImageType::Base), now).await.unwrap();
    let names = async |token: &str| {
        let list = ask(&house, token, Method::GET, "/image/list-image?page=1&page_size=9").await;
        let all = ask(&house, token, Method::GET, "/image/list-all").await;
        assert_eq!(list["data"]["page"]["total"], all["data"].as_array().unwrap().len(), "{list}");
        all["data"].as_array().unwrap().len()
    };
    assert_eq!((names(&ann).await, names(&bob).await, names(&root).await), (2, 1, 2));
    let delete = "/image/delete-image-by-image-name?image_name=127.0.0.1:5055";
    for (token, name) in [(&bob, "/ann/x:1"), (&bob, "/base/y:1"), (&ann, "/base/y:1")] {
        assert_eq!(ask(&house, token, Method::DELETE, &format!("{delete}{name}")).await["code"], -1, "{name}");
    }
    let attempt = NewAttempt {
        delivery_id: "d".to_owned(),
        task_id: task.task_id,
        url: "http://ann.example/".to_owned(),
        headers_sealed: house.state.sealer.seal("callback_headers.headers", &"{}".into()).unwrap(),
        body: "{}".to_owned(),
        result: String::new(),
        status_code: Some(200),
    };
    store.record_attempt(&attempt, "delivered", now, now).await.unwrap();
    let bobs = ask(&house, &bob, Method::GET, "/callback/all").await;
    assert_eq!(bobs["data"].as_array().map(Vec::len), Some(0), "{bobs}");
    assert_eq!(ask(&house, &bob, Method::GET, "/callback/latest").await["code"], -1);
    house.stop().await;
}

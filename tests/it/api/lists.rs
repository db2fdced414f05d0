//! Lists of tasks, stages and images as the store has them.

use fastbuild::cause::Cause;
use fastbuild::explanation::Explanation;
use fastbuild::store::{Failure, ImageType, NewImage, PassedStage};
use fastbuild::task::{StageName, TaskState};
use serde_json::json;

use super::app::App;

fn image(task_id: i64, tag: &str, image_type: ImageType) -> NewImage {
    NewImage {
        task_id,
        full_name: format!("127.0.0.1/t/c1:{tag}"),
        name: "127.0.0.1/t/c1".to_owned(),
        name_key: format!("127.0.0.1/t/c1:{tag}"),
        tag: tag.to_owned(),
        image_id: format!("sha256:{}", "ab".repeat(32)),
        digest: format!("sha256:{}", "cd".repeat(32)),
        image_type,
        description: "d".to_owned(),
        size_bytes: 530_000_000,
        interaction: "WebSSH, JupyterLab".to_owned(),
    }
}

#[tokio::test]
async fn pages_are_newest_first_and_filters_are_parts_in_any_case() {
    let app = App::start().await;
    for number in 1..=5 {
        app.add_task(&format!("127.0.0.1/M/sw:v{number}")).await;
    }
    app.add_task("127.0.0.1/t/other:v1").await;
    let page = app.get("/task/list-task?page=2&page_size=2").await;
    assert_eq!(page.data()["page"], json!({"current": 2, "total": 6, "page_size": 2}));
    let names: Vec<_> = page.data()["task_list"].as_array().unwrap().iter().map(|task| &task["image_name"]).collect();
    assert_eq!(names, ["127.0.0.1/M/sw:v4", "127.0.0.1/M/sw:v3"]);
    let filtered = app.get("/task/list-task?page=1&page_size=10&image_name=/m/SW&task_status=queue").await;
    assert_eq!(filtered.data()["page"]["total"], 5);
    let none = app.get("/task/list-task?page=1&page_size=10&task_status=PUSH").await;
    assert_eq!(none.data(), &json!({"page": {"current": 1, "total": 0, "page_size": 10}, "task_list": []}));
    let beyond = app.get("/task/list-task?page=9&page_size=10").await;
    assert_eq!(beyond.data()["task_list"], json!([]));
    assert_eq!(beyond.data()["page"]["total"], 6);
    let percent = app.get("/task/list-task?page=1&page_size=10&image_name=%25").await;
    assert_eq!(percent.data()["page"]["total"], 0, "a percent sign is no pattern");
    app.stop().await;
}

#[tokio::test]
async fn an_empty_service_says_so() {
    let app = App::start().await;
    app.get("/task/all-tasks").await.refusal();
    app.get("/task/task-detail-by-image-name?image_name=zzz").await.refusal();
    app.get("/task/task-details_by_task_id?task_id=-1").await.refusal();
    assert_eq!(app.get("/task/running-tasks").await.data(), &json!([]));
    assert_eq!(app.get("/task/queued-tasks").await.data(), &json!([]));
    assert_eq!(app.get("/progress/details?task_id=42").await.data(), &json!({}));
    assert_eq!(app.get("/progress/running-tasks-progress").await.data(), &json!({}));
    assert_eq!(app.get("/image/list-all").await.data(), &json!([]));
    assert_eq!(app.get("/image-life/all").await.data(), &json!([]));
    assert_eq!(app.get("/check-result/all-check-result").await.data(), &json!([]));
    app.stop().await;
}

#[tokio::test]
async fn a_failed_task_tells_why_and_what_to_do() {
    let app = App::start().await;
    let task = app.add_task("127.0.0.1/t/c1:v1").await;
    let failure = Failure {
        cause: Cause::PackageNotFound,
        stage: Some(StageName::Build),
        explanation: Explanation::quoted("E: Unable to locate package nope"),
        failed_step: Some("RUN apt-get install nope".to_owned()),
        last_lines: vec!["Reading package lists...".to_owned(), "E: Unable to locate package nope".to_owned()],
    };
    let ended = app.state.clock.now();
    app.state.store.end_task(task.id(), TaskState::BuildFailed, Some(&failure), None, None, ended).await.unwrap();
    let path = format!("/api/fast-build/task/task-details_by_task_id?task_id={}", task.task_id);
    let request = app.request(reqwest::Method::GET, &path).header("Accept-Language", "en");
    let answer = super::app::send(request).await;
    let row = answer.data();
    assert_eq!(row["state"], "BUILD_FAILED");
    assert_eq!(row["cause"], "PACKAGE_NOT_FOUND");
    assert_eq!(row["failed_stage"], "build");
    assert_eq!(row["hint"], "Check the package's name and version, or choose a mirror that has it.");
    assert_eq!(row["last_lines"], "Reading package lists...\nE: Unable to locate package nope");
    let directory = app.path("task").join(&task.work_dir_name).display().to_string();
    assert_eq!(row["task_work_dir"], directory);
    assert_eq!(row["request"], format!("{directory}/Front_end_request_json"));
    app.stop().await;
}

#[tokio::test]
async fn only_stages_that_have_ended_are_shown() {
    let app = App::start().await;
    let task = app.add_task("127.0.0.1/t/c1:v1").await;
    let store = &app.state.store;
    store.claim_task(7, app.state.clock.now()).await.unwrap().unwrap();
    store.begin_stage(task.id(), None, StageName::Pull, None, app.state.clock.now()).await.unwrap();
    let running = app.get("/progress/running-tasks-progress").await;
    assert_eq!(running.data(), &json!({ task.task_id.to_string(): [] }));
    let (from, to) = (TaskState::Started, TaskState::PullSuccess);
    let passed = PassedStage { stage: StageName::Pull, from, to, time: app.state.clock.now() };
    store.pass_stage(task.id(), passed).await.unwrap();
    store.begin_stage(task.id(), None, StageName::Check, None, app.state.clock.now()).await.unwrap();
    let details = app.get(&format!("/progress/details?task_id={}", task.task_id)).await;
    let stages = details.data()["progress"].as_array().unwrap();
    assert_eq!(stages.len(), 1);
    assert_eq!((&stages[0]["action"], &stages[0]["status"]), (&json!("pull"), &json!("success")));
    assert_eq!(stages[0]["duration"], 1_000);
    let url = format!("http://127.0.0.1:48001/task/{}/pull.log", task.work_dir_name);
    assert_eq!(stages[0]["log_url"], url);
    assert!(stages[0].get("dockerfile_url").is_none());
    app.stop().await;
}

#[tokio::test]
async fn images_are_paged_filtered_and_typed() {
    let app = App::start().await;
    for (number, kind) in [(1, ImageType::Base), (2, ImageType::Customized), (3, ImageType::Customized)] {
        let image = image(number, &format!("v{number}"), kind);
        app.state.store.record_image(&image, app.state.clock.now()).await.unwrap();
    }
    let page = app.get("/image/list-image?page=1&page_size=2").await;
    assert_eq!(page.data()["page"], json!({"current": 1, "total": 3, "page_size": 2}));
    assert_eq!(page.data()["image_list"][0]["tag"], "v3");
    assert_eq!(page.data()["image_list"][0]["size"], "0.53G");
    assert_eq!(page.data()["image_list"][0]["id"], "ab".repeat(32));
    let bases = app.get("/image/list-image?page=1&page_size=9&image_type=base").await;
    assert_eq!(bases.data()["page"]["total"], 1);
    let found = app.get("/image/list-image?page=1&page_size=9&keyword=C1:V2").await;
    assert_eq!(found.data()["image_list"][0]["tag"], "v2");
    let all = app.get("/image/list-all").await;
    let tags: Vec<_> = all.data().as_array().unwrap().iter().map(|image| image["tag"].clone()).collect();
    assert_eq!(tags, ["v1", "v2", "v3"], "the list of all is oldest first");
    app.stop().await;
}

#[tokio::test]
async fn inspections_are_listed_and_forgotten() {
    let app = App::start().await;
    let now = app.state.clock.now();
    app.state.store.keep_check_result("sha256:ab", "h/a:1", r#"{"image_name":"h/a:1"}"#, now).await.unwrap();
    let all = app.get("/check-result/all-check-result").await;
    assert_eq!(all.data()[0]["result"], r#"{"image_name":"h/a:1"}"#, "a string that holds JSON");
    assert_eq!(app.delete("/check-result/delete-all-check-result").await.data(), 1);
    assert_eq!(app.get("/check-result/all-check-result").await.data(), &json!([]));
    app.stop().await;
}

#[tokio::test]
async fn times_are_written_in_the_zone_of_the_settings() {
    let app = App::start_with(|settings| {
        settings.fb.time_zone = serde_json::from_value(json!("Asia/Shanghai")).unwrap();
    })
    .await;
    let host = app.get("/host/latest").await;
    assert_eq!(host.data()["create_time"], "2026-11-21T10:54:07.054672");
    app.stop().await;
}

//! Captured exchanges of the old service, replayed. Every key it sent is there with a value of the same kind; what is
//! volatile (numbers, times, paths) is not compared.

use fastbuild::store::{ImageType, NewImage, PassedStage};
use fastbuild::task::{StageName, TaskState};
use reqwest::Method;

use super::app::{App, file_part, send};
use crate::support::captured::{Tolerance, captured, differences};

async fn replay(app: &App, name: &str, task_id: Option<i64>) {
    let exchange = captured(name);
    let (method, path) = exchange["request"].as_str().unwrap().split_once(' ').unwrap();
    let path = match (path.split_once("task_id="), task_id) {
        (Some((before, _)), Some(task_id)) => format!("{before}task_id={task_id}"),
        _ => path.to_owned(),
    };
    let answer = send(app.request(Method::from_bytes(method.as_bytes()).unwrap(), &path)).await;
    assert_eq!(u64::from(answer.status), exchange["status"].as_u64().unwrap(), "{name}: {}", answer.text);
    let content_type = exchange["response_headers"]["content-type"].as_str().unwrap();
    assert_eq!(answer.header("content-type"), content_type, "{name}");
    let old = &exchange["response_json"];
    assert_eq!(answer.json["code"], old["code"], "{name}: {}", answer.text);
    if answer.status != 200 {
        assert_eq!(&answer.json, old, "{name}: errors are equal to the letter");
    }
    let found = differences("answer", old, &answer.json, Tolerance::Null);
    assert!(found.is_empty(), "{name}: {found:#?}\n{:#}", answer.json);
}

/// A service in which everything that the captures show is there: a waiting task, a running one, one that was pushed.
async fn populated() -> (App, i64) {
    let app = App::start().await;
    let store = &app.state.store;
    let task = app.add_task("127.0.0.1/m/sw:sw-warm-4-30403").await;
    store.claim_task(9_750, app.state.clock.now()).await.unwrap().unwrap();
    let mut from = TaskState::Started;
    for stage in StageName::ALL {
        store.begin_stage(task.id(), None, stage, None, app.state.clock.now()).await.unwrap();
        if stage != StageName::Push {
            let passed = PassedStage { stage, from, to: stage.passed_state(), time: app.state.clock.now() };
            store.pass_stage(task.id(), passed).await.unwrap();
            from = stage.passed_state();
        }
    }
    let image = NewImage {
        task_id: task.task_id,
        full_name: task.target_image_name.clone(),
        name: "127.0.0.1/m/sw".to_owned(),
        name_key: task.target_image_name.clone(),
        tag: "sw-warm-4-30403".to_owned(),
        image_id: format!("sha256:{}", "ab".repeat(32)),
        digest: format!("sha256:{}", "cd".repeat(32)),
        image_type: ImageType::Customized,
        description: "d".to_owned(),
        size_bytes: 590_000_000,
        interaction: "WebSSH, JupyterLab".to_owned(),
    };
    let ended = app.state.clock.now();
    store.end_task(task.id(), TaskState::PushSuccess, None, Some(&image), None, ended).await.unwrap();
    store.note_pulled("127.0.0.1/base/ubuntu:20.04", app.state.clock.now()).await.unwrap();
    store.keep_check_result("sha256:b0", "127.0.0.1/base/ubuntu:20.04", "{}", app.state.clock.now()).await.unwrap();
    app.add_task("127.0.0.1/t/c2:v1").await;
    store.claim_task(26_870, app.state.clock.now()).await.unwrap().unwrap();
    app.add_task("127.0.0.1/t/c3:v1").await;
    for (path, content) in [
        ("tools/python/Python-3.7.14.tgz", "x"),
        ("tools/pip/pip3/get-pip.py", "x"),
        ("tools/conda/Miniconda3-a.sh", "x"),
    ] {
        let path = app.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    (app, task.task_id)
}

#[tokio::test]
async fn reading_routes_answer_as_captured() {
    let (app, task_id) = populated().await;
    for name in [
        "hello",
        "root",
        "list-task",
        "all-tasks",
        "running-tasks",
        "queued-tasks",
        "task-detail-by-image-name",
        "progress-status",
        "list-image",
        "list-image_filtered",
        "list-all",
        "image-life-all",
        "all-check-result",
        "list-source",
        "list-software",
    ] {
        replay(&app, name, None).await;
    }
    for name in ["task-details_by_task_id", "progress-details"] {
        replay(&app, name, Some(task_id)).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn errors_are_as_captured() {
    let (app, _) = populated().await;
    for name in [
        "err_404",
        "err_list-task_missing",
        "err_progress_unknown",
        "err_task-detail-by-image-name_none",
        "err_task-details_notint",
        "err_task-details_unknown",
    ] {
        replay(&app, name, None).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn running_tasks_are_keyed_by_number() {
    let (app, _) = populated().await;
    let answer = app.get("/progress/running-tasks-progress").await;
    let (task_id, stages) = answer.data().as_object().unwrap().iter().next().unwrap();
    assert!(task_id.parse::<i64>().is_ok() && stages.is_array(), "{}", answer.text);
    app.stop().await;
}

#[tokio::test]
async fn uploads_answer_as_captured() {
    let app = App::start().await;
    for (name, file) in [
        ("upload_python_ok", Some("Python-3.8.1.tgz")),
        ("upload_missing_file", None),
        ("upload_bad_type", Some("a.txt")),
    ] {
        let exchange = captured(name);
        let path = exchange["request"].as_str().unwrap().strip_prefix("POST /api/fast-build").unwrap();
        let form = reqwest::multipart::Form::new();
        let form = match file {
            Some(file) => form.part("files", file_part(file, "x\n")),
            None => form.text("other", "x"),
        };
        let answer = app.post_form(path, form).await;
        assert_eq!(u64::from(answer.status), exchange["status"].as_u64().unwrap(), "{name}");
        assert_eq!(answer.json["code"], exchange["response_json"]["code"], "{name}");
        match name {
            // The old service put the text into `data`; it stands in `msg` now.
            "upload_bad_type" => assert!(answer.refusal().contains("file_type")),
            "upload_python_ok" => {
                let expected = &exchange["response_json"]["data"]["complete upload filenames"];
                assert_eq!(&answer.data()["complete upload filenames"], expected);
            }
            _ => assert_eq!(answer.json, exchange["response_json"], "{name}"),
        }
    }
    app.stop().await;
}

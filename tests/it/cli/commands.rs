//! Commands that ask once: what is sent, what is printed, and the exit code.

use serde_json::{Value, json};

use super::scripted::{Scripted, not_found, refusal, status, success};
use super::{left_by, program, run, write};

const NUMBER: i64 = 1_795_229_647_053;

fn accepted() -> Value {
    json!({ "task_id": NUMBER, "task_name": "c1", "target_image_name": "h/t/c1:v1", "state": "QUEUED" })
}

#[tokio::test]
async fn submit_sends_the_request_as_it_is() {
    let service = Scripted::serve(|_| success(accepted())).await;
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "request.json", "\u{feff}{\"z\": 1, \"a\": {\"b\": 1.50}}");
    let left = service.run(&["submit", &file]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "task 1795229647053 accepted: h/t/c1:v1\n"));
    assert!(left.stderr.contains("fastbuild logs 1795229647053 --follow"), "{left:?}");
    let variables = [("FASTBUILD_TOKEN", "canary"), ("LANG", "zh_CN.UTF-8")];
    let arguments = ["submit", "-", "--force", "--idempotency-key", "k 1", "--json"];
    let left = service.run_with(&arguments, &variables, r#"{"task_data":{}}"#).await;
    assert_eq!((left.code, serde_json::from_str::<Value>(&left.stdout).unwrap()), (Some(0), accepted()));
    assert!(left.stderr.is_empty(), "{left:?}");
    let asked = service.asked();
    assert!(asked.iter().all(|asked| asked.what() == "POST /task/build-image"), "{asked:?}");
    assert_eq!(asked[0].body, r#"{"z":1,"a":{"b":1.5}}"#);
    assert_eq!((asked[0].header("content-type"), asked[0].header("authorization")), ("application/json", ""));
    assert_eq!((asked[0].header("accept-language"), asked[0].header("idempotency-key")), ("en", ""));
    assert_eq!(asked[1].body, r#"{"task_data":{},"force":true}"#);
    assert_eq!((asked[1].header("authorization"), asked[1].header("idempotency-key")), ("Bearer canary", "k 1"));
    assert!(asked[1].header("accept-language").starts_with("zh-CN"));
}

#[tokio::test]
async fn what_is_refused_is_named_and_is_code_2() {
    let detail = json!({ "detail": [
        { "loc": ["body", "image_data", "callback_url"], "msg": "field required", "type": "value_error.missing" },
        { "loc": ["body", "dockerfile_json", "software_list", 0, "name"], "msg": "field required", "type": "x" },
    ] });
    let invalid = Scripted::serve(move |_| status(422, detail.clone())).await;
    let left = invalid.run_with(&["submit", "-"], &[], "{}").await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(2), ""));
    assert!(left.stderr.contains("image_data.callback_url: field required"), "{left:?}");
    assert!(left.stderr.contains("dockerfile_json.software_list.0.name: field required"), "{left:?}");
    let left = invalid.run_with(&["submit", "-", "--json"], &[], "{}").await;
    let error: Value = serde_json::from_str(&left.stdout).unwrap();
    assert_eq!((left.code, &error["error"]["kind"]), (Some(2), &json!("invalid")));
    assert_eq!(error["error"]["fields"][0]["field"], "image_data.callback_url");

    let refusing = Scripted::serve(|_| refusal("the name is in use")).await;
    for arguments in [&["submit", "-"][..], &["preview", "-"], &["inspect", "x"], &["cancel", "1"], &["logs", "1"]] {
        let left = refusing.run_with(arguments, &[], "{}").await;
        assert_eq!(left.code, Some(2), "{arguments:?}");
        assert!(left.stderr.contains("the name is in use"), "{left:?}");
    }
    let asking = Scripted::serve(|_| status(401, json!({ "code": -1, "msg": "who asks?", "data": null }))).await;
    let left = asking.run(&["tasks"]).await;
    assert!(left.code == Some(2) && left.stderr.contains("who asks?; give a token with --token"), "{left:?}");
    let old = Scripted::serve(|_| not_found()).await;
    let left = old.run(&["cancel", "1"]).await;
    assert!(left.code == Some(2) && left.stderr.contains("does not know"), "{left:?}");
}

#[tokio::test]
async fn wrong_use_is_code_2_and_asks_nobody() {
    let service = Scripted::serve(|_| success(json!(null))).await;
    for (arguments, input, part) in [
        (&["submit", "/nowhere/request.json"][..], "", "cannot read /nowhere/request.json"),
        (&["submit", "-"], "{\"a\": }", "not valid JSON"),
        (&["submit", "-"], "[]", "no JSON object"),
        (&["submit"], "", "<REQUEST>"),
        (&["submit", "-", "--plain"], "{}", "--follow"),
        (&["logs", "newest"], "", "is no task"),
        (&["logs", "1", "--stage", "upload"], "", "possible values: pull, check, prepare, build, push"),
        (&["tasks", "--page", "0"], "", "0 is not in 1.."),
        (&["tasks", "--url", "harbor.example.cn"], "", "is no address of a service"),
        (&["frobnicate"], "", "unrecognized subcommand"),
    ] {
        let left = service.run_with(arguments, &[], input).await;
        assert_eq!(left.code, Some(2), "{arguments:?}: {left:?}");
        assert!(left.stderr.contains(part), "{arguments:?}: {left:?}");
    }
    assert!(service.asked().is_empty());
}

#[tokio::test]
async fn no_service_is_code_3() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let left = run(&["tasks", "--url", &format!("http://{gone}")]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(3), ""));
    assert!(left.stderr.contains(&format!("no service answers at http://{gone}: ")), "{left:?}");
    let left = run(&["tasks", "--json", "--url", &format!("http://{gone}")]).await;
    assert_eq!(serde_json::from_str::<Value>(&left.stdout).unwrap()["error"]["kind"], "unreachable");
    let other = Scripted::serve(|_| status(200, json!({ "hello": "world" }))).await;
    let left = other.run(&["tasks"]).await;
    assert!(left.code == Some(3) && left.stderr.contains("not one of FastBuild"), "{left:?}");
}

#[tokio::test]
async fn tasks_are_a_table_or_json() {
    let list = json!({ "page": { "current": 2, "total": 7, "page_size": 5 }, "task_list": [
        { "task_id": 12, "state": "PUSH_SUCCESS", "create_time": "2026-11-21T03:12:49.832469",
          "target_image_name": "h/m/x:1", "name": "第一" },
        { "task_id": 3, "state": "BUILD_FAILED", "cause": "DISK_FULL", "create_time": "2026-11-21T03:12:40.1",
          "target_image_name": "h/m/y:1", "name": "a\u{1b}[31m" },
    ] });
    let answer = list.clone();
    let service = Scripted::serve(move |_| success(answer.clone())).await;
    let left = service.run(&["tasks", "--state", "S", "--image", "m/ä", "--page", "2", "--page-size", "5"]).await;
    assert_eq!(left.code, Some(0));
    insta::assert_snapshot!(left.stdout, @r"
    TASK  STATE                   CREATED              TARGET   NAME
    12    PUSH_SUCCESS            2026-11-21 03:12:49  h/m/x:1  第一
    3     BUILD_FAILED DISK_FULL  2026-11-21 03:12:40  h/m/y:1  a
    ");
    assert_eq!(left.stderr, "page 2 of 2, 7 tasks\n");
    assert_eq!(service.asked()[0].query, "page=2&page_size=5&image_name=m%2F%C3%A4&task_status=S");
    let left = service.run(&["tasks", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&left.stdout).unwrap(), list);
}

#[tokio::test]
async fn preview_keeps_the_dockerfile_apart() {
    let preview =
        json!({ "dockerfile": "FROM x\nRUN y\n", "plan": ["one step"], "warnings": ["pushed without credentials"] });
    let service = Scripted::serve(move |_| success(preview.clone())).await;
    let left = service.run_with(&["preview", "-"], &[], "{}").await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "FROM x\nRUN y\n"));
    assert_eq!(left.stderr, "plan: one step\nwarning: pushed without credentials\n");
    let left = service.run_with(&["preview", "-", "--json"], &[], "{}").await;
    assert_eq!(serde_json::from_str::<Value>(&left.stdout).unwrap()["plan"], json!(["one step"]));
    assert_eq!(service.asked()[0].what(), "POST /task/preview-dockerfile");
}

#[tokio::test]
async fn inspect_shows_what_is_there() {
    let exchange: Value = serde_json::from_str(include_str!("../data/check_image.json")).unwrap();
    let service = Scripted::serve(move |_| success(exchange.clone())).await;
    let left = service.run(&["inspect", "127.0.0.1/base/ubuntu:20.04"]).await;
    assert_eq!(left.code, Some(0));
    insta::assert_snapshot!(left.stdout);
    assert_eq!(service.asked()[0].what(), "POST /task/check-image");
    assert_eq!(service.asked()[0].query, "image_name=127.0.0.1%2Fbase%2Fubuntu%3A20.04");
}

#[tokio::test]
async fn logs_are_read_page_by_page() {
    let service = Scripted::serve(|asked| match asked.what().as_str() {
        "GET /task/list-task" => success(json!({ "task_list": [{ "task_id": 7 }] })),
        "GET /task/task-details_by_task_id" => success(json!({ "task_id": 7, "state": "PUSH_SUCCESS" })),
        "GET /task/log" if asked.query.contains("stage=build&after=0") => {
            success(json!({ "lines": [{ "sequence": 1, "text": "one\u{1b}[1m" }, { "sequence": 2, "text": "two" }], "next": 2 }))
        }
        "GET /task/log" if asked.query.contains("stage=build&after=2") => {
            success(json!({ "lines": [{ "sequence": 3, "text": "three" }], "next": 3 }))
        }
        "GET /task/log" if asked.query.contains("stage=push&after=0") => {
            success(json!({ "lines": [{ "sequence": 1, "text": "pushed" }], "next": 1 }))
        }
        "GET /task/log" => success(json!({ "lines": [], "next": 0, "ended": true })),
        other => panic!("{other}"),
    })
    .await;
    let left = service.run(&["logs", "latest"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "one\ntwo\nthree\npushed\n"));
    let left = service.run(&["logs", "7", "--stage", "push", "--json"]).await;
    assert_eq!(left.stdout, "{\"stage\":\"push\",\"text\":\"pushed\"}\n");
}

#[tokio::test]
async fn sbom_prints_the_document_or_why_there_is_none() {
    let service = Scripted::serve(|asked| match asked.query.as_str() {
        "task_id=7" => {
            let mut document = status(200, json!({ "bomFormat": "CycloneDX", "code": 0 }));
            let kind = http::HeaderValue::from_static("application/vnd.cyclonedx+json");
            document.headers_mut().insert("content-type", kind);
            document
        }
        "task_id=8" => refusal("task 8 has pushed no image"),
        _ => not_found(),
    })
    .await;
    let left = service.run(&["sbom", "7"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "{\"bomFormat\":\"CycloneDX\",\"code\":0}\n"));
    assert_eq!(service.asked()[0].what(), "GET /task/sbom");
    let left = service.run(&["sbom", "8"]).await;
    assert!(left.code == Some(2) && left.stdout.is_empty() && left.stderr.contains("pushed no image"), "{left:?}");
    assert_eq!(service.run(&["sbom", "9"]).await.code, Some(2));
}

#[tokio::test]
async fn cancel_and_rebuild_name_the_task() {
    let service = Scripted::serve(|asked| match asked.what().as_str() {
        "POST /task/cancel-task" => success(json!("task 7 is being stopped")),
        "POST /task/rebuild-task" => success(accepted()),
        other => panic!("{other}"),
    })
    .await;
    let left = service.run(&["cancel", "7"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "task 7 is being stopped\n"));
    let left = service.run(&["rebuild", "7"]).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "task 1795229647053 accepted: h/t/c1:v1\n"));
    assert!(service.asked().iter().all(|asked| asked.query == "task_id=7"));
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_failure() {
    let service =
        Scripted::serve(|_| success(json!({ "page": { "total": 1 }, "task_list": [{ "task_id": 1 }] }))).await;
    let mut command = program(&["tasks", "--url", &service.url]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    let left = left_by(command, "").await;
    assert_eq!((left.code, left.stderr.as_str()), (Some(0), ""));
}

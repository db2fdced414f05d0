//! Logs and Dockerfiles by URL.

use reqwest::Method;
use serde_json::json;

use super::app::{Answered, App, send};

async fn get(app: &App, path: &str) -> Answered {
    send(app.request(Method::GET, path)).await
}

#[tokio::test]
async fn logs_and_dockerfiles_are_served_as_text_to_any_origin() {
    let app = App::start().await;
    let directory = app.path("task/2026-11-21-02-54-07-053159");
    std::fs::create_dir_all(&directory).unwrap();
    for name in ["pull.log", "check.log", "prepare.log", "build.log", "push.log", "Dockerfile"] {
        std::fs::write(directory.join(name), format!("{name}：内容\n")).unwrap();
        let path = format!("/task/2026-11-21-02-54-07-053159/{name}");
        let answer = send(app.request(Method::GET, &path).header("Origin", "http://console.example.cn")).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, format!("{name}：内容\n").as_str()));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_part_of_a_log_can_be_asked_for() {
    let app = App::start().await;
    std::fs::create_dir_all(app.path("task/a")).unwrap();
    std::fs::write(app.path("task/a/build.log"), "0123456789").unwrap();
    let ask = |range: &'static str| send(app.request(Method::GET, "/task/a/build.log").header("Range", range));
    let part = ask("bytes=4-").await;
    assert_eq!((part.status, part.text.as_str()), (206, "456789"));
    assert_eq!(part.header("content-range"), "bytes 4-9/10");
    assert_eq!(ask("bytes=-2").await.text, "89");
    assert_eq!(ask("bytes=0-0").await.text, "0");
    let beyond = ask("bytes=10-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */10"));
    assert_eq!(ask("bytes=1-2,4-5").await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn nothing_else_is_served() {
    let app = App::start().await;
    let directory = app.path("task/a");
    std::fs::create_dir_all(directory.join("push.log")).unwrap();
    std::fs::write(directory.join("Front_end_request_json"), "secret").unwrap();
    std::fs::write(directory.join("start.sh"), "secret").unwrap();
    std::fs::write(app.path("task/build.log"), "secret").unwrap();
    std::os::unix::fs::symlink(app.path("fastbuild.sqlite3"), directory.join("build.log")).unwrap();
    for path in [
        "/task/a/Front_end_request_json",
        "/task/a/start.sh",
        "/task/a/build.log",
        "/task/a/push.log",
        "/task/a/check.log",
        "/task/a/",
        "/task/a",
        "/task/",
        "/task/unknown/build.log",
        "/task/%2e%2e/fastbuild.sqlite3",
        "/task/..%2ftask/build.log",
        "/task/%2e/build.log",
        "/task/a%2f../build.log",
        "/task/a/..%2fbuild.log",
        "/task/a%00/build.log",
        "/task/%ff/build.log",
        "/task/a/build.log%00.txt",
    ] {
        let answer = get(&app, path).await;
        assert_eq!((answer.status, answer.json), (404, json!({"detail": "Not Found"})), "{path}");
        assert!(!answer.text.contains("secret"));
    }
    app.stop().await;
}

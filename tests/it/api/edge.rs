//! What surrounds every route: origins, languages, paths and methods that are not there, request ids.

use reqwest::Method;
use serde_json::json;

use super::app::{App, send};

#[tokio::test]
async fn any_origin_may_call_but_never_with_credentials() {
    let app = App::start().await;
    let request = app.request(Method::GET, "/api/fast-build/").header("Origin", "http://console.example.cn");
    let answer = send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let without = send(app.request(Method::GET, "/api/fast-build/")).await;
    assert_eq!(without.header("access-control-allow-origin"), "");
    let missing = app.request(Method::GET, "/api/fast-build/nope").header("Origin", "null");
    assert_eq!(send(missing).await.header("access-control-allow-origin"), "*", "errors can be read, too");
    app.stop().await;
}

#[tokio::test]
async fn preflights_are_answered_for_every_method_and_header() {
    let app = App::start().await;
    for method in ["POST", "DELETE"] {
        let request = app
            .request(Method::OPTIONS, "/api/fast-build/task/build-image")
            .header("Origin", "http://console.example.cn")
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "authorization,content-type,x-own");
        let answer = send(request).await;
        assert_eq!(answer.status, 204);
        assert!(answer.header("access-control-allow-methods").contains(method));
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,content-type,x-own");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let no_preflight = send(app.request(Method::OPTIONS, "/api/fast-build/task/welcome")).await;
    assert_eq!(no_preflight.status, 405);
    app.stop().await;
}

#[tokio::test]
async fn only_configured_origins_may_send_credentials() {
    let app =
        App::start_with(|settings| settings.fb.cors_origins = vec!["https://console.example.cn".to_owned()]).await;
    let ask = |origin: &'static str| send(app.request(Method::GET, "/api/fast-build/").header("Origin", origin));
    let trusted = ask("https://console.example.cn").await;
    assert_eq!(trusted.header("access-control-allow-origin"), "https://console.example.cn");
    assert_eq!(trusted.header("access-control-allow-credentials"), "true");
    for other in ["https://console.example.cn.evil.com", "http://console.example.cn", "null"] {
        let answer = ask(other).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{other}");
        assert!(answer.headers.get_all("vary").iter().any(|value| value == "Origin"));
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_as_the_old_service_did() {
    let app = App::start().await;
    for path in ["/api/fast-build/nope", "/nope", "/api", "/api/fast-build/task/", "/task/a", "/sys_log"] {
        let answer = send(app.request(Method::GET, path)).await;
        assert_eq!((answer.status, answer.json), (404, json!({"detail": "Not Found"})), "{path}");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    for (method, path, allowed) in [
        (Method::POST, "/api/fast-build/task/list-task", "GET,HEAD"),
        (Method::GET, "/api/fast-build/host/update-host", "POST"),
        (Method::PATCH, "/api/fast-build/check-result/delete-all-check-result", "DELETE"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::DELETE, "/readyz", "GET,HEAD"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
    ] {
        let answer = send(app.request(method, path)).await;
        assert_eq!((answer.status, &answer.json), (405, &json!({"detail": "Method Not Allowed"})), "{path}");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_slash_too_many_redirects_and_nothing_else_does() {
    let app = App::start().await;
    for (path, target) in [
        ("/api/fast-build/task/welcome/", "/api/fast-build/task/welcome"),
        ("/api/fast-build/task/list-task/?page=1&page_size=2", "/api/fast-build/task/list-task?page=1&page_size=2"),
        ("/healthz/", "/healthz"),
        ("/api/fast-build", "/api/fast-build/"),
    ] {
        let answer = send(app.request(Method::GET, path)).await;
        assert_eq!((answer.status, answer.header("location")), (307, target), "{path}");
    }
    for path in ["//evil.example/", "/%2Fevil.example/", "/\\evil.example/", "/nope/", "//api/fast-build/"] {
        let answer = send(app.request(Method::GET, path)).await;
        assert_eq!((answer.status, answer.header("location")), (404, ""), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn greetings_are_those_of_the_old_service() {
    let app = App::start().await;
    for (path, text) in [
        ("/hello/welcome", "Welcome To hello-controller"),
        ("/api/fast-build/", "Welcome To FastBuild"),
        ("/api/fast-build/task/welcome", "Welcome To Task Module"),
        ("/api/fast-build/image/welcome", "Welcome To Image Module"),
        ("/api/fast-build/progress/welcome", "Welcome To Progress Module"),
        ("/api/fast-build/file/welcome", "Welcome To File Module"),
        ("/api/fast-build/data/welcome", "Welcome To db-controller"),
        ("/api/fast-build/check-result/welcome", "Welcome To db-check-result-controller"),
        ("/api/fast-build/image-life/welcome", "Welcome To Image Life Module"),
        ("/api/fast-build/system/welcome", "Welcome To System Module"),
        ("/api/fast-build/config/welcome", "Welcome To Config Module"),
        ("/api/fast-build/host/welcome", "Welcome To Host Module"),
        ("/api/fast-build/callback/welcome", "Welcome To Callback Module"),
    ] {
        let answer = send(app.request(Method::GET, path)).await;
        assert_eq!((answer.status, answer.json), (200, json!({ "message": text })), "{path}");
    }
    let stop = send(app.request(Method::GET, "/api/fast-build/stop")).await;
    assert_eq!((stop.status, stop.text.as_str()), (200, "null"));
    assert_eq!(send(app.request(Method::GET, "/healthz")).await.json, json!({"status": "ok"}));
    app.stop().await;
}

#[tokio::test]
async fn messages_speak_the_caller_s_language() {
    let app = App::start().await;
    let path = "/api/fast-build/task/task-details_by_task_id?task_id=42";
    let chinese = send(app.request(Method::GET, path)).await;
    assert_eq!(chinese.refusal(), "任务 42 不存在，请检查 task_id");
    assert_eq!(chinese.header("content-language"), "zh-CN");
    let english = send(app.request(Method::GET, path).header("Accept-Language", "en-GB,en;q=0.8")).await;
    assert_eq!(english.refusal(), "There is no task 42. Check the task_id.");
    assert_eq!(english.header("content-language"), "en");
    app.stop().await;
    let english_by_default =
        App::start_with(|settings| settings.fb.language = fastbuild::settings::DefaultLanguage::English).await;
    let answer = send(english_by_default.request(Method::GET, path)).await;
    assert!(answer.refusal().starts_with("There is no task"));
    english_by_default.stop().await;
}

#[tokio::test]
async fn requests_have_an_id_that_logs_can_hold() {
    let app = App::start().await;
    let ask = |id: &'static str| send(app.request(Method::GET, "/api/fast-build/").header("X-Request-Id", id));
    assert_eq!(ask("trace-1").await.header("x-request-id"), "trace-1");
    for hostile in ["a b", "\u{1b}[31m", "a\"b", ""] {
        let Ok(value) = reqwest::header::HeaderValue::from_str(hostile) else { continue };
        let request = app.request(Method::GET, "/api/fast-build/").header("X-Request-Id", value);
        let id = send(request).await.header("x-request-id").to_owned();
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    let long: &'static str = "x".repeat(65).leak();
    assert_eq!(ask(long).await.header("x-request-id").len(), 16);
    app.stop().await;
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let app = App::start().await;
    let request = app.request(Method::GET, "/openapi.json").header("Accept-Encoding", "gzip");
    let answer = send(request).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let small = app.request(Method::GET, "/api/fast-build/").header("Accept-Encoding", "gzip");
    assert_eq!(send(small).await.header("content-encoding"), "");
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_fails_is_told_without_its_words() {
    let app = App::start().await;
    app.state.store.close().await;
    let answer = app.get("/task/running-tasks").await;
    assert_eq!((answer.status, &answer.json["code"]), (500, &json!(-1)));
    assert!(answer.json["data"].is_null());
    for inner in ["sqlite", "SQL", "pool", "database"] {
        assert!(!answer.text.contains(inner), "{}", answer.text);
    }
    let ready = send(app.request(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, &ready.json["database"]["status"]), (503, &json!("failing")));
    assert_eq!(send(app.request(Method::GET, "/healthz")).await.status, 200, "the process lives all the same");
    app.stop().await;
}

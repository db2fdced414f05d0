//! Requests that do not have the declared form: 422 in pydantic v1's words, with everything that is wrong.

use reqwest::Method;
use serde_json::json;

use super::app::{App, send};

fn pair(place: &str, kind: &str) -> (String, String) {
    (place.to_owned(), kind.to_owned())
}

#[tokio::test]
async fn queries_are_checked_as_declared() {
    let app = App::start().await;
    for (path, expected) in [
        (
            "/task/list-task",
            vec![pair("query.page", "value_error.missing"), pair("query.page_size", "value_error.missing")],
        ),
        ("/task/list-task?page=1", vec![pair("query.page_size", "value_error.missing")]),
        ("/task/list-task?page=0&page_size=1", vec![pair("query.page", "value_error.number.not_ge")]),
        (
            "/task/list-task?page=-1&page_size=x",
            vec![pair("query.page", "value_error.number.not_ge"), pair("query.page_size", "type_error.integer")],
        ),
        ("/task/list-task?page=1&page_size=0", vec![pair("query.page_size", "value_error.number.not_ge")]),
        (
            "/task/list-task?page=1&page_size=9007199254740992",
            vec![pair("query.page_size", "value_error.number.not_le")],
        ),
        (
            "/task/list-task?page=99999999999999999999&page_size=1",
            vec![pair("query.page", "value_error.number.not_le")],
        ),
        ("/task/list-task?page=&page_size=1", vec![pair("query.page", "type_error.integer")]),
        ("/task/list-task?page=1.0&page_size=1", vec![pair("query.page", "type_error.integer")]),
        (
            "/image/list-image?page=a&page_size=b",
            vec![pair("query.page", "type_error.integer"), pair("query.page_size", "type_error.integer")],
        ),
        ("/task/task-details_by_task_id?task_id=abc", vec![pair("query.task_id", "type_error.integer")]),
        ("/task/task-details_by_task_id", vec![pair("query.task_id", "value_error.missing")]),
        (
            "/task/task-details_by_task_id?task_id=9007199254740992",
            vec![pair("query.task_id", "value_error.number.not_le")],
        ),
        ("/task/task-detail-by-image-name", vec![pair("query.image_name", "value_error.missing")]),
        ("/progress/details", vec![pair("query.task_id", "value_error.missing")]),
        ("/file/download?file_type=python", vec![pair("query.file_name", "value_error.missing")]),
    ] {
        assert_eq!(app.get(path).await.invalid(), expected, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_pydantic_took_is_taken() {
    let app = App::start().await;
    for path in [
        "/task/list-task?page=1&page_size=1000",
        "/task/list-task?page=%201%20&page_size=+5",
        "/task/list-task?page=7&page=1&page_size=5&unknown=1",
        "/task/list-task?page=9007199254740991&page_size=1000",
        "/task/list-task?page=9007199254740991&page_size=9007199254740991",
        "/image/list-image?page=1&page_size=1000000",
        "/task/list-task?page=1&page_size=5&image_name=%FF%00%27%25&task_status=%F0%9F%98%80",
        "/image/list-image?page=1&page_size=5&keyword=&image_type=",
    ] {
        app.get(path).await.data();
    }
    app.stop().await;
}

#[tokio::test]
async fn json_bodies_need_no_content_type_but_may_not_claim_another() {
    let app = App::start().await;
    let path = "/api/fast-build/callback/update-headers";
    let post = |kind: Option<&'static str>, body: &'static str| {
        let request = app.request(Method::POST, path).body(body);
        send(match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        })
    };
    for kind in [None, Some("application/json"), Some("application/json; charset=utf-8"), Some("application/x+json")] {
        post(kind, r#"{"X-A": "b"}"#).await.data();
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let answer = post(Some(kind), r#"{"X-A": "b"}"#).await;
        assert_eq!(answer.invalid(), [pair("body", "type_error.dict")], "{kind}");
    }
    app.stop().await;
}

#[tokio::test]
async fn broken_json_is_told_as_python_told_it() {
    let app = App::start().await;
    let bad = app.post_text("/callback/update-headers", "{bad").await;
    let expected = json!({"detail": [{
        "loc": ["body", 1], "msg": "JSON decode error", "type": "json_invalid", "input": {},
        "ctx": {"error": "Expecting property name enclosed in double quotes"}
    }]});
    assert_eq!((bad.status, bad.json), (422, expected));
    for (body, place, kind) in [
        ("", "body", "value_error.missing"),
        ("null", "body", "value_error.missing"),
        ("[]", "body", "type_error.dict"),
        ("\"x\"", "body", "type_error.dict"),
        ("{\"a\": null}", "body.a", "type_error.none.not_allowed"),
        ("{\"a\": {}}", "body.a", "type_error.str"),
    ] {
        let answer = app.post_text("/callback/update-headers", body).await;
        assert_eq!(answer.invalid(), [pair(place, kind)], "{body}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_oversized_body_is_refused_with_its_limit() {
    let app = App::start_with(|settings| settings.limits.body_bytes = 100).await;
    let body = format!("{{\"X-A\": \"{}\"}}", "x".repeat(200));
    let answer = app.post_text("/callback/update-headers", &body).await;
    assert!(answer.refusal().contains("100"));
    app.stop().await;
}

//! The routes of callbacks.

use fastbuild::clock::Moment;
use fastbuild::store::NewAttempt;
use serde_json::json;

use super::app::App;

async fn record_attempt(app: &App, headers: serde_json::Value, status_code: Option<i64>) {
    let headers = serde_json::from_value(headers).unwrap();
    let attempt = NewAttempt {
        delivery_id: "d1".to_owned(),
        task_id: 7,
        url: "http://127.0.0.1:1/cb".to_owned(),
        headers_sealed: app.state.site.seal_headers(&headers).unwrap(),
        body: r#"{"imageName":"h/a:1","taskId":7,"state":"PUSH_SUCCESS"}"#.to_owned(),
        result: "nobody listens".to_owned(),
        status_code,
    };
    app.state.store.record_attempt(&attempt, "pending", Moment(1), app.state.clock.now()).await.unwrap();
}

#[tokio::test]
async fn the_first_start_stores_the_headers_of_the_settings() {
    let app = App::start().await;
    let headers = app.state.site.callback_headers().await.unwrap();
    let expected = [("Content-Type", "application/json"), ("X-BizType", "DROS"), ("X-Login-UserId", "1")];
    let found: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);
    app.stop().await;
}

#[tokio::test]
async fn new_headers_take_the_place_of_the_old_ones_and_survive_a_restart() {
    let app = App::start().await;
    app.post_text("/callback/update-headers", r#"{"X-Own": "a", "X-Number": 5}"#).await.data();
    let app = app.restart().await;
    let headers = app.state.site.callback_headers().await.unwrap();
    assert_eq!(
        headers.into_iter().collect::<Vec<_>>(),
        [("X-Number".to_owned(), "5".to_owned()), ("X-Own".to_owned(), "a".to_owned())]
    );
    app.stop().await;
}

#[tokio::test]
async fn headers_that_no_request_can_carry_are_refused() {
    let app = App::start().await;
    for (body, part) in [
        (r#"{"X Own": "a"}"#, "X Own"),
        (r#"{"": "a"}"#, "''"),
        (r#"{"X-Own": "a\r\nX-Injected: b"}"#, "X-Own"),
        (r#"{"Host": "evil.example"}"#, "Host"),
        (r#"{"content-length": "0"}"#, "content-length"),
        (r#"{"Transfer-Encoding": "chunked"}"#, "Transfer-Encoding"),
    ] {
        let request = app.request(reqwest::Method::POST, "/api/fast-build/callback/update-headers");
        let answer = super::app::send(request.header("Accept-Language", "en").body(body)).await;
        let message = answer.refusal();
        assert!(message.contains(part) && !message.contains("Injected"), "{message}");
    }
    assert_eq!(app.state.site.callback_headers().await.unwrap().len(), 3, "the old headers stay");
    app.stop().await;
}

#[tokio::test]
async fn attempts_are_listed_newest_first_with_credentials_hidden() {
    let app = App::start().await;
    assert_eq!(app.get("/callback/all").await.data(), &json!([]));
    assert_eq!(app.get("/callback/latest").await.refusal(), "还没有回调记录，无法重新发送");
    record_attempt(&app, json!({"X-BizType": "DROS"}), Some(500)).await;
    record_attempt(&app, json!({"Authorization": "Bearer kanarienvogel", "X-Gateway-Pass": "kanarienvogel"}), None)
        .await;
    let all = app.get("/callback/all").await;
    let rows = all.data().as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["headers"], json!({"Authorization": "***", "X-Gateway-Pass": "***"}));
    assert_eq!(rows[1]["headers"], json!({"X-BizType": "DROS"}));
    assert_eq!(rows[1]["state"], json!({"imageName": "h/a:1", "taskId": 7, "state": "PUSH_SUCCESS"}));
    assert_eq!((&rows[0]["status_code"], &rows[1]["status_code"]), (&json!(null), &json!(500)));
    let latest = app.get("/callback/latest").await;
    assert_eq!(latest.data()["primary_id"], rows[0]["primary_id"]);
    assert!(!all.text.contains("kanarienvogel") && !latest.text.contains("kanarienvogel"));
    app.stop().await;
}

#[tokio::test]
async fn a_test_sends_the_last_callback_again() {
    let app = App::start().await;
    app.post_text("/callback/test-callback", "").await.refusal();
    record_attempt(&app, json!({}), None).await;
    let answer = app.post_text("/callback/test-callback", "").await;
    let data = answer.data();
    assert!(data["status_code"].is_null(), "nobody listens on port 1: {data}");
    assert!(!data["body"].as_str().unwrap().is_empty());
    assert_eq!(app.get("/callback/all").await.data().as_array().unwrap().len(), 2, "the attempt is recorded");
    app.stop().await;
}

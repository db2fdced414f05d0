//! What a browser client written for the old service may do to every route: preflights, slashes, HEAD, pages beyond the
//! end, filters with the signs of a pattern.

use reqwest::Method;
use serde_json::{Value, json};

use super::app::{App, send};

/// Every documented path of the API with its methods.
fn routes() -> Vec<(String, Vec<String>)> {
    let document = serde_json::to_value(fastbuild::api::openapi_document()).unwrap();
    let methods = |item: &Value| item.as_object().unwrap().keys().cloned().collect();
    let paths = document["paths"].as_object().unwrap().iter();
    paths.map(|(path, item)| (path.clone(), methods(item))).filter(|(path, _)| !path.contains('{')).collect()
}

#[tokio::test]
async fn every_route_answers_preflights_and_a_slash_too_many() {
    let app = App::start().await;
    let routes = routes();
    assert!(routes.len() > 50, "{routes:?}");
    for (path, methods) in routes.iter().filter(|(path, _)| path.starts_with("/api/")) {
        for method in methods {
            let preflight = app
                .request(Method::OPTIONS, path)
                .header("Origin", "http://console.example.cn:8080")
                .header("Access-Control-Request-Method", method.to_uppercase())
                .header("Access-Control-Request-Headers", "content-type,x-requested-with,authorization");
            let answer = send(preflight).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{method} {path}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{method} {path}");
            let allowed = answer.header("access-control-allow-headers");
            assert_eq!(allowed, "content-type,x-requested-with,authorization", "{method} {path}");
            assert!(answer.header("access-control-allow-methods").contains(&method.to_uppercase()), "{method} {path}");
        }
        if path != "/api/fast-build/" {
            let method = Method::from_bytes(methods[0].to_uppercase().as_bytes()).unwrap();
            let answer = send(app.request(method, &format!("{path}/?a=%20b&c")).header("Origin", "http://x")).await;
            assert_eq!((answer.status, answer.header("location")), (307, format!("{path}?a=%20b&c").as_str()));
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "*",
                "a browser follows no other redirect: {path}"
            );
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = App::start().await;
    for (path, methods) in routes() {
        if !methods.contains(&"get".to_owned()) || path.ends_with("/events") {
            continue;
        }
        let head = send(app.request(Method::HEAD, &path)).await;
        let get = send(app.request(Method::GET, &path)).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_and_filters_are_read_as_a_browser_writes_them() {
    let app = App::start().await;
    for target in ["h/team/a_b:v1", "h/team/a%b:v1", "h/team/axb:v1", "h/TEAM/中:v1"] {
        app.add_task(target).await;
    }
    let names = |answer: &Value| {
        let rows = answer["task_list"].as_array().unwrap().clone();
        rows.iter().map(|row| row["target_image_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (filter, expected) in [
        ("image_name=a_b", vec!["h/team/a_b:v1"]),
        ("image_name=a%25b", vec!["h/team/a%b:v1"]),
        ("image_name=%E4%B8%AD", vec!["h/TEAM/中:v1"]),
        ("image_name=HTEAM", vec![]),
        ("image_name=h/team/axb", vec!["h/team/axb:v1"]),
        ("image_name=&task_status=", vec!["h/TEAM/中:v1", "h/team/axb:v1", "h/team/a%b:v1", "h/team/a_b:v1"]),
        ("task_status=queued&image_name=%27%20or%201=1--", vec![]),
        ("task_status=_", vec![]),
    ] {
        let answer = app.get(&format!("/task/list-task?page=1&page_size=1000000&{filter}")).await;
        assert_eq!(names(answer.data()), expected, "{filter}");
    }
    let beyond = app.get("/task/list-task?page=7&page_size=10").await;
    assert_eq!(beyond.data(), &json!({"page": {"current": 7, "total": 4, "page_size": 10}, "task_list": []}));
    let beyond = app.get("/image/list-image?page=9007199254740991&page_size=1000000&keyword=%25&image_type=Base").await;
    assert_eq!(beyond.data()["image_list"], json!([]));
    app.stop().await;
}

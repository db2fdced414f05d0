//! Every page as it is served, in both languages, and what the console's own actions refuse.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap};
use serde_json::{Value, json};

use super::site::furnished;
use crate::support::TestService;

async fn page(service: &TestService, path: &str, language: &str) -> (StatusCode, HeaderMap, String) {
    let request = service.client.get(format!("{}{path}", service.url)).header(ACCEPT_LANGUAGE, language);
    let response = request.send().await.unwrap();
    (response.status(), response.headers().clone(), response.text().await.unwrap())
}

async fn act(service: &TestService, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let mut request = service.client.post(format!("{}{path}", service.url)).json(body).header(ACCEPT_LANGUAGE, "en");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_speaks_both_languages_and_shows_what_is_there() {
    let site = furnished().await;
    let (pushed, failed) = (format!("/console/tasks/{}", site.pushed), format!("/console/tasks/{}", site.failed));
    let pages: [(&str, [&str; 2], &str); 8] = [
        ("/", ["任务", "Tasks"], site.image.as_str()),
        ("/?state=_FAILED", ["构建失败", "Build failed"], "console-broken"),
        (&pushed, ["镜像已推送到仓库", "The image is in the registry"], "tools for teaching"),
        (&failed, ["找不到软件包", "Package not found"], "no-such-package-anywhere"),
        ("/console/new", ["基础镜像", "Base image"], "base/debian:12"),
        ("/console/images?type=Customized", [">定制镜像<", ">Customized<"], site.image.as_str()),
        ("/console/configuration", ["Docker 服务器", "Docker server"], "X-BizType"),
        ("/console/callbacks", ["已送达", "Delivered"], "/cb"),
    ];
    for (path, [chinese, english], data) in pages {
        for (language, tag, words, other) in
            [("zh-CN,zh;q=0.9", "zh-CN", chinese, english), ("en-GB,en", "en", english, chinese)]
        {
            let (status, headers, html) = page(&site.service, path, language).await;
            assert_eq!(status, 200, "{path}");
            assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{path} {language}");
            assert!(html.contains(words), "{path} in {language} lacks {words}\n{html}");
            assert!(html.contains(data), "{path} in {language} lacks {data}\n{html}");
            assert!(other == "Docker server" || !html.contains(other), "{path} in {language} says {other}");
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["referrer-policy"], "same-origin");
            assert_eq!(headers["cache-control"], "no-store");
            for inline in ["<script>", " style=", " onclick=", "javascript:", "http://www."] {
                assert!(!html.contains(inline), "{path} holds {inline}");
            }
        }
    }
    for (language, words) in [("zh-CN", "已安装的软件包（SBOM）"), ("en", "Installed packages (SBOM)")] {
        let link = format!("href=\"/api/fast-build/task/sbom?task_id={}\" data-sbom>{words}</a>", site.pushed);
        assert!(page(&site.service, &pushed, language).await.2.contains(&link), "{link}");
        assert!(!page(&site.service, &failed, language).await.2.contains("data-sbom"), "a failed task has no image");
    }
    let (_, _, html) = page(&site.service, &pushed, "en").await;
    assert!(!html.contains("Teaching-2026") && html.contains("***"), "a password is on the page");
    site.stop().await;
}

#[tokio::test]
async fn an_empty_service_says_what_to_do_first() {
    let service = TestService::start().await;
    for path in ["/", "/console/new", "/console/images", "/console/callbacks"] {
        let (status, _, html) = page(&service, path, "en").await;
        assert_eq!(status, 200, "{path}");
        assert!(html.contains("FastBuild is not configured yet"), "{path}\n{html}");
    }
    let (_, _, html) = page(&service, "/", "zh").await;
    assert!(html.contains("还没有构建"), "{html}");
    let (_, _, html) = page(&service, "/?image_name=%3Cscript%3Ealert(1)%3C%2Fscript%3E&page=zz", "en").await;
    assert!(html.contains("No task matches") && !html.contains("<script>alert"), "{html}");
    service.stop().await;
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_page_too() {
    let service = TestService::start().await;
    for path in ["/console/tasks/17", "/console/tasks/seventeen", "/console/nothing/here"] {
        let (status, headers, html) = page(&service, path, "en").await;
        assert_eq!(status, 404, "{path}");
        assert!(html.contains("There is nothing here"), "{html}");
        assert!(headers.contains_key("content-security-policy"));
    }
    let (status, _, _) = page(&service, "/console/static/missing.js", "en").await;
    assert_eq!(status, 404);
    service.stop().await;
}

#[tokio::test]
async fn assets_are_asked_for_once() {
    let service = TestService::start().await;
    let (status, headers, _) = page(&service, "/console/static/console.css", "en").await;
    assert_eq!((status.as_u16(), headers["content-type"].to_str().unwrap()), (200, "text/css; charset=utf-8"));
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let url = format!("{}/console/static/console.css", service.url);
    let again = service.client.get(url).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    service.stop().await;
}

#[tokio::test]
async fn the_language_can_be_chosen_by_hand() {
    let service = TestService::start().await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let choose = |back: &'static str| {
        let form = [("language", "en"), ("back", back)];
        client.post(format!("{}/console/language", service.url)).form(&form).send()
    };
    let chosen = choose("/console/images?page=2").await.unwrap();
    assert_eq!(
        (chosen.status().as_u16(), &chosen.headers()["location"]),
        (303, &"/console/images?page=2".parse().unwrap())
    );
    let cookie = chosen.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let url = format!("{}/console/images", service.url);
    let html = client.get(url).header("cookie", cookie).header(ACCEPT_LANGUAGE, "zh").send().await.unwrap();
    assert!(html.text().await.unwrap().contains("<html lang=\"en\">"));
    let chosen = choose("//elsewhere.example/").await.unwrap();
    assert_eq!(chosen.headers()["location"], "/");
    service.stop().await;
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_act() {
    let service = TestService::start().await;
    let body = json!({"ssh": "Alkaid123456", "jupyter": ""});
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[("origin", "http://evil.example")]] {
        let (status, answer) = act(&service, "/console/secrets", headers, &body).await;
        assert_eq!((status, &answer["code"]), (403, &json!(-1)), "{answer}");
        assert!(answer["msg"].as_str().unwrap().contains("another site"), "{answer}");
    }
    let (status, answer) = act(&service, "/console/secrets", &[("sec-fetch-site", "same-origin")], &body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["webSSHSecret"], "j7yC3VEVGFAJIRmnel+XVA==");
    assert_eq!(answer["data"]["jupyterLabSecret"], "qkrhxQmWOe5kvpJpplvTuQ==");
    service.stop().await;
}

#[tokio::test]
async fn tests_and_roll_backs_tell_what_is_missing() {
    let service = TestService::start().await;
    let (_, answer) = act(&service, "/console/configuration/test", &[], &json!({"part": "docker_server"})).await;
    assert_eq!(answer, json!({"code": -1, "msg": "Docker server: Not configured", "data": null}));
    let order = json!({"part": "harbor", "primary_id": 99});
    let (_, answer) = act(&service, "/console/configuration/rollback", &[], &order).await;
    assert_eq!(answer["msg"], "There is no such row.");
    let (_, answer) = act(&service, "/console/callbacks/resend", &[], &json!({"task_id": 5})).await;
    assert_eq!(answer["msg"], "There is no such callback.");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_row_is_tested_and_stored_again() {
    let service = TestService::configured().await;
    for part in ["docker_server", "harbor"] {
        let (_, answer) = act(&service, "/console/configuration/test", &[], &json!({"part": part})).await;
        assert_eq!(answer["code"], 0, "{answer}");
    }
    let changed = crate::support::Configuration::default().with("harbor_registry_dns", "harbor.example.cn");
    let (_, answer) = service.configure(changed.with("fastbuild_port", "48009")).await;
    assert_eq!(answer["code"], 0, "{answer}");
    let current = |answer: &Value| answer["data"].clone();
    let before = current(&service.get("/config/history").await.1);
    let (_, _, html) = page(&service, "/console/configuration", "en").await;
    assert!(html.contains("harbor.example.cn"), "{html}");
    let row = html.split("data-roll-back=\"harbor\" data-row=\"").nth(1).and_then(|rest| rest.split('"').next());
    let primary_id: i64 = row.expect("an older Harbor row").parse().unwrap();
    let order = json!({"part": "harbor", "primary_id": primary_id});
    let (_, answer) = act(&service, "/console/configuration/rollback", &[], &order).await;
    assert_eq!(answer["code"], 0, "{answer}");
    let after = current(&service.get("/config/history").await.1);
    assert_ne!(before, after, "a roll-back is a new row");
    let (_, _, html) = page(&service, "/console/configuration", "en").await;
    let (in_force, _) = html.split_once("id=\"configure\"").unwrap();
    assert!(!in_force.contains("harbor.example.cn"), "{in_force}");
    service.stop().await;
}

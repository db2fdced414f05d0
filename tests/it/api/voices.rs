//! Whatever is refused is said in the reader's language: Chinese by default, English where it is asked for, no word of
//! the one in the other but for what is quoted.

use fastbuild::cause::Cause;
use fastbuild::explanation::{Explanation, Said};
use fastbuild::language::Language;
use fastbuild::store::Failure;
use fastbuild::task::{StageName, TaskState};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::app::{App, configuration_form, file_part, send, tar};

const PREFIX: &str = "/api/fast-build";

/// A request of the contract with one value changed.
fn request(pointer: &str, value: Value) -> Value {
    let mut document: Value = serde_json::from_str(include_str!("../../../src/api/build_request.json")).unwrap();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    document
}

/// The message of a refusal in each language: Chinese without a header, Chinese and English with one.
async fn voices(what: &str, ask: impl Fn() -> RequestBuilder) {
    for (header, is_chinese) in [(None, true), (Some("zh-CN,zh;q=0.9"), true), (Some("en"), false)] {
        let request = ask();
        let answer = send(match header {
            Some(header) => request.header("Accept-Language", header),
            None => request,
        })
        .await;
        let message = answer.refusal();
        assert_eq!(Language::is_chinese(message), is_chinese, "{what} in {header:?}: {message}");
        assert!(message.chars().count() > 5, "{what}: {message}");
        // Identifiers stay what they are, but no sentence of the other language stands in a Chinese message.
        let sentence = [" the ", " is ", " not ", " cannot ", " must ", " no "];
        assert!(!is_chinese || !sentence.iter().any(|word| message.contains(word)), "{what}: {message}");
    }
}

#[tokio::test]
async fn refusals_of_every_kind_speak_both_languages() {
    let app = App::start().await;
    let at = |method: Method, path: &str| app.request(method, &format!("{PREFIX}{path}"));
    let build = |document: Value| at(Method::POST, "/task/build-image").json(&document);
    voices("not configured", || build(request("/dockerfile_json/maintainer", json!("me")))).await;
    for path in
        ["/task/pull-image?image_name=a/b:1", "/task/check-image?image_name=a/b:1", "/task/rebuild-task?task_id=1"]
    {
        voices(path, || at(Method::POST, path)).await;
    }
    // The shape is judged first, as it always was.
    for path in ["/task/build-image", "/task/preview-dockerfile"] {
        assert_eq!(app.post_text(path, "").await.invalid(), [("body".to_owned(), "value_error.missing".to_owned())]);
    }
    app.post_form("/config/config-fastbuild", configuration_form(&[])).await.data();
    let waiting = app.add_task("harbor.example.cn/team/taken:v1").await.task_id;
    voices("no image yet", || at(Method::GET, &format!("/task/sbom?task_id={waiting}"))).await;
    let tools = "/dockerfile_json/image_installer_config";
    for (pointer, value) in [
        ("/task_data/target_image_name".to_owned(), json!("Not An Image")),
        ("/task_data/target_image_name".to_owned(), json!("a/b")),
        ("/task_data/target_image_name".to_owned(), json!("harbor.example.cn/team/taken:v1")),
        ("/task_data/callback_url".to_owned(), json!("ftp://x")),
        ("/task_data/callback_url".to_owned(), json!("http://169.254.169.254/x")),
        ("/webSSHSecret".to_owned(), json!("no base64")),
        ("/dockerfile_json/base_image".to_owned(), json!("UPPER/case:1")),
        ("/dockerfile_json/maintainer".to_owned(), json!("a\nRUN b")),
        (format!("{tools}/package_manager_installer_config/installer_name"), json!("brew")),
        (format!("{tools}/package_manager_installer_config/source/file_name"), json!("no-such-18.list")),
        (format!("{tools}/package_manager_installer_config/software_list"), json!([{"name": "a;b"}])),
        (format!("{tools}/pip_installer_config/software_list"), json!([{"name": "-e ."}])),
        (format!("{tools}/conda_installer_config/software_list"), json!([{"name": "x", "version": ">"}])),
        (format!("{tools}/python_env"), json!({"present": "", "target": "Python-0.0.0.tgz"})),
    ] {
        voices(&format!("{pointer} = {value}"), || build(request(&pointer, value.clone()))).await;
    }
    for (method, path) in [
        (Method::GET, "/task/task-details_by_task_id?task_id=42"),
        (Method::GET, "/task/task-detail-by-image-name?image_name=nothing-has-this"),
        (Method::GET, "/task/log?task_id=42&stage=build"),
        (Method::GET, "/task/events?task_id=42"),
        (Method::GET, "/task/sbom?task_id=42"),
        (Method::GET, "/task/scan?task_id=42"),
        (Method::POST, "/task/cancel-task?task_id=42"),
        (Method::POST, "/task/rebuild-task?task_id=42"),
        (Method::POST, "/task/check-image?image_name=Bad%20Name"),
        (Method::POST, "/image/add-base-image?image_name=Bad%20Name"),
        (Method::DELETE, "/task/delete-task-by-task-id?task_id=42"),
        (Method::DELETE, "/image/delete-image-by-image-name?image_name=a/b:1"),
        (Method::DELETE, "/image/delete-image-by-image-name?image_name=Bad%20Name"),
        (Method::POST, "/callback/test-callback"),
        (Method::GET, "/file/download?file_type=python&file_name=nothing.tgz"),
        (Method::GET, "/file/download?file_type=nothing&file_name=a"),
        (Method::DELETE, "/file/delete?file_type=source&installer=apt&type=ali&file_name=ubuntu-20.04.list"),
        (Method::DELETE, "/file/delete?file_type=source&installer=brew&type=ali&file_name=a.list"),
        (Method::DELETE, "/file/delete?file_type=source&type=..&file_name=a.list"),
    ] {
        voices(path, || at(method.clone(), path)).await;
    }
    for name in ["../a.list", "no-kind.txt", ".upload-x.list"] {
        let form = || Form::new().part("files", file_part(name, "x"));
        voices(name, || at(Method::POST, "/file/upload?file_type=source").multipart(form())).await;
    }
    voices("a header", || at(Method::POST, "/callback/update-headers").body(r#"{"Host": "x"}"#)).await;
    voices("a header's name", || at(Method::POST, "/callback/update-headers").body(r#"{"a b": "x"}"#)).await;
    app.stop().await;
}

#[tokio::test]
async fn refused_configurations_speak_both_languages() {
    let app = App::start().await;
    let post = |form: Form| app.request(Method::POST, &format!("{PREFIX}/config/config-fastbuild")).multipart(form);
    for (field, value) in [
        ("fastbuild_host", "not a host"),
        ("fastbuild_host", "0.0.0.0"),
        ("docker_host", "unix://relative"),
        ("harbor_registry", "harbor.example.cn/project"),
        ("harbor_ca", "no certificate"),
    ] {
        let form = || match field {
            "harbor_ca" => configuration_form(&[]).text(field, value),
            _ => configuration_form(&[(field, Some(value))]),
        };
        voices(value, || post(form())).await;
    }
    for content in [b"no tar".to_vec(), tar(&[("ca.pem", b"x")]), tar(&[("ca.pem", b"x"), ("ca.pem", b"x")])] {
        let form = || configuration_form(&[]).part("docker_tls_tar_file", file_part("t.tar", content.clone()));
        voices("a bad archive", || post(form())).await;
    }
    // What the daemon said is quoted, the rest is ours.
    app.post_form("/config/config-fastbuild", configuration_form(&[])).await.data();
    let path = format!("{PREFIX}/task/check-image?image_name=a/b:1");
    for language in ["zh", "en"] {
        let answer = send(app.request(Method::POST, &path).header("Accept-Language", language)).await;
        let message = answer.refusal();
        assert!(message.starts_with("INTERNAL") && message.contains("no script for this call"), "{message}");
        assert_eq!(Language::is_chinese(message), language == "zh", "{message}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_stored_failure_is_said_in_the_reader_s_language_wherever_it_is_read() {
    let app = App::start().await;
    let task = app.add_task("127.0.0.1/t/c1:v1").await;
    let failure = Failure {
        cause: Cause::Timeout,
        stage: Some(StageName::Push),
        explanation: Said::StageTimeout { stage: "push".to_owned(), seconds: 3 }.into(),
        failed_step: None,
        last_lines: Vec::new(),
    };
    let now = app.state.clock.now();
    app.state.store.end_task(task.id(), TaskState::PushFailed, Some(&failure), None, None, now).await.unwrap();
    let id = task.task_id;
    for path in [
        format!("{PREFIX}/task/task-details_by_task_id?task_id={id}"),
        format!("{PREFIX}/task/list-task?page=1&page_size=10"),
        format!("{PREFIX}/task/all-tasks"),
        format!("{PREFIX}/task/events?task_id={id}"),
        format!("/console/tasks/{id}"),
    ] {
        for (language, words) in [
            ("zh", "阶段 push 超过了 3 秒的时间上限"),
            ("en", "the stage push took longer than its limit of 3 seconds"),
        ] {
            let answer = send(app.request(Method::GET, &path).header("Accept-Language", language)).await;
            assert!(answer.text.contains(words), "{path} in {language}: {}", answer.text);
            assert!(!answer.text.contains("stage_timeout"), "{path}: {}", answer.text);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn what_an_older_version_stored_is_shown_as_it_is() {
    let app = App::start().await;
    let task = app.add_task("127.0.0.1/t/c2:v1").await;
    let old = "E: Unable to locate package nope";
    let failure = Failure {
        cause: Cause::PackageNotFound,
        stage: Some(StageName::Build),
        explanation: Explanation::Plain(old.to_owned()),
        failed_step: None,
        last_lines: Vec::new(),
    };
    let now = app.state.clock.now();
    app.state.store.end_task(task.id(), TaskState::BuildFailed, Some(&failure), None, None, now).await.unwrap();
    let path = format!("/task/task-details_by_task_id?task_id={}", task.task_id);
    let shown = app.get(&path).await.data().clone();
    assert_eq!(shown["message"], old);
    assert!(Language::is_chinese(shown["hint"].as_str().unwrap()));
    app.stop().await;
}

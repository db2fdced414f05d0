//! The routes of mirror files and installers.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::json;

use super::app::{App, file_part, send};

fn form(name: &str, content: &str) -> Form {
    Form::new().part("files", file_part(name, content))
}

#[tokio::test]
async fn uploads_are_stored_listed_downloaded_and_deleted() {
    let app = App::start().await;
    let answer = app.post_form("/file/upload?file_type=source&type=intern", form("ubuntu-20.04.list", "deb x")).await;
    assert_eq!(answer.data()["complete upload filenames"], json!(["ubuntu-20.04.list"]));
    assert_eq!(answer.data()["files"][0]["size_bytes"], 5);
    let listed = app.get("/file/list-source").await;
    let apt = listed.data()["source_list"]["apt"].as_array().unwrap();
    assert!(apt.contains(&json!({"type": "intern", "name": ["ubuntu-20.04.list"]})), "{apt:?}");
    let query = "file_type=source&installer=apt&type=intern&file_name=ubuntu-20.04.list";
    let content = app.get(&format!("/file/download?{query}")).await;
    assert_eq!((content.status, content.text.as_str()), (200, "deb x"));
    assert_eq!(content.header("content-disposition"), "attachment; filename=\"ubuntu-20.04.list\"");
    app.delete(&format!("/file/delete?{query}")).await.data();
    app.get(&format!("/file/download?{query}")).await.refusal();
    app.delete(&format!("/file/delete?{query}")).await.refusal();
    app.stop().await;
}

#[tokio::test]
async fn installers_go_to_their_folders() {
    let app = App::start().await;
    for (kind, name, path) in [
        ("python", "Python-3.8.1.tgz", "tools/python/Python-3.8.1.tgz"),
        ("pip", "get-pip.py", "tools/pip/pip3/get-pip.py"),
        ("conda", "Miniconda3-latest-Linux-x86_64.sh", "tools/conda/Miniconda3-latest-Linux-x86_64.sh"),
    ] {
        app.post_form(&format!("/file/upload?file_type={kind}"), form(name, "x\n")).await.data();
        assert_eq!(std::fs::read_to_string(app.path(path)).unwrap(), "x\n");
    }
    let listed = app.get("/file/list-software").await;
    assert_eq!(listed.data()["software_list"]["python"], json!(["Python-3.8.1.tgz"]));
    app.stop().await;
}

#[tokio::test]
async fn hostile_names_are_refused_and_nothing_is_written() {
    let app = App::start().await;
    for name in
        ["../evil.list", "/etc/evil.list", "a/b.list", "..", ".", "-rf.list", "a\u{0}.list", "a;b.list", "例.list"]
    {
        for kind in ["source", "python", "conda"] {
            let answer = app.post_form(&format!("/file/upload?file_type={kind}"), form(name, "x")).await;
            assert!(answer.status == 422 || answer.json["code"] == -1, "{name}: {}", answer.text);
        }
    }
    let traversals = [
        "file_type=source&type=../../x&file_name=a.list",
        "file_type=source&installer=../x&file_name=a.list",
        "file_type=python&file_name=../../fastbuild.sqlite3",
        "file_type=python&file_name=..%2F..%2Ffastbuild.sqlite3.key",
    ];
    for query in traversals {
        app.get(&format!("/file/download?{query}")).await.refusal();
        app.delete(&format!("/file/delete?{query}")).await.refusal();
    }
    assert!(!app.path("evil.list").exists());
    assert!(app.path("fastbuild.sqlite3").exists());
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_kind_and_a_missing_file_are_told_apart() {
    let app = App::start().await;
    assert!(app.post_form("/file/upload?file_type=evil", form("a.txt", "x")).await.refusal().contains("file_type"));
    let missing = app.post_form("/file/upload?file_type=source", Form::new().text("other", "x")).await;
    assert_eq!(missing.invalid(), [("body.files".to_owned(), "value_error.missing".to_owned())]);
    let no_form = app.post_text("/file/upload?file_type=source", "").await;
    assert_eq!(no_form.invalid()[0].0, "body.files");
    let no_kind = app.post_form("/file/upload", form("a.list", "x")).await;
    assert_eq!(no_kind.invalid()[0].0, "query.file_type");
    app.stop().await;
}

#[tokio::test]
async fn uploads_over_the_limit_leave_nothing() {
    let app = App::start_with(|settings| settings.limits.upload_bytes = 1_000).await;
    let answer = app.post_form("/file/upload?file_type=python", form("Python-3.8.1.tgz", &"x".repeat(2_000))).await;
    assert!(answer.refusal().contains("1000"), "{}", answer.text);
    let answer = app.post_form("/file/upload?file_type=python", form("P.tgz", &"x".repeat(3 << 20))).await;
    assert!(answer.refusal().contains("1000"), "{}", answer.text);
    let left: Vec<_> = std::fs::read_dir(app.path("tools/python")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    app.stop().await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let app = App::start().await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"P.tgz\"\r\n\r\nhalf of it";
    let request = app.request(Method::POST, "/api/fast-build/file/upload?file_type=python");
    let answer = send(request.header("content-type", "multipart/form-data; boundary=x").body(body)).await;
    assert_eq!(answer.invalid(), [("body".to_owned(), "value_error.form".to_owned())]);
    let left: Vec<_> = std::fs::read_dir(app.path("tools/python")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    app.stop().await;
}

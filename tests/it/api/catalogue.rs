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

#[tokio::test]
async fn nothing_laid_by_hand_breaks_a_listing() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    let app = App::start().await;
    let ali = app.path("source/apt/ali");
    std::fs::create_dir_all(&ali).unwrap();
    std::fs::write(ali.join("good-1.list"), "x").unwrap();
    std::fs::write(ali.join(std::ffi::OsStr::from_bytes(b"\xff\xfe.list")), "x").unwrap();
    std::fs::write(ali.join("with space.list"), "x").unwrap();
    std::fs::write(ali.join(".upload-0123456789abcdef"), "x").unwrap();
    symlink("/etc/passwd", ali.join("outside.list")).unwrap();
    symlink("/nowhere", ali.join("dangling.list")).unwrap();
    symlink(".", ali.join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ali.join("socket.list")).unwrap();
    std::fs::create_dir(ali.join("directory.list")).unwrap();
    std::fs::write(app.path("source/apt/file-in-place-of-a-type"), "x").unwrap();
    let deep = (0..40).fold(ali.join("deep"), |path, _| path.join("d"));
    std::fs::create_dir_all(deep).unwrap();
    let locked = app.path("source/apt/locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::write(locked.join("a.list"), "x").unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let many = app.path("tools/python");
    std::fs::create_dir_all(&many).unwrap();
    for number in 0..10_000 {
        std::fs::write(many.join(format!("Python-3.0.{number}.tgz")), "").unwrap();
    }
    let listed = app.get("/file/list-source").await;
    let apt = listed.data()["source_list"]["apt"].as_array().unwrap();
    let ali = apt.iter().find(|group| group["type"] == "ali").unwrap()["name"].as_array().unwrap();
    assert!(ali.contains(&json!("good-1.list")) && ali.contains(&json!("ubuntu-22.04.list")), "{ali:?}");
    for odd in ["outside", "dangling", "socket", "directory", "space", "upload", "passwd", "deep"] {
        assert!(!ali.iter().any(|name| name.as_str().unwrap().contains(odd)), "{odd}: {ali:?}");
    }
    let software = app.get("/file/list-software").await;
    assert_eq!(software.data()["software_list"]["python"].as_array().unwrap().len(), 10_000);
    for name in ["outside.list", "socket.list", "directory.list", "dangling.list"] {
        let path = format!("/file/download?file_type=source&installer=apt&type=ali&file_name={name}");
        app.get(&path).await.refusal();
    }
    // Where something else lies, an upload is refused and says so.
    for query in ["type=ali", "type=file-in-place-of-a-type"] {
        let name = if query == "type=ali" { "directory.list" } else { "a.list" };
        let answer = app.post_form(&format!("/file/upload?file_type=source&{query}"), form(name, "x")).await;
        assert!(answer.refusal().contains(name), "{}", answer.text);
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
    app.stop().await;
}

#[tokio::test]
async fn uploads_of_one_name_at_the_same_time_leave_one_of_them_whole() {
    let app = App::start().await;
    let texts: Vec<String> = (0..12).map(|number| number.to_string().repeat(200_000)).collect();
    let uploads = texts.iter().map(|text| {
        let form = form("Python-3.9.9.tgz", text);
        app.post_form("/file/upload?file_type=python", form)
    });
    let answers = futures_util::future::join_all(uploads).await;
    let stored = std::fs::read_to_string(app.path("tools/python/Python-3.9.9.tgz")).unwrap();
    let index = texts.iter().position(|text| *text == stored).expect("one upload, whole");
    let digest = format!("sha256:{}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(stored.as_bytes())));
    assert_eq!(answers[index].data()["files"][0]["digest"], digest.as_str());
    let left: Vec<_> = std::fs::read_dir(app.path("tools/python")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    app.stop().await;
}

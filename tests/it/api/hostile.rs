//! Hostile corpora against the real router: each text is refused with a message, nothing is written, nothing is run.
//!
//! The texts lie in `tests/it/data/hostile`, one list a kind of input.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::app::{Answered, App, configuration_form, file_part, send, tls_tar};
use crate::support::RequestShape;

fn corpus(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap()
}

/// Every file below a directory but the database's own.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&path));
        } else if !path.to_string_lossy().contains("fastbuild.sqlite3") {
            found.insert(path.display().to_string());
        }
    }
    found
}

/// A refusal by envelope or by 422 that says something; never a 5xx.
fn assert_refused(answer: &Answered, what: &str) {
    let words = match answer.status {
        200 if answer.json["code"] == -1 => answer.json["msg"].as_str().unwrap_or_default().to_owned(),
        422 => answer.json["detail"][0]["msg"].as_str().unwrap_or_default().to_owned(),
        _ => panic!("{what} was answered {}: {}", answer.status, answer.text),
    };
    assert!(words.chars().count() > 3, "{what} was refused without a word: {}", answer.text);
}

async fn configured() -> App {
    let app = App::start_with(|settings| {
        settings.callback.deny = vec!["denied.example".into(), ".denied.example".into(), "10.66.0.0/16".into()];
    })
    .await;
    app.post_form("/config/config-fastbuild", configuration_form(&[])).await.data();
    app
}

fn shape() -> RequestShape {
    let name = |text: &str| text.parse().unwrap();
    RequestShape::platform(&name("harbor.example.cn:30003/base/debian:12"), &name("harbor.example.cn:30003/t/x:1"), "")
}

async fn submitted(app: &App, document: &Value) -> Answered {
    app.post_text("/task/build-image", &document.to_string()).await
}

#[tokio::test]
async fn hostile_file_names_write_nothing() {
    let app = App::start().await;
    let names = corpus(include_str!("../data/hostile/file_names.json"));
    assert!(names.len() >= 40);
    let before = files(&app.path(""));
    for name in &names {
        for kind in ["source&installer=apt", "python", "pip", "conda"] {
            let mut body = b"--X\r\nContent-Disposition: form-data; name=\"files\"; filename=\"".to_vec();
            body.extend(name.bytes());
            body.extend(b"\"\r\n\r\ndeb x\r\n--X--\r\n");
            let request = app.request(Method::POST, &format!("/api/fast-build/file/upload?file_type={kind}"));
            let answer = send(request.header("content-type", "multipart/form-data; boundary=X").body(body)).await;
            assert_refused(&answer, &format!("{kind} {name:?}"));
        }
    }
    assert_eq!(files(&app.path("")), before);
    assert!(!Path::new("/evil.list").exists() && !app.path("../evil.list").exists());
    // The same words in the place's other parts.
    for name in names.iter().filter(|name| !name.starts_with(".upload-")) {
        let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        for part in [format!("source&type={query}"), format!("source&installer={query}"), query.clone()] {
            let form = Form::new().part("files", file_part("a.list", "deb x"));
            let answer = app.post_form(&format!("/file/upload?file_type={part}"), form).await;
            assert_refused(&answer, &part);
        }
    }
    assert_eq!(files(&app.path("")), before);
    app.stop().await;
}

#[tokio::test]
async fn hostile_callback_addresses_are_refused_at_submission() {
    let app = configured().await;
    let addresses = corpus(include_str!("../data/hostile/callback_addresses.json"));
    assert!(addresses.len() >= 30);
    for address in &addresses {
        let document = shape().edit(|document| document["task_data"]["callback_url"] = json!(address)).build();
        assert_refused(&submitted(&app, &document).await, address);
    }
    assert_eq!(app.state.store.admission("", "").await.unwrap().unfinished, 0);
    app.stop().await;
}

/// Whoever may submit could command a daemon in plain TCP by the address of a callback.
#[tokio::test]
async fn the_docker_servers_own_port_is_refused_at_any_host_and_on_a_web_servers_port_its_host() {
    let app = App::start_with(|settings| {
        settings.callback.allow = vec!["10.0.0.0/8".into(), ".example.cn".into(), "docker.example.cn".into()];
    })
    .await;
    let configured = |changes: &[(&str, &str)]| {
        let changes: Vec<_> = changes.iter().map(|(name, value)| (*name, Some(*value))).collect();
        configuration_form(&changes)
    };
    let words = async |language: &str, address: &str| {
        let document = shape().edit(|document| document["task_data"]["callback_url"] = json!(address)).build();
        let request = app.request(Method::POST, "/api/fast-build/task/build-image").json(&document);
        let answer = send(request.header("Accept-Language", language)).await;
        answer.json["msg"].as_str().unwrap_or_default().to_owned()
    };
    app.post_form("/config/config-fastbuild", configured(&[("docker_port", "4243")])).await.data();
    for address in ["http://10.0.0.6:4243/containers/x/kill", "http://10.1.1.1:4243/", "https://any.example.cn:04243/"]
    {
        let refused = "回调地址的端口 4243 是 Docker 服务器的端口，回调不会发往该端口，请让接收方使用其他端口";
        assert_eq!(words("zh", address).await, refused, "{address}");
        let refused =
            "port 4243 is a Docker server's, where callbacks never go; let the receiver listen on another one";
        assert_eq!(words("en", address).await, refused, "{address}");
    }
    assert!(!words("en", "http://10.0.0.6:4244/cb").await.contains("Docker server's"));
    let web = [("docker_host", "docker.example.cn"), ("docker_port", "80")];
    app.post_form("/config/config-fastbuild", configured(&web)).await.data();
    let refused = "docker.example.cn is the Docker server, where callbacks never go";
    assert_eq!(words("en", "http://Docker.Example.cn./containers/x/kill").await, refused);
    let refused = "回调地址 docker.example.cn 是 Docker 服务器，回调不会发往该服务器";
    assert_eq!(words("zh", "http://docker.example.cn:80/").await, refused);
    assert!(!words("en", "http://cb.example.cn/").await.contains("is the Docker server"));
    // Behind mutual TLS a POST without a certificate does nothing.
    let guarded = configured(&[("docker_port", "4243")]).part("docker_tls_tar_file", file_part("tls.tar", tls_tar()));
    app.post_form("/config/config-fastbuild", guarded).await.data();
    assert!(!words("en", "http://10.0.0.6:4243/cb").await.contains("Docker server's"));
    app.stop().await;
}

#[tokio::test]
async fn hostile_packages_versions_and_maintainers_are_refused_for_every_installer() {
    let app = configured().await;
    let texts = corpus(include_str!("../data/hostile/packages.json"));
    assert!(texts.len() >= 60);
    let before = files(&app.path(""));
    for text in &texts {
        for (part, installer) in [
            ("package_manager_installer_config", "apt"),
            ("package_manager_installer_config", "yum"),
            ("pip_installer_config", "pip"),
            ("conda_installer_config", "conda"),
        ] {
            for entry in [json!({"name": text, "version": ""}), json!({"name": "fine", "version": text})] {
                let document = shape().edit(|document| {
                    let config = &mut document["dockerfile_json"]["image_installer_config"][part];
                    config["installer_name"] = json!(installer);
                    config["software_list"] = json!([entry]);
                });
                let what = format!("{installer} {entry}");
                assert_refused(&submitted(&app, &document.build()).await, &what);
            }
        }
    }
    for text in corpus(include_str!("../data/hostile/maintainers.json")) {
        let document = shape().edit(|document| document["dockerfile_json"]["maintainer"] = json!(text)).build();
        assert_refused(&submitted(&app, &document).await, &text);
    }
    assert_eq!(app.state.store.admission("", "").await.unwrap().unfinished, 0);
    assert_eq!(files(&app.path("")), before);
    app.stop().await;
}

/// A tar of one entry as it is, and what a tar is missing of it.
fn entry(name: &[u8], kind: EntryType, content: &[u8], size: Option<u64>) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.set_entry_type(kind);
    header.set_size(size.unwrap_or(content.len() as u64));
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn hostile_archives_are_refused_and_leave_no_file() {
    let app = App::start().await;
    let pem = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".as_slice();
    let zeros = vec![0_u8; 32 << 20];
    let mut long = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(pem.len() as u64);
    long.append_data(&mut header, format!("{}/ca.pem", "deep/".repeat(60)), pem).unwrap();
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("no tar".into(), b"no tar at all, but long enough to be looked at".to_vec()),
        ("gzip of nothing".into(), gzip(b"")),
        ("bomb".into(), gzip(&entry(b"ca.pem", EntryType::Regular, &zeros, None))),
        ("bomb beside".into(), gzip(&entry(b"other", EntryType::Regular, &zeros, None))),
        ("nested gzip".into(), gzip(&gzip(&entry(b"ca.pem", EntryType::Regular, pem, None)))),
        ("a size that lies".into(), entry(b"ca.pem", EntryType::Regular, pem, Some(1 << 40))),
        ("sparse".into(), entry(b"ca.pem", EntryType::GNUSparse, pem, None)),
        ("long name".into(), long.into_inner().unwrap()),
        (
            "crowd".into(),
            (0..300)
                .flat_map(|n| entry(format!("f{n}").as_bytes(), EntryType::Regular, b"", None)[..512].to_vec())
                .collect(),
        ),
    ];
    for name in ["../ca.pem", "/etc/ca.pem", "a/../../ca.pem", "..", "/", "a//../ca.pem"] {
        cases.push((name.to_owned(), entry(name.as_bytes(), EntryType::Regular, pem, None)));
    }
    for kind in
        [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::Continuous]
    {
        cases.push((format!("{kind:?}"), entry(b"ca.pem", kind, b"", None)));
    }
    let before = files(&app.path(""));
    for (what, archive) in cases {
        let form = configuration_form(&[]).part("docker_tls_tar_file", file_part("tls.tar", archive));
        let answer = app.post_form("/config/config-fastbuild", form).await;
        assert_refused(&answer, &what);
        assert!(
            answer.json["msg"].as_str().is_none_or(|words| words.contains("docker_tls_tar_file")),
            "{}",
            answer.text
        );
    }
    assert_eq!(files(&app.path("")), before);
    assert!(app.state.store.docker_servers(1).await.unwrap().is_empty(), "something was stored");
    app.stop().await;
}

#[tokio::test]
async fn bodies_that_are_too_large_cut_or_slow_are_refused_and_do_no_harm() {
    let app = configured().await;
    let large = format!("{{\"task_data\": \"{}\"}}", "x".repeat(5 << 20));
    assert_refused(&app.post_text("/task/build-image", &large).await, "5 MiB");
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_refused(&app.post_text("/task/build-image", &deep).await, "nested");
    let whole = shape().build().to_string();
    for part in [0, 1, whole.len() / 2, whole.len() - 1] {
        assert_refused(&app.post_text("/task/build-image", &whole[..part]).await, "cut");
    }
    // A body that ends before its length, and one that trickles: neither holds up others.
    let address = app.url.strip_prefix("http://").unwrap().to_owned();
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /api/fast-build/task/build-image HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(10), app.get("/task/queued-tasks")).await;
    assert_eq!(answer.expect("held up by slow bodies").status, 200);
    let mut cut = streams.pop().unwrap();
    cut.shutdown().await.unwrap();
    let mut rest = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), cut.read_to_string(&mut rest)).await;
    read.expect("a cut body must end").unwrap();
    assert!(!rest.contains(" 500 "), "{rest}");
    drop(streams);
    assert_eq!(app.state.store.admission("", "").await.unwrap().unfinished, 0);
    app.stop().await;
}

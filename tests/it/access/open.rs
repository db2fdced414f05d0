//! Open or closed: on loopback, elsewhere, and after the first token.

use std::time::Duration;

use fastbuild::access::{AccessError, Role};
use fastbuild::serve::StartError;
use fastbuild::settings::AccessMode;
use reqwest::Method;
use tokio::net::TcpListener;

use super::house::{House, Raw, prepare, settings};
use crate::support::{process, wait_for};

async fn status_of(house: &House, path: &str, host: &str) -> u16 {
    let mut raw = Raw::connect(house.address).await;
    raw.write(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    let answer = raw.read_all().await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn an_open_service_answers_only_to_its_own_names() {
    let house = House::start_with(|settings| {
        settings.fb.public_url = "http://builds.example.cn:8000/x".to_owned();
        settings.access.hosts = vec!["alias.example.cn".to_owned()];
    })
    .await;
    let path = "/api/fast-build/task/queued-tasks";
    for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:80", "builds.example.cn", "ALIAS.example.cn:99"] {
        assert_eq!(status_of(&house, path, host).await, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "localhost.evil.example", "xbuilds.example.cn"] {
        for path in [path, "/", "/docs/", "/openapi.json", "/task/x/build.log", "/nowhere"] {
            assert_eq!(status_of(&house, path, host).await, 403, "{host} {path}");
        }
        assert_eq!(status_of(&house, "/healthz", host).await, 200, "{host}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_service_that_others_reach_does_not_start_open() {
    for (mode, allow_open, has_token, starts) in [
        (AccessMode::Auto, false, false, false),
        (AccessMode::Open, false, true, false),
        (AccessMode::Auto, false, true, true),
        (AccessMode::Token, false, false, true),
        (AccessMode::Auto, true, false, true),
        (AccessMode::Open, true, false, true),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(&directory, |settings| {
            settings.access.mode = mode;
            settings.access.allow_open = allow_open;
        });
        let service = prepare(settings).await.unwrap();
        if has_token {
            super::house::token(service.state(), "root", "root", Role::Administer).await;
        }
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), service.serve(listener, async {})).await.unwrap();
        match ended {
            Ok(()) => assert!(starts, "{mode:?} {allow_open} {has_token} started"),
            Err(StartError::Access(error @ AccessError::WouldBeOpen(_))) => {
                assert!(!starts, "{mode:?} {allow_open} {has_token}: {error}");
                let words = error.to_string();
                assert!(words.contains("token create") && words.contains("allow_open"), "{words}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn the_program_says_why_it_does_not_start_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = process::command(directory.path(), process::free_port(), &[("FASTBUILD__FB__HOST", "0.0.0.0")]);
    let output = command.stderr(std::process::Stdio::piped()).output().await.unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("fastbuild token create") && words.contains("allow_open = true"), "{words}");
}

#[tokio::test]
async fn the_first_token_closes_an_open_service_that_runs() {
    let house = House::start_with(|_| {}).await;
    let path = "/api/fast-build/task/queued-tasks";
    assert_eq!(house.request(Method::GET, path).send().await.unwrap().status(), 200);
    let data = house.directory.path().join("data");
    let fastbuild = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fastbuild"));
        command.args(arguments).env_clear().env("FASTBUILD__FB__BASE_DIR", &data).current_dir(house.directory.path());
        async move {
            let output = command.output().await.unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        }
    };
    let (code, token, note) =
        fastbuild(&["token", "create", "--name", "ops", "--role", "administer", "--expires-days", "30"]).await;
    assert_eq!(code, Some(0), "{note}");
    let token = token.trim().to_owned();
    assert!(token.len() > 40 && note.contains("shown this once") && !note.contains(&token), "{note}");
    wait_for("the service to close", Duration::from_secs(10), || async {
        let answer = house.request(Method::GET, path).send().await.unwrap();
        (answer.status() == 401).then_some(())
    })
    .await;
    assert_eq!(house.status(&token, "/task/queued-tasks").await, 200);

    let (code, _, words) = fastbuild(&["token", "create", "--name", "ops", "--role", "read"]).await;
    assert!(code == Some(2) && words.contains("'ops' already"), "{words}");
    let (code, _, words) = fastbuild(&["token", "create", "--name", "a b", "--role", "read"]).await;
    assert!(code == Some(2) && words.contains("letters, digits"), "{words}");
    let (code, list, _) = fastbuild(&["token", "list", "--json"]).await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let shown = ["name", "role", "state"].map(|field| list[0][field].as_str().unwrap_or_default());
    assert_eq!((code, shown), (Some(0), ["ops", "administer", "usable"]));
    assert!(!list.to_string().contains(&token));
    let (code, words, _) = fastbuild(&["token", "revoke", "ops"]).await;
    assert!(code == Some(0) && words.contains("revoked"), "{words}");
    // From the next request on, and the service does not open again.
    assert_eq!(house.status(&token, "/task/queued-tasks").await, 401);
    assert_eq!(house.request(Method::GET, path).send().await.unwrap().status(), 401);
    let (code, table, _) = fastbuild(&["token", "list"]).await;
    assert!(code == Some(0) && table.contains("revoked") && table.contains("NAME"), "{table}");
    let (code, made, _) =
        fastbuild(&["token", "create", "--name", "ops", "--role", "submit", "--user", "team", "--json"]).await;
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!((code, made["user"].as_str()), (Some(0), Some("team")), "{made}");
    house.stop().await;
}

//! Configuring a site: what is stored, what is tested, what survives.

use std::path::PathBuf;

use fastbuild::engine::Endpoint;
use serde_json::json;

use super::app::{App, configuration_form, file_part, tls_tar};

const CONFIGURE: &str = "/config/config-fastbuild";

#[tokio::test]
async fn the_first_start_has_a_host_that_does_not_count() {
    let app = App::start().await;
    let host = app.get("/host/latest").await;
    assert_eq!(host.data()["host_ip"], "0.0.0.0");
    assert_eq!(host.data()["host_port"], 48001);
    assert_eq!(app.state.site.host(), None);
    assert_eq!(app.state.site.public_url(), "http://127.0.0.1:48001");
    let current = app.get("/config/current").await;
    assert!(current.data()["harbor"].is_null() && current.data()["docker_server"].is_null());
    assert_eq!(app.state.site.missing_parts().len(), 3);
    let app = app.restart().await;
    assert_eq!(app.get("/host/all").await.data().as_array().unwrap().len(), 1, "a second start adds no row");
    app.stop().await;
}

#[tokio::test]
async fn a_configuration_is_tested_by_the_daemon_and_stored() {
    let app = App::start().await;
    let answer = app.post_form(CONFIGURE, configuration_form(&[])).await;
    assert_eq!(answer.data(), "FastBuild 配置成功");
    let asked = app.engine.asked();
    assert_eq!(asked.endpoints, [Endpoint::Tcp { host: "10.0.0.6".to_owned(), port: 2375 }]);
    let login = ("harbor.example.cn:30003".to_owned(), "robot$fastbuild".to_owned(), "~~~???>>>".to_owned());
    assert_eq!(asked.logins, [login]);
    let current = app.get("/config/current").await;
    let harbor = &current.data()["harbor"];
    assert_eq!(harbor["username"], "robot$fastbuild");
    assert_eq!(harbor["registry"], "harbor.example.cn:30003");
    assert_eq!(harbor["registry_dns"], "registry.example.cn");
    assert!(harbor["create_time"].as_str().unwrap().starts_with("2026-11-21T"), "{harbor}");
    assert_eq!(current.data()["host"]["host_ip"], "10.0.0.5");
    assert_eq!(current.data()["docker_server"]["tls_verify"], false);
    assert_eq!(app.state.site.public_url(), "http://10.0.0.5:48001");
    assert!(app.state.site.require_configured().is_ok());
    app.stop().await;
}

#[tokio::test]
async fn ports_and_dns_have_defaults_and_a_form_may_be_urlencoded() {
    let app = App::start().await;
    let absent = [("fastbuild_port", None), ("docker_port", Some("")), ("harbor_registry_dns", Some(""))];
    app.post_form(CONFIGURE, configuration_form(&absent)).await.data();
    let current = app.get("/config/current").await;
    assert_eq!(current.data()["host"]["host_port"], 48001);
    assert_eq!(current.data()["docker_server"]["port"], 2375);
    assert_eq!(current.data()["harbor"]["registry_dns"], "");
    let body = "host=fastbuild.example.cn&port=80";
    let request = app.request(reqwest::Method::POST, "/api/fast-build/host/update-host");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    super::app::send(request).await.data();
    assert_eq!(app.state.site.public_url(), "http://fastbuild.example.cn:80");
    app.stop().await;
}

#[tokio::test]
async fn a_socket_needs_no_port_and_no_certificates() {
    let app = App::start().await;
    let form = configuration_form(&[("docker_host", Some("unix:///var/run/docker.sock"))]);
    let form = form.part("docker_tls_tar_file", file_part("tls.tar", tls_tar()));
    app.post_form(CONFIGURE, form).await.data();
    assert_eq!(app.engine.asked().endpoints, [Endpoint::Unix(PathBuf::from("/var/run/docker.sock"))]);
    let current = app.get("/config/current").await;
    assert_eq!(current.data()["docker_server"]["host"], "unix:///var/run/docker.sock");
    assert_eq!(current.data()["docker_server"]["tls_verify"], false);
    assert_eq!(std::fs::read_dir(app.path("tls")).unwrap().count(), 0);
    app.stop().await;
}

#[tokio::test]
async fn certificates_of_older_rows_stay() {
    let app = App::start().await;
    for _ in 0..2 {
        let form = configuration_form(&[]).part("docker_tls_tar_file", file_part("tls.tar", tls_tar()));
        app.post_form(CONFIGURE, form).await.data();
    }
    let history = app.get("/config/history").await;
    let servers = history.data()["docker_server"].as_array().unwrap();
    assert_eq!(servers.len(), 2);
    assert_ne!(servers[0]["ca_path"], servers[1]["ca_path"]);
    for server in servers {
        assert_eq!(server["tls_verify"], true);
        for file in ["ca_path", "client_cert_path", "client_key_path"] {
            assert!(PathBuf::from(server[file].as_str().unwrap()).is_file(), "{server}");
        }
    }
    assert!(servers[0]["primary_id"].as_i64() > servers[1]["primary_id"].as_i64(), "newest first");
    let plain = configuration_form(&[]);
    app.post_form(CONFIGURE, plain).await.data();
    assert_eq!(app.get("/config/current").await.data()["docker_server"]["tls_verify"], false, "no tar turns TLS off");
    app.stop().await;
}

#[tokio::test]
async fn the_parts_can_be_changed_alone() {
    let app = App::start().await;
    app.post_form(CONFIGURE, configuration_form(&[])).await.data();
    let harbor = reqwest::multipart::Form::new()
        .text("username", "second")
        .text("password", "other")
        .text("registry", "10.0.0.9:5000");
    app.post_form("/config/update-harbor", harbor).await.data();
    let login = ("10.0.0.9:5000".to_owned(), "second".to_owned(), "other".to_owned());
    assert_eq!(app.engine.asked().logins.last(), Some(&login), "the configured daemon tests a new Harbor");
    let server = reqwest::multipart::Form::new().text("host", "docker.example.cn").text("port", "2376");
    let server = server.part("tls_tar_file", file_part("tls.tar", tls_tar()));
    app.post_form("/config/update-docker-server", server).await.data();
    assert_eq!(app.engine.asked().logins.len(), 3, "the configured Harbor is tested by a new daemon");
    assert!(matches!(app.engine.asked().endpoints.last(), Some(Endpoint::Tls { port: 2376, .. })));
    let history = app.get("/config/history").await;
    assert_eq!(history.data()["harbor"].as_array().unwrap().len(), 2);
    assert_eq!(history.data()["docker_server"].as_array().unwrap().len(), 2);
    assert_eq!(history.data()["harbor"][0]["username"], "second");
    assert_eq!(app.state.site.harbor().await.unwrap().account.username, "second");
    app.stop().await;
}

#[tokio::test]
async fn a_restart_finds_everything_again_and_connects_when_asked() {
    let app = App::start().await;
    app.post_form(CONFIGURE, configuration_form(&[])).await.data();
    let app = app.restart().await;
    assert!(app.engine.asked().endpoints.is_empty(), "nothing connects at a start");
    let first = app.state.site.docker_server().await.unwrap();
    let second = app.state.site.docker_server().await.unwrap();
    assert_eq!(first.row_id, second.row_id);
    assert_eq!(app.engine.asked().endpoints.len(), 1, "the connection is kept");
    let harbor = app.state.site.harbor().await.unwrap();
    assert_eq!(harbor.account.registry.as_str(), "harbor.example.cn:30003");
    app.stop().await;
}

#[tokio::test]
async fn passwords_are_nowhere() {
    let app = App::start().await;
    let canary = "kanarienvogel-4711";
    app.post_form(CONFIGURE, configuration_form(&[("harbor_password", Some(canary))])).await.data();
    for path in ["/config/current", "/config/history", "/host/all", "/callback/all"] {
        assert!(!app.get(path).await.text.contains(canary), "{path}");
    }
    assert!(!format!("{:?}", app.state.site.harbor().await.unwrap()).contains(canary));
    let directory = app.path("");
    app.state.store.close().await;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{}", path.display());
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn readiness_names_each_dependency() {
    let app = App::start().await;
    let before = super::app::send(app.request(reqwest::Method::GET, "/readyz")).await;
    assert_eq!(before.status, 200);
    let none = json!({"status": "not_configured", "cause": null, "reason": null});
    assert_eq!(before.json["docker_server"], none);
    assert_eq!(before.json["harbor"], none);
    app.post_form(CONFIGURE, configuration_form(&[])).await.data();
    let after = super::app::send(app.request(reqwest::Method::GET, "/readyz")).await;
    let good = json!({"status": "ok", "cause": null, "reason": null});
    let all = json!({"ready": true, "database": good, "docker_server": good, "harbor": good, "disk": good});
    assert_eq!(after.json, all);
    app.stop().await;
}

#[tokio::test]
async fn readiness_fails_with_the_daemon() {
    use fastbuild::cause::Cause;
    use fastbuild::engine::EngineError;

    let app = App::start().await;
    app.post_form(CONFIGURE, configuration_form(&[])).await.data();
    let info_error = Some(EngineError::new(Cause::DaemonLost, "connection refused by 10.0.0.6"));
    app.engine.play(super::scripted_engine::Script { info_error, ..Default::default() });
    let request = app.request(reqwest::Method::GET, "/readyz").header("Accept-Language", "en");
    let answer = super::app::send(request).await;
    assert_eq!(answer.status, 503);
    let failing = &answer.json["docker_server"];
    assert_eq!((&failing["status"], &failing["cause"]), (&json!("failing"), &json!("DAEMON_LOST")));
    assert!(failing["reason"].as_str().unwrap().starts_with("The Docker server went away"), "{failing}");
    assert_eq!(answer.json["harbor"]["status"], "unknown");
    assert!(!answer.text.contains("10.0.0.6"), "a 503 carries no inner text");
    app.stop().await;
}

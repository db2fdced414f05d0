//! What a configuration is refused for. Whatever it is, nothing is stored and no file stays.

use fastbuild::cause::Cause;
use fastbuild::engine::EngineError;
use reqwest::multipart::Form;
use serde_json::json;

use super::app::{Answered, App, configuration_form, file_part, send, tar, tls_tar};
use super::scripted_engine::Script;

const CONFIGURE: &str = "/config/config-fastbuild";
const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

async fn assert_nothing_stored(app: &App) {
    let history = app.get("/config/history").await;
    assert_eq!(history.data()["host"].as_array().unwrap().len(), 1);
    assert_eq!(history.data()["harbor"], json!([]));
    assert_eq!(history.data()["docker_server"], json!([]));
    let tls = app.path("tls");
    assert_eq!(std::fs::read_dir(tls).unwrap().count(), 0, "certificates of a refused configuration stayed");
    assert_eq!(app.state.site.missing_parts().len(), 3);
}

async fn configure(app: &App, changes: &[(&str, Option<&str>)]) -> Answered {
    app.post_form(CONFIGURE, configuration_form(changes)).await
}

#[tokio::test]
async fn invalid_hosts_are_named_with_their_field() {
    let app = App::start().await;
    for (field, value) in [
        ("fastbuild_host", "not a host"),
        ("fastbuild_host", "http://10.0.0.5"),
        ("fastbuild_host", "256.0.0.1"),
        ("fastbuild_host", "0.0.0.0"),
        ("harbor_registry", "harbor.example.cn/project"),
        ("harbor_registry", "harbor.example.cn:99999"),
        ("harbor_registry", "https://harbor.example.cn"),
        ("harbor_registry_dns", "-bad-.cn"),
        ("docker_host", "tcp://10.0.0.6:2375"),
        ("docker_host", "10.0.0.6:2375"),
        ("docker_host", "unix://relative"),
        ("docker_host", "a;b"),
    ] {
        let answer = configure(&app, &[(field, Some(value))]).await;
        let message = answer.refusal();
        assert!(message.contains(field) && message.contains(value), "{message}");
    }
    assert!(app.engine.asked().endpoints.is_empty(), "a refused text reaches no daemon");
    assert_nothing_stored(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn missing_and_malformed_fields_are_all_named() {
    let app = App::start().await;
    let answer = app.post_form(CONFIGURE, Form::new().text("fastbuild_port", "x").text("docker_port", "70000")).await;
    let expected = [
        ("body.fastbuild_host", "value_error.missing"),
        ("body.fastbuild_port", "type_error.integer"),
        ("body.harbor_username", "value_error.missing"),
        ("body.harbor_password", "value_error.missing"),
        ("body.harbor_registry", "value_error.missing"),
        ("body.docker_host", "value_error.missing"),
        ("body.docker_port", "value_error.number.not_le"),
    ];
    let expected: Vec<_> = expected.map(|(place, kind)| (place.to_owned(), kind.to_owned())).into();
    assert_eq!(answer.invalid(), expected);
    let empty = configure(&app, &[("harbor_password", Some(""))]).await;
    assert_eq!(empty.invalid()[0].0, "body.harbor_password", "an empty field of a form is none");
    let text_as_file = Form::new().part("fastbuild_host", file_part("a", *b"\xff\xfe"));
    let kinds: Vec<_> = app.post_form(CONFIGURE, text_as_file).await.invalid();
    assert!(kinds.contains(&("body.fastbuild_host".to_owned(), "type_error.str".to_owned())), "{kinds:?}");
    let tar_as_text = configuration_form(&[]).text("docker_tls_tar_file", "not a file");
    assert_eq!(app.post_form(CONFIGURE, tar_as_text).await.invalid()[0].0, "body.docker_tls_tar_file");
    assert_nothing_stored(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_useless_tar_is_refused_with_field_and_file() {
    let app = App::start().await;
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&tar(&[("ca.pem", &vec![0; 32 << 20])])).unwrap();
        encoder.finish().unwrap()
    };
    for (content, part) in [
        (tar(&[("ca-jenkins.pem", PEM), ("cert-jenkins.pem", PEM)]), "key-jenkins.pem"),
        (tar(&[]), "ca-jenkins.pem"),
        (tar(&[("ca.pem", PEM), ("cert.pem", PEM), ("key.pem", b"no pem")]), "key.pem"),
        (b"not a tar at all, only some text".to_vec(), "tar"),
        (bomb, "1048576"),
    ] {
        let form = configuration_form(&[]).part("docker_tls_tar_file", file_part("tls.tar", content));
        let answer = app.post_form(CONFIGURE, form).await;
        let message = answer.refusal();
        assert!(message.contains("docker_tls_tar_file") && message.contains(part), "{message}");
    }
    assert!(app.engine.asked().endpoints.is_empty());
    assert_nothing_stored(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_daemon_that_does_not_answer_is_told_in_its_own_words() {
    let app = App::start().await;
    let error = |words: &str| Some(EngineError::new(Cause::DaemonLost, words));
    for script in [
        Script { connect_error: error("the key does not match the certificate"), ..Script::default() },
        Script { info_error: error("the key does not match the certificate"), ..Script::default() },
    ] {
        app.engine.play(script);
        let form = configuration_form(&[]).part("docker_tls_tar_file", file_part("tls.tar", tls_tar()));
        let answer = app.post_form(CONFIGURE, form).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.json, json!({"message": "the key does not match the certificate", "code": "123"}));
        assert_nothing_stored(&app).await;
    }
    assert!(app.engine.asked().logins.is_empty(), "Harbor is asked only by a daemon that answers");
    app.stop().await;
}

#[tokio::test]
async fn a_refused_login_is_told_without_the_password() {
    let app = App::start().await;
    let words = "unauthorized: user robot$fastbuild with ~~~???>>> is unknown";
    let login_error = Some(EngineError::new(Cause::RegistryAuth, words));
    app.engine.play(Script { login_error, ..Script::default() });
    let answer = configure(&app, &[]).await;
    assert_eq!(answer.status, 500);
    let told = "unauthorized: user robot$fastbuild with *** is unknown";
    assert_eq!(answer.json, json!({"message": told, "code": "123"}));
    assert_nothing_stored(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_refused_change_keeps_what_was_there() {
    let app = App::start().await;
    configure(&app, &[]).await.data();
    let login_error = Some(EngineError::new(Cause::RegistryAuth, "unauthorized"));
    app.engine.play(Script { login_error, ..Script::default() });
    let server = Form::new().text("host", "10.0.0.7").part("tls_tar_file", file_part("t", tls_tar()));
    assert_eq!(app.post_form("/config/update-docker-server", server).await.status, 500);
    let harbor = Form::new().text("harbor_username", "u").text("harbor_password", "p").text("harbor_registry", "h.cn");
    assert_eq!(app.post_form("/config/update-harbor", harbor).await.status, 500);
    let history = app.get("/config/history").await;
    assert_eq!(history.data()["docker_server"].as_array().unwrap().len(), 1);
    assert_eq!(history.data()["harbor"].as_array().unwrap().len(), 1);
    let server = app.state.site.docker_server().await.unwrap();
    assert_eq!(format!("{:?}", server.endpoint), "Tcp { host: \"10.0.0.6\", port: 2375 }");
    assert_eq!(std::fs::read_dir(app.path("tls")).unwrap().count(), 0);
    app.stop().await;
}

#[tokio::test]
async fn an_unreachable_old_daemon_does_not_hide_the_words() {
    let app = App::start().await;
    configure(&app, &[]).await.data();
    let app = app.restart().await;
    let connect_error = Some(EngineError::new(Cause::DaemonLost, "no route to host"));
    app.engine.play(Script { connect_error, ..Script::default() });
    let harbor = Form::new().text("username", "u").text("password", "p").text("registry", "h.cn");
    let answer = app.post_form("/config/update-harbor", harbor).await;
    assert_eq!((answer.status, &answer.json["message"]), (500, &json!("no route to host")));
    app.stop().await;
}

#[tokio::test]
async fn a_disk_that_takes_no_certificates_is_our_fault_and_says_no_more() {
    let app = App::start().await;
    std::fs::remove_dir(app.path("tls")).unwrap();
    std::fs::write(app.path("tls"), "a file where the directory should be").unwrap();
    let form = configuration_form(&[]).part("docker_tls_tar_file", file_part("tls.tar", tls_tar()));
    let answer = app.post_form(CONFIGURE, form).await;
    assert_eq!((answer.status, &answer.json["code"]), (500, &json!(-1)));
    assert!(!answer.text.contains("tls"), "{}", answer.text);
    app.stop().await;
}

#[tokio::test]
async fn a_private_ca_must_be_one() {
    let app = App::start().await;
    for bad in ["no certificate", "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n"] {
        let answer = app.post_form(CONFIGURE, configuration_form(&[]).text("harbor_ca", bad)).await;
        assert!(answer.refusal().contains("harbor_ca"));
    }
    assert_nothing_stored(&app).await;
    let pem = std::str::from_utf8(PEM).unwrap();
    app.post_form(CONFIGURE, configuration_form(&[]).part("harbor_ca", file_part("ca.crt", pem))).await.data();
    assert_eq!(app.get("/config/current").await.data()["harbor"]["has_ca"], true);
    assert_eq!(app.state.site.harbor().await.unwrap().ca_pem.as_deref(), Some(pem));
    app.stop().await;
}

#[tokio::test]
async fn broken_and_oversized_forms_are_told_apart() {
    let app = App::start_with(|settings| settings.limits.body_bytes = 10_000).await;
    let path = format!("/api/fast-build{CONFIGURE}");
    for (kind, body) in [
        ("multipart/form-data", "no boundary"),
        ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nbroken off"),
    ] {
        let request = app.request(reqwest::Method::POST, &path).header("content-type", kind).body(body);
        assert_eq!(send(request).await.invalid(), [("body".to_owned(), "value_error.form".to_owned())]);
    }
    let large = "x".repeat(20_000);
    let answer = configure(&app, &[("harbor_username", Some(&large))]).await;
    assert!(answer.refusal().contains("10000"), "{}", answer.text);
    let json = send(app.request(reqwest::Method::POST, &path).json(&json!({"fastbuild_host": "a"}))).await;
    assert_eq!(json.invalid().len(), 5, "a body that is no form has no fields");
    assert_nothing_stored(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_call_that_is_broken_off_leaves_nothing() {
    let app = App::start().await;
    app.engine.play(Script { login_hangs: true, ..Script::default() });
    let form = configuration_form(&[]).part("docker_tls_tar_file", file_part("tls.tar", tls_tar()));
    let call = app.post_form(CONFIGURE, form);
    tokio::select! {
        _ = call => panic!("a hanging login must not be answered"),
        () = async {
            while app.engine.asked().logins.is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    let tls = app.path("tls");
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::fs::read_dir(&tls).unwrap().count() > 0 {
        assert!(tokio::time::Instant::now() < limit, "certificates of an abandoned call stayed");
        tokio::task::yield_now().await;
    }
    app.engine.play(Script::default());
    assert_nothing_stored(&app).await;
    app.stop().await;
}

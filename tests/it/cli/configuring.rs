//! `fastbuild configure` and `fastbuild encrypt`: where passwords come from and where they do not show.

use serde_json::json;

use super::scripted::{Scripted, status, success};
use super::{left_by, program, run, write};

const PARTS: [&str; 10] = [
    "configure",
    "--host",
    "10.0.0.5",
    "--harbor-registry",
    "10.0.0.9:5000",
    "--harbor-username",
    "robot$fb",
    "--docker-host",
    "10.0.0.6",
    "--docker-port=2376",
];

fn field(body: &str, name: &str) -> Option<String> {
    let start = body.split(&format!("name=\"{name}\"")).nth(1)?;
    Some(start.split("\r\n\r\n").nth(1)?.split("\r\n--").next()?.to_owned())
}

#[tokio::test]
async fn every_part_is_sent_and_the_password_comes_from_where_it_is_said() {
    let service = Scripted::serve(|_| success(json!("all parts are configured"))).await;
    let directory = tempfile::tempdir().unwrap();
    let password = write(directory.path(), "password", "from the file\nsecond line\n");
    let tls = write(directory.path(), "tls.tar", "tar bytes");
    let ca = write(directory.path(), "ca.pem", "-----BEGIN CERTIFICATE-----");
    let with = |more: &[&'static str]| PARTS.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let files = [
        "--harbor-password-file",
        &password,
        "--docker-tls",
        &tls,
        "--harbor-ca",
        &ca,
        "--harbor-registry-dns",
        "h.cn",
    ];
    let whole: Vec<&str> = PARTS.into_iter().chain(files).collect();
    let left = service.run(&whole).await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "all parts are configured\n"), "{left:?}");
    let stdin = with(&["--harbor-password-stdin", "--json"]);
    let left = service.run_with(&stdin, &[], "from standard input\n").await;
    assert_eq!(left.stdout, "\"all parts are configured\"\n");
    service.run_with(&with(&[]), &[("FASTBUILD_HARBOR_PASSWORD", "from the environment")], "").await;
    let left = service.run(&with(&[])).await;
    assert!(left.code == Some(2) && left.stderr.contains("no Harbor password"), "{left:?}");

    let asked = service.asked();
    assert_eq!(asked.len(), 3);
    let sent = &asked[0].body;
    assert_eq!(asked[0].what(), "POST /config/config-fastbuild");
    for (name, value) in [
        ("fastbuild_host", "10.0.0.5"),
        ("fastbuild_port", "48001"),
        ("harbor_username", "robot$fb"),
        ("harbor_password", "from the file"),
        ("harbor_registry", "10.0.0.9:5000"),
        ("harbor_registry_dns", "h.cn"),
        ("docker_host", "10.0.0.6"),
        ("docker_port", "2376"),
        ("docker_tls_tar_file", "tar bytes"),
        ("harbor_ca", "-----BEGIN CERTIFICATE-----"),
    ] {
        assert_eq!(field(sent, name).as_deref(), Some(value), "{name} in {sent}");
    }
    assert!(sent.contains("filename=\"tls.tar\""));
    assert_eq!(field(&asked[1].body, "harbor_password").as_deref(), Some("from standard input"));
    assert_eq!(field(&asked[1].body, "docker_tls_tar_file"), None);
    assert_eq!(field(&asked[2].body, "harbor_password").as_deref(), Some("from the environment"));
}

#[tokio::test]
async fn a_test_that_fails_is_told_in_the_daemons_words() {
    let service =
        Scripted::serve(|_| status(500, json!({ "message": "unauthorized: bad password", "code": "123" }))).await;
    let arguments: Vec<&str> = PARTS.into_iter().chain(["--harbor-password-stdin"]).collect();
    let left = service.run_with(&arguments, &[], "canary").await;
    assert_eq!(left.code, Some(2));
    assert!(left.stderr.contains("unauthorized: bad password") && !left.stderr.contains("canary"), "{left:?}");
}

#[tokio::test]
async fn a_password_is_encrypted_as_the_platform_does() {
    let left = left_by(program(&["encrypt"]), "Alkaid123456\n").await;
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "j7yC3VEVGFAJIRmnel+XVA==\n"));
    let left = left_by(program(&["encrypt"]), "").await;
    assert_eq!(left.stdout, "qkrhxQmWOe5kvpJpplvTuQ==\n");
    let mut other = program(&["encrypt"]);
    other.env("FASTBUILD__AES__KEY", "another key 1234");
    let left = left_by(other, "Alkaid123456").await;
    assert!(left.code == Some(0) && left.stdout != "j7yC3VEVGFAJIRmnel+XVA==\n", "{left:?}");
    let mut short = program(&["encrypt"]);
    short.env("FASTBUILD__AES__KEY", "short");
    let left = left_by(short, "canary").await;
    assert!(left.code == Some(1) && left.stderr.contains("16, 24 or 32 bytes"), "{left:?}");
}

#[tokio::test]
async fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let left = run(&["completions", shell]).await;
        assert_eq!(left.code, Some(0), "{shell}");
        assert!(left.stdout.contains("import-old") && left.stdout.contains("idempotency-key"), "{shell}");
    }
}

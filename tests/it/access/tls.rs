//! TLS of the service itself: its certificate is taken up again without a restart, and a broken one is not taken up at all.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fastbuild::access::Role;
use fastbuild::settings::{AccessMode, Settings};
use reqwest::{Certificate, Client};

use super::house::{House, Raw, bearer, prepare, settings};
use crate::support::process::{ServeProcess, command, free_port, log_file};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(30);

/// A certificate for 127.0.0.1 and its key, as `<name>.pem` and `<name>.key`.
fn make(directory: &Path, name: &str) -> Certificate {
    let path = |ending: &str| directory.join(format!("{name}.{ending}"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(path("key"))
        .arg("-out")
        .arg(path("pem"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Certificate::from_pem(&std::fs::read(path("pem")).unwrap()).unwrap()
}

fn client(trusted: &Certificate) -> Client {
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(30));
    builder.add_root_certificate(trusted.clone()).build().unwrap()
}

fn with_tls(directory: &Path) -> impl FnOnce(&mut Settings) {
    let (cert_file, key_file) = (directory.join("live.pem"), directory.join("live.key"));
    move |settings| {
        settings.access.mode = AccessMode::Token;
        settings.tls.cert_file = cert_file;
        settings.tls.key_file = key_file;
    }
}

fn install(directory: &Path, name: &str) {
    for ending in ["key", "pem"] {
        std::fs::copy(directory.join(format!("{name}.{ending}")), directory.join(format!("live.{ending}"))).unwrap();
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (make(directory.path(), "first"), make(directory.path(), "second"));
    install(directory.path(), "first");
    let house = House::start_with(with_tls(directory.path())).await;
    let url = format!("https://{}", house.address);
    let answers = async |trusted: &Certificate| {
        client(trusted).get(format!("{url}/healthz")).send().await.is_ok_and(|answer| answer.status().is_success())
    };
    assert!(answers(&first).await && !answers(&second).await);

    install(directory.path(), "second");
    wait_for("the second certificate", LIMIT, || async { answers(&second).await.then_some(()) }).await;
    assert!(!answers(&first).await);

    std::fs::write(directory.path().join("live.pem"), "broken").unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(answers(&second).await, "a broken pair leaves the one in use in use");
    std::fs::remove_file(directory.path().join("live.key")).unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(answers(&second).await);
    install(directory.path(), "first");
    wait_for("the first certificate again", LIMIT, || async { answers(&first).await.then_some(()) }).await;

    let mut plain = Raw::connect(house.address).await;
    plain.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(plain.read_all().await.contains("https://"), "who speaks plain HTTP is told");
    house.stop().await;
}

#[tokio::test]
async fn a_hang_up_has_the_certificate_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (make(directory.path(), "first"), make(directory.path(), "second"));
    install(directory.path(), "first");
    let (port, log) = (free_port(), log_file(directory.path()));
    let live = |ending: &str| directory.path().join(format!("live.{ending}")).display().to_string();
    let variables = [("FASTBUILD__TLS__CERT_FILE", &*live("pem")), ("FASTBUILD__TLS__KEY_FILE", &*live("key"))];
    let mut program = command(directory.path(), port, &variables);
    let mut child = program.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let answers = async |trusted: &Certificate| {
        let asked = client(trusted).get(format!("https://127.0.0.1:{port}/healthz")).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    };
    let signal = |name: &str| {
        let id = child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    let told = |words: &str| std::fs::read_to_string(&log).unwrap().matches(words).count();
    let is_told = async |words: &str, times: usize| {
        wait_for(words, LIMIT, || async { (told(words) == times).then_some(()) }).await;
    };
    wait_for("the first certificate", LIMIT, || async { answers(&first).await.then_some(()) }).await;

    // Nothing has changed, so that nothing but the signal has the files read, and the process lives on.
    signal("-HUP");
    is_told("was read again", 1).await;
    install(directory.path(), "second");
    signal("-HUP");
    wait_for("the second certificate", LIMIT, || async { answers(&second).await.then_some(()) }).await;
    assert!(!answers(&first).await);

    // What cannot be used is told when it is found, and once more for each signal.
    std::fs::write(directory.path().join("broken.pem"), "broken").unwrap();
    std::fs::rename(directory.path().join("broken.pem"), directory.path().join("live.pem")).unwrap();
    wait_for("words about it", LIMIT, || async { (told("stays in use") > 0).then_some(()) }).await;
    let before = told("stays in use");
    signal("-HUP");
    is_told("stays in use", before + 1).await;
    assert!(answers(&second).await);
    signal("-TERM");
    assert!(tokio::time::timeout(LIMIT, child.wait()).await.expect("it must stop").unwrap().success());
}

#[tokio::test]
async fn addresses_cookies_and_the_command_line_know_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let trusted = make(directory.path(), "live");
    let house = House::start_with(with_tls(directory.path())).await;
    let url = format!("https://{}", house.address);
    assert!(house.state.site.public_url().starts_with("https://"));
    let token = house.token("ann", Role::Read).await;
    let answer = client(&trusted).get(format!("{url}/api/fast-build/task/queued-tasks"));
    assert_eq!(answer.header("Authorization", bearer(&token)).send().await.unwrap().status(), 200);
    let policy = reqwest::redirect::Policy::none();
    let browser = Client::builder().no_proxy().redirect(policy).add_root_certificate(trusted).build().unwrap();
    let entered = browser.post(format!("{url}/console/login")).form(&[("token", &token)]).send().await.unwrap();
    assert!(entered.headers()["set-cookie"].to_str().unwrap().contains("; Secure"));

    let authority = directory.path().join("live.pem");
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, format!("{token}\n")).unwrap();
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fastbuild"));
        let output = command.args(arguments).env_clear().output().await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (ca, file) = (authority.to_str().unwrap(), token_file.to_str().unwrap());
    assert_eq!(run(&["tasks", "--url", &url, "--ca", ca, "--token-file", file]).await.0, Some(0));
    assert_eq!(run(&["tasks", "--url", &url, "--ca", ca, "--token", &token]).await.0, Some(0));
    assert_eq!(run(&["healthcheck", "--url", &url, "--ca", ca]).await.0, Some(0));
    let (code, words) = run(&["tasks", "--url", &url, "--ca", ca]).await;
    assert!(code == Some(2) && words.contains("--token-file"), "{words}");
    assert_eq!(run(&["tasks", "--url", &url, "--token", &token]).await.0, Some(3), "an unknown CA is not trusted");
    house.stop().await;
}

#[tokio::test]
async fn half_a_pair_or_a_wrong_one_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path(), "one");
    make(directory.path(), "two");
    let files = |cert: &str, key: &str| (directory.path().join(cert), directory.path().join(key));
    for ((cert, key), words) in [
        (files("one.pem", "two.key"), "do not belong together"),
        (files("absent.pem", "one.key"), "cannot read"),
        (files("one.key", "one.key"), "no PEM certificate"),
        (files("one.pem", "one.pem"), "no readable PEM key"),
    ] {
        let house = tempfile::tempdir().unwrap();
        let settings = settings(&house, |settings| {
            settings.tls.cert_file = cert;
            settings.tls.key_file = key;
        });
        let service = prepare(settings).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = service.serve(listener, async {}).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_hang_up_ends_no_service_without_a_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    for times in 1..=2 {
        assert!(Command::new("kill").args(["-HUP", &process.id().to_string()]).status().unwrap().success());
        wait_for("words about it", LIMIT, || async {
            let log = std::fs::read_to_string(log_file(directory.path())).unwrap();
            (log.matches("SIGHUP: without [tls]").count() == times).then_some(())
        })
        .await;
    }
    assert!(process.text("/healthz").await.contains("ok"));
    assert!(process.terminate().await.0.success());
}

//! Passwords leave no trace but their hashes: every place where one could lie is searched for it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fastbuild::pipeline::KeptPasswords;
use fastbuild::request::BuildRequest;
use fastbuild::secret::{PlatformCipher, Sealer};
use fastbuild::site::Harbor;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::hand::{Expected, debian, forget, plain};
use crate::lab;
use crate::support::process::{ServeProcess, free_port, log_file};
use crate::support::{Configuration, Receiver, docker_text, encrypted};

const SSH: &str = "canary-ssh-Zq7!pW";
const JUPYTER: &str = "canary-jupyter-Xv3?kL";
/// Values of callback headers. The receiver must get them, and repeats them.
const TOKEN: &str = "canary-token-Hs8+tR";
const GATEWAY: &str = "canary \"gateway\" Bq2/nD";

/// Every form in which a password could stand somewhere.
fn needles() -> Vec<String> {
    let account = lab::account();
    let harbor = account.password.expose_secret();
    let mut needles = Vec::new();
    for password in [SSH, JUPYTER] {
        needles.extend([password.to_owned(), encrypted(password), STANDARD.encode(password), hex::encode(password)]);
    }
    needles.extend([harbor.to_owned(), hex::encode(harbor)]);
    needles.push(STANDARD.encode(format!("{}:{harbor}", account.username)));
    needles.push(URL_SAFE_NO_PAD.encode(harbor));
    for value in [TOKEN, GATEWAY] {
        needles.extend([value.to_owned(), value.replace('"', "\\\""), hex::encode(value)]);
    }
    needles
}

fn search(what: &str, text: &str) {
    for needle in needles() {
        assert!(!text.contains(&needle), "{what} holds {needle}");
    }
}

/// Values for every query parameter that a GET route has.
fn value_of(parameter: &str, task_id: i64, image: &str) -> String {
    match parameter {
        "task_id" => task_id.to_string(),
        "image_name" | "keyword" => image.to_owned(),
        "stage" => "build".to_owned(),
        "page" => "1".to_owned(),
        "page_size" => "100".to_owned(),
        _ => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_nowhere_but_in_its_hash() {
    let directory = tempfile::tempdir().unwrap();
    // Everything that can be logged is logged.
    let variables = [("FASTBUILD__LOG__FILTER", "trace"), ("FASTBUILD__FB__SHUTDOWN_SECONDS", "10")];
    let process = ServeProcess::start(directory.path(), free_port(), &variables).await;
    process.configure(Configuration::default()).await;
    let headers = serde_json::json!({
        "Content-Type": "application/json", "Authorization": format!("Bearer {TOKEN}"), "X-Gateway": GATEWAY,
    });
    process.post("/callback/update-headers", &headers).await;
    let receiver = Receiver::start().await;
    receiver.echo();
    let (base, target) = (debian().await, lab::unique_name("canary"));
    let request = plain(&base, &target, &receiver.url).ssh(SSH).jupyter(JUPYTER).build();
    let task_id = process.submit(&request).await;
    let task = process.end_of(task_id, Duration::from_secs(600)).await;
    assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    // A failed one, too: its words pass through errors.
    let broken = plain(&lab::base("nothing:1"), &lab::unique_name("canary"), &receiver.url).ssh(SSH).build();
    let failed = process.end_of(process.submit(&broken).await, Duration::from_secs(60)).await;
    let expected = Expected { state: "PULL_FAILED", cause: "BASE_NOT_FOUND", stage: "pull", message: "" };
    assert_eq!((&failed["state"], &failed["cause"]), (&expected.state.into(), &expected.cause.into()));
    for row in [&task, &failed] {
        let mut callback = receiver.wait(row["task_id"].as_i64().unwrap()).await;
        let sent = ["authorization", "x-gateway"].map(|name| callback.headers.remove(name));
        assert_eq!(sent, [Some(format!("Bearer {TOKEN}")), Some(GATEWAY.to_owned())]);
        search("a callback", &format!("{callback:?}"));
    }
    receiver.answer(503);
    let again = process.post("/callback/test-callback", &Value::Null).await;
    assert!(again["body"].as_str().unwrap().contains(r#""authorization":"***""#), "{again}");
    search("the answer to a resend", &again.to_string());

    search_image(&target.to_string()).await;
    search_answers(&process, task_id, &target.to_string()).await;
    let work_dir = task["work_dir_name"].as_str().unwrap();
    for file in ["Dockerfile", "pull.log", "check.log", "prepare.log", "build.log", "push.log"] {
        search(file, &process.text(&format!("/task/{work_dir}/{file}")).await);
    }
    // While it runs there is a write-ahead log; after its end there is none. Both are searched.
    search_files(directory.path()).await;
    assert!(process.terminate().await.0.success());
    search_files(directory.path()).await;
    search("the log", &std::fs::read_to_string(log_file(directory.path())).unwrap());
    forget(&target).await;
}

/// What a panic or a log line would print of the types that hold a password, and what refusals say.
#[tokio::test(flavor = "multi_thread")]
async fn neither_debug_output_nor_refusals_show_a_password() {
    let account = lab::account();
    let secret = SSH.repeat(2);
    let variables = [
        ("FASTBUILD__AES__KEY".to_owned(), secret[..32].to_owned()),
        ("FASTBUILD__AES__STRONG_KEY".to_owned(), secret.clone()),
        ("FASTBUILD__CALLBACK__SIGNING_SECRETS".to_owned(), format!("[{secret:?}]")),
    ];
    let settings = fastbuild::settings::load(None, variables).unwrap();
    let cipher = PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
    let (base, target) = (lab::base("nothing:1"), lab::unique_name("canary"));
    let document = plain(&base, &target, "").ssh(SSH).jupyter(JUPYTER).build();
    let request = BuildRequest::parse(document.to_string().as_bytes(), &cipher).unwrap();
    let kept = KeptPasswords::of(&request);
    let harbor = Harbor { row_id: 1, account: account.clone(), dns: None, ca_pem: None };
    let sealer = Sealer::from_settings(&SSH.into(), &[JUPYTER.into()]);
    for shown in [
        format!("{settings:?}"),
        format!("{request:?}"),
        format!("{kept:?} {:?}", kept.to_json()),
        format!("{harbor:?} {account:?}"),
        format!("{:?} {sealer:?}", cipher.with_strong_key(&SSH.into())),
    ] {
        search("Debug output", &shown);
    }

    let directory = tempfile::tempdir().unwrap();
    let process = ServeProcess::start(directory.path(), free_port(), &[("FASTBUILD__LOG__FILTER", "trace")]).await;
    process.configure(Configuration::default()).await;
    for wrong in [
        serde_json::json!(SSH),
        serde_json::json!({ "password": SSH }),
        serde_json::json!([SSH]),
        serde_json::json!(format!("v2:{SSH}")),
        serde_json::json!(format!("{}\u{0}", encrypted(SSH))),
    ] {
        for field in ["webSSHSecret", "jupyterLabSecret"] {
            let document = plain(&base, &target, "").edit(|document| document[field] = wrong.clone()).build();
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client.post(format!("{}/api/fast-build/task/build-image", process.url)).json(&document);
            let answer = request.send().await.unwrap().text().await.unwrap();
            assert!(answer.contains(field), "{answer}");
            search("a refusal", &answer);
        }
    }
    assert!(process.terminate().await.0.success());
    search_files(directory.path()).await;
}

async fn search_image(image: &str) {
    search("docker history", &docker_text(&["history", "--no-trunc", image]).await);
    search("docker inspect", &docker_text(&["inspect", image]).await);
    // Layers inside `docker save` are not compressed, so that one pass over the stream sees every file of every layer.
    let patterns = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(patterns.path(), needles().join("\n")).unwrap();
    let script = r#""$0" save "$1" | grep --text --count --fixed-strings --file="$2""#;
    let count = |pattern: std::path::PathBuf| async move {
        let program = std::env::var("DOCKER").unwrap_or_else(|_| "/usr/bin/docker".to_owned());
        let output = tokio::process::Command::new("bash")
            .args(["-c", script, &program, image])
            .arg(pattern)
            .env("DOCKER_HOST", format!("unix://{}", lab::docker_socket().display()))
            .output()
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    assert_eq!(count(patterns.path().to_owned()).await, 0, "a layer holds a password");
    // The search itself works: the hash is found.
    let hash = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(hash.path(), "root:$6$").unwrap();
    assert!(count(hash.path().to_owned()).await > 0, "no layer holds the password's hash");
}

async fn search_answers(process: &ServeProcess, task_id: i64, image: &str) {
    let document: Value = serde_json::from_str(&process.text("/openapi.json").await).unwrap();
    let mut searched = 0;
    for (path, verbs) in document["paths"].as_object().unwrap() {
        let Some(get) = verbs.get("get") else { continue };
        if path.contains('{') {
            continue;
        }
        let parameters = get["parameters"].as_array().cloned().unwrap_or_default();
        let query: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .map(|name| (name, value_of(name, task_id, image)))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = process.text(&format!("{path}?{}", query.join("&"))).await;
        search(path, &text);
        searched += 1;
    }
    assert!(searched > 30, "only {searched} GET routes were found");
}

/// Every file that the service wrote: database, write-ahead log, task directories, log.
async fn search_files(directory: &std::path::Path) {
    for needle in needles() {
        let found = tokio::process::Command::new("grep")
            .args(["--recursive", "--text", "--files-with-matches", "--fixed-strings", "-e", &needle])
            .arg(directory)
            .output()
            .await
            .unwrap();
        let files = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(files.is_empty(), "{needle} is in {files}");
    }
}

//! New keys for what lies sealed: whole, refused beside a running service, and killed at random moments.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fastbuild::secret::Sealer;
use fastbuild::site::HEADERS_PURPOSE;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::process::Command;

use super::hand::plain;
use crate::access::house::{prepare, settings};
use crate::lab;
use crate::support::Configuration;
use crate::support::process::{ServeProcess, free_port};

/// Enough for pages of work in which a kill can fall.
const ATTEMPTS: u32 = 3_000;
const ROUNDS: u64 = 8;

fn rotate(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fastbuild"));
    command
        .args(["rotate-keys", "--json"])
        .current_dir(directory)
        .env("FASTBUILD__FB__BASE_DIR", directory.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn connection(directory: &Path) -> SqliteConnection {
    let file = directory.join("data/fastbuild.sqlite3");
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

/// Opens every sealed row with the keys that are in the file; how many keys there are.
async fn everything_opens(directory: &Path) -> usize {
    let key_file = directory.join("data/fastbuild.sqlite3.key");
    let keys = Sealer::open_key_file(&key_file, true).unwrap();
    let mut connection = connection(directory).await;
    let (integrity,): (String,) = sqlx::query_as("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(integrity, "ok");
    for (query, purpose) in [
        ("SELECT password_sealed FROM harbor", "harbor.password"),
        ("SELECT headers_sealed FROM callback_headers", HEADERS_PURPOSE),
        ("SELECT secrets_sealed FROM task", "task_request"),
        ("SELECT headers_sealed FROM callback_attempt", HEADERS_PURPOSE),
    ] {
        let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
        assert!(!rows.is_empty(), "{query}");
        for (sealed,) in rows {
            keys.open(purpose, &sealed).unwrap_or_else(|error| panic!("{query}: {error}"));
        }
    }
    connection.close().await.unwrap();
    let text = std::fs::read_to_string(key_file).unwrap();
    text.lines().filter(|line| line.starts_with("v1 ")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_killed_anywhere_locks_nothing_and_a_whole_one_retires_the_old_keys() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    for name in ["data/fastbuild.sqlite3", "data/fastbuild.sqlite3.key", "data/task"] {
        let mode = std::fs::metadata(directory.path().join(name)).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "{name} is nobody else's: {mode:o}");
    }
    process.configure(Configuration::default()).await;
    let request = plain(&lab::base("nothing:1"), &lab::unique_name("rotation"), "").ssh("a password").build();
    let task_id = process.submit(&request).await;
    process.end_of(task_id, Duration::from_secs(60)).await;
    let output = rotate(directory.path()).output().await.unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("another FastBuild process uses the database"), "{words}");
    assert!(process.terminate().await.0.success());

    let mut database = connection(directory.path()).await;
    sqlx::query(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
         INSERT INTO callback_attempt (delivery_id, task_id, url, headers_sealed, body, result, create_time, update_time)
         SELECT 'd' || n, 1, 'http://x/', headers_sealed, '{}', '', 1, 1 FROM numbers, callback_headers",
    )
    .bind(ATTEMPTS)
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
    let first_key = Sealer::open_key_file(&directory.path().join("data/fastbuild.sqlite3.key"), true).unwrap();
    assert_eq!(everything_opens(directory.path()).await, 1);

    let mut interrupted = 0;
    for round in 0..ROUNDS {
        let mut random = StdRng::seed_from_u64(4_711 + round);
        let mut child = rotate(directory.path()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(10..600))).await;
        child.kill().await.unwrap();
        interrupted += usize::from(everything_opens(directory.path()).await > 1);
    }
    eprintln!("rotation: {interrupted} of {ROUNDS} kills left more than one key");
    // What a kill leaves can be served.
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    assert!(!process.text("/readyz").await.contains("REGISTRY_AUTH"));
    assert!(process.terminate().await.0.success());

    let output = rotate(directory.path()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["resealed"].as_u64().unwrap() >= u64::from(ATTEMPTS), "{report:#}");
    assert_eq!(everything_opens(directory.path()).await, 1);
    let file = std::fs::read(directory.path().join("data/fastbuild.sqlite3")).unwrap();
    for key in report["retired"].as_array().unwrap().iter().filter_map(Value::as_str).chain([first_key.key_id()]) {
        let name = format!("s1:{key}:");
        assert!(!file.windows(name.len()).any(|window| window == name.as_bytes()), "{name} is in a free page");
    }
    let data: Vec<_> = std::fs::read_dir(directory.path().join("data")).unwrap().flatten().collect();
    assert!(data.iter().all(|entry| !entry.file_name().to_string_lossy().ends_with(".new")), "{data:?}");

    // What no key opens is named and left alone.
    let mut database = connection(directory.path()).await;
    sqlx::query("UPDATE callback_attempt SET headers_sealed = 's1:deadbeef:AAAA' WHERE primary_id = 7")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let output = rotate(directory.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["unreadable"], serde_json::json!(["callback_attempt.headers_sealed row 7"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_root_rotates_still_belongs_to_the_services_user() {
    const USER: u32 = 10_001;
    let directory = tempfile::tempdir().unwrap();
    if std::fs::metadata(directory.path()).unwrap().uid() != 0 {
        return eprintln!("rotation: only root can work on another user's files");
    }
    let service = prepare(settings(&directory, |_| {})).await.unwrap();
    service.state().store.close().await;
    drop(service);
    let data = directory.path().join("data");
    // A restored backup has no lock file, so that root makes one.
    std::fs::remove_file(data.join("fastbuild.sqlite3.lock")).unwrap();
    let owner = format!("{USER}:{USER}");
    assert!(Command::new("chown").args(["-R", &owner]).arg(directory.path()).status().await.unwrap().success());
    // Nothing that lies under the draft's name is followed.
    let trap = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(trap.path(), data.join("fastbuild.sqlite3.key.new")).unwrap();
    let output = rotate(directory.path()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["fastbuild.sqlite3", "fastbuild.sqlite3.key", "fastbuild.sqlite3.lock"] {
        let found = std::fs::symlink_metadata(data.join(name)).unwrap();
        assert_eq!((found.uid(), found.gid(), found.is_file()), (USER, USER, true), "{name}");
    }
    let trapped = std::fs::metadata(trap.path()).unwrap();
    assert_eq!((trapped.uid(), trapped.len()), (0, 0), "what the link led to");
    // The user itself opens all of it.
    match rotate(directory.path()).uid(USER).gid(USER).output().await {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("rotation: the user cannot start the program from where it was built: {error}"),
    }
}

//! The real program, killed at random moments and started again over the same directory; and how it stops when asked.
//!
//! `FASTBUILD_TORTURE=1` runs a hundred rounds; the seed of each is printed, so that a failure can be repeated.

use std::path::Path;
use std::time::{Duration, Instant};

use fastbuild::image::ImageReference;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use super::hand::{LIMIT, debian, forget, no_container_left, plain};
use super::table::{SERVICE_KILLED, SERVICE_STOPPED};
use crate::lab;
use crate::support::process::{ServeProcess, command, free_port};
use crate::support::registry::FrontRegistry;
use crate::support::{Configuration, GatedIndex, Receiver, wait_for};

const CI_ROUNDS: u64 = 5;
const TORTURE_ROUNDS: u64 = 100;
const READY_WITHIN: Duration = Duration::from_secs(2);

fn rounds() -> u64 {
    if std::env::var("FASTBUILD_TORTURE").is_ok_and(|value| value == "1") { TORTURE_ROUNDS } else { CI_ROUNDS }
}

async fn database(directory: &Path) -> SqliteConnection {
    let file = directory.join("data/fastbuild.sqlite3");
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

async fn integrity(directory: &Path) -> String {
    let mut connection = database(directory).await;
    let (text,): (String,) = sqlx::query_as("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_no_task_and_pushes_none_twice() {
    let directory = tempfile::tempdir().unwrap();
    let registry = FrontRegistry::start().await;
    let receiver = Receiver::start().await;
    let base = debian().await;
    let port = free_port();
    let mut accepted: Vec<(i64, ImageReference)> = Vec::new();
    let mut worst_ready = Duration::ZERO;
    let new_target = || -> ImageReference {
        let tag = lab::unique_name("x");
        format!("{}/test/restart:{}", registry.address, tag.tag_or_latest()).parse().unwrap()
    };
    // The base's layers go to this registry once, which may take longer than any life that follows.
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    process.configure(Configuration::default().with("harbor_registry", &registry.address.to_string())).await;
    let first = new_target();
    let task_id = process.submit(&plain(&base, &first, &receiver.url).build()).await;
    assert_eq!(process.end_of(task_id, LIMIT).await["state"], SERVICE_KILLED.state);
    accepted.push((task_id, first));
    process.kill().await;
    for round in 0..rounds() {
        let seed = 4_711 + round;
        let mut random = StdRng::seed_from_u64(seed);
        let process = ServeProcess::start(directory.path(), port, &[]).await;
        worst_ready = worst_ready.max(process.ready_after);
        let lifetime = Duration::from_millis(random.random_range(0..9_000));
        eprintln!(
            "restart: round {round}, seed {seed}, ready after {:?}, killed after {lifetime:?}",
            process.ready_after
        );
        let deadline = tokio::time::Instant::now() + lifetime;
        let submitting = async {
            for number in 0..3 {
                let target = new_target();
                let mut request = plain(&base, &target, &receiver.url);
                if number > 0 {
                    // A salt of its own in every build: pushing twice would show as two digests.
                    request = request.ssh(&format!("password of round {round}"));
                }
                // What was not answered may or may not be accepted; what was answered must not be lost.
                if let Some(task_id) = process.try_submit(&request.build()).await {
                    accepted.push((task_id, target));
                }
                tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
            }
        };
        let _ = tokio::time::timeout_at(deadline, submitting).await;
        tokio::time::sleep_until(deadline).await;
        process.kill().await;
        assert_eq!(integrity(directory.path()).await, "ok", "after round {round}");
    }
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    assert!(!accepted.is_empty());
    let limit = LIMIT + Duration::from_secs(10 * rounds());
    for (task_id, target) in &accepted {
        let task = process.end_of(*task_id, limit).await;
        assert_eq!(task["state"], SERVICE_KILLED.state, "{task:#}");
        let digests = registry.digests_of(target.repository(), target.tag_or_latest());
        assert_eq!(digests.len(), 1, "task {task_id} was pushed as {digests:?}");
        assert!(digests.contains(task["image_digest"].as_str().unwrap()), "{digests:?} {task:#}");
        receiver.wait(*task_id).await;
        let callbacks = receiver.of_task(*task_id);
        let id = &callbacks[0].headers["x-fastbuild-delivery"];
        assert!(callbacks.iter().all(|callback| &callback.headers["x-fastbuild-delivery"] == id), "{callbacks:#?}");
    }
    let running = process.get("/task/running-tasks").await.unwrap();
    assert_eq!(running["data"], Value::Array(Vec::new()), "a task is stuck");
    no_container_left().await;
    assert!(process.terminate().await.0.success());
    let mut connection = database(directory.path()).await;
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT task_id, attempts, interruptions FROM task").fetch_all(&mut connection).await.unwrap();
    assert!(rows.iter().all(|(_, attempts, interruptions)| *attempts == interruptions + 1), "{rows:?}");
    let interruptions: i64 = rows.iter().map(|(.., interruptions)| interruptions).sum();
    assert!(interruptions > 0, "nothing was ever interrupted: {rows:?}");
    eprintln!(
        "restart: {} rounds, {} tasks, {interruptions} interruptions, at worst ready after {worst_ready:?}",
        rounds(),
        rows.len()
    );
    for (_, target) in &accepted {
        forget(target).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_thousand_unfinished_tasks_is_quick() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    process.configure(Configuration::default()).await;
    assert!(process.terminate().await.0.success());
    let mut connection = database(directory.path()).await;
    for number in 0..1_000_i64 {
        sqlx::query(
            "INSERT INTO task (task_id, name, state, base_image_name, target_image_name, target_key, description,
                 request_document, secrets_sealed, work_dir_name, callback_url, create_time, update_time)
             VALUES (?1, '', 'BUILDING', 'a', 'b', ?2, '', '{}', '', ?2, '', ?1, ?1)",
        )
        .bind(number + 1)
        .bind(format!("target-{number}"))
        .execute(&mut connection)
        .await
        .unwrap();
    }
    connection.close().await.unwrap();
    let process = ServeProcess::start(directory.path(), port, &[]).await;
    eprintln!("restart: ready after {:?} with 1,000 unfinished tasks", process.ready_after);
    assert!(process.ready_after < READY_WITHIN, "{:?}", process.ready_after);
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_hands_back_what_runs_and_ends_well_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let variables = [
        ("FASTBUILD__FB__SHUTDOWN_SECONDS", "6"),
        ("FASTBUILD__BUILD__NETWORK", "host"),
        ("FASTBUILD__BUILD__PIP_INSTALLER", "pip"),
    ];
    let process = ServeProcess::start(directory.path(), port, &variables).await;
    process.configure(Configuration::default()).await;
    let index = GatedIndex::start().await;
    let sources = directory.path().join("data/source/pip/gated");
    std::fs::create_dir_all(&sources).unwrap();
    std::fs::write(sources.join("pip.conf"), index.pip_configuration()).unwrap();
    let receiver = Receiver::start().await;
    let target = lab::unique_name("stop");
    let request = plain(&lab::base("localpython:1"), &target, &receiver.url)
        .pip(&["gated"])
        .source("pip", "gated", "pip.conf")
        .build();
    let task_id = process.submit(&request).await;
    wait_for("the build", LIMIT, || async {
        let answer = process.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await?;
        (answer["data"]["state"] == "BUILDING").then_some(())
    })
    .await;
    let (status, took) = process.terminate().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(8), "{took:?}");
    let mut connection = database(directory.path()).await;
    let row: (String, i64, i64) =
        sqlx::query_as("SELECT state, attempts, interruptions FROM task").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row, ("QUEUED".to_owned(), 1, 1));
    connection.close().await.unwrap();
    assert!(receiver.of_task(task_id).is_empty(), "a handed-back task has no end to tell");
    // The next start goes on with it by itself.
    index.open();
    let process = ServeProcess::start(directory.path(), port, &variables).await;
    let task = process.end_of(task_id, LIMIT).await;
    assert_eq!(task["state"], SERVICE_STOPPED.state, "{task:#}");
    receiver.wait(task_id).await;
    process.kill().await;
    no_container_left().await;
    forget(&target).await;
}

/// Runs the program, which must end by itself; exit code and what it said.
async fn ends(directory: &Path, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let start = Instant::now();
    let mut program = command(directory, free_port(), variables);
    let output = tokio::time::timeout(Duration::from_secs(30), program.stderr(std::process::Stdio::piped()).output())
        .await
        .expect("it must end by itself")
        .unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_database_says_so_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    let (code, words) = ends(directory.path(), &[]).await;
    assert_eq!(code, Some(1));
    let file = directory.path().join("data/fastbuild.sqlite3");
    let expected = format!(
        "fastbuild: another FastBuild process uses the database {}; stop it or give this one a database of its own",
        file.display()
    );
    assert!(words.contains(&expected), "{words}");
    process.kill().await;
    // A kill frees the lock.
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    assert!(process.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_with_sealed_rows_and_a_directory_that_cannot_be_made_end_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    process.configure(Configuration::default()).await;
    assert!(process.terminate().await.0.success());
    let data = directory.path().join("data");
    let keys: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "key"))
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let away = directory.path().join("away");
    std::fs::rename(&keys[0], &away).unwrap();
    let (code, words) = ends(directory.path(), &[]).await;
    assert_eq!(code, Some(1));
    assert!(words.contains(&keys[0].display().to_string()) && words.contains("key"), "{words}");
    assert!(!keys[0].exists(), "a new key was made, which opens nothing");
    std::fs::rename(&away, &keys[0]).unwrap();
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    assert!(process.terminate().await.0.success());
    let (code, words) = ends(directory.path(), &[("FASTBUILD__FB__TASK_DIR", "/proc/nowhere")]).await;
    assert_eq!(code, Some(1));
    assert!(words.contains("cannot create the directory /proc/nowhere"), "{words}");
}

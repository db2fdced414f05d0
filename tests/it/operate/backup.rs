//! What the documentation says about backup and restore is done here word for word; what lies on the disk is private.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastbuild::secret::Sealer;
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::process::Command;

use crate::lab;
use crate::support::process::{ServeProcess, command, free_port};
use crate::support::{Configuration, RequestShape};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");

/// The commands of the first block below a heading, without those that need a machine of their own.
fn commands(heading: &str) -> Vec<String> {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    let lines =
        section.lines().skip_while(|line| !line.starts_with("    ")).map_while(|line| line.strip_prefix("    "));
    let commands: Vec<String> = lines.map(str::to_owned).collect();
    assert!(commands.len() > 3, "{commands:?}");
    let needs_a_machine = |line: &String| line.starts_with("systemctl ") || line.starts_with("chown ");
    commands.into_iter().filter(|line| !needs_a_machine(line)).collect()
}

/// Runs them with the directories of this test in the place of the documented ones; what they print.
async fn run(commands: &[String], root: &Path, data: &Path) -> String {
    let path = |name: &str| root.join(name).display().to_string();
    let script = commands.join("\n").replace("/var/lib/fastbuild", &data.display().to_string());
    let script = script.replace("/backup-of-keys/", &format!("{}/", path("keys")));
    let script = script.replace("/backup/", &format!("{}/", path("backup")));
    let output = Command::new("sh").args(["-e", "-c", &script]).output().await.unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whatever under a directory others than its owner may touch.
fn open_to_others(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let metadata = std::fs::symlink_metadata(entry.path()).unwrap();
        if metadata.permissions().mode() & 0o077 != 0 {
            found.push(entry.path());
        }
        if metadata.is_dir() {
            found.extend(open_to_others(&entry.path()));
        }
    }
    found
}

async fn one_text(database: &Path, query: &'static str) -> String {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let (text,): (String,) = sqlx::query_as(query).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_backup_is_restored_as_documented() {
    let root = tempfile::tempdir().unwrap();
    for name in ["first", "second/data", "backup", "keys"] {
        std::fs::create_dir_all(root.path().join(name)).unwrap();
    }
    let (first, second) = (root.path().join("first"), root.path().join("second"));
    let process = ServeProcess::start(&first, free_port(), &[]).await;
    process.configure(Configuration::default()).await;
    let request = RequestShape::platform(&lab::base("nothing:1"), &lab::unique_name("backup"), "").ssh("a password");
    let task_id = process.submit(&request.build()).await;
    let task = process.end_of(task_id, Duration::from_secs(120)).await;
    let said = run(&commands("Backup"), root.path(), &first.join("data")).await;
    assert_eq!(said.trim(), "ok", "the copy is whole");
    assert_eq!(open_to_others(&root.path().join("backup")), Vec::<PathBuf>::new());
    assert_eq!(open_to_others(&root.path().join("keys")), Vec::<PathBuf>::new());
    // The machine burns down.
    process.kill().await;
    std::fs::remove_dir_all(&first).unwrap();

    run(&commands("Restore"), root.path(), &second.join("data")).await;
    let process = ServeProcess::start(&second, free_port(), &[]).await;
    let path = format!("/task/task-details_by_task_id?task_id={task_id}");
    let restored = process.get(&path).await.unwrap()["data"].clone();
    for field in ["primary_id", "state", "target_image_name", "work_dir_name", "create_time"] {
        assert_eq!(restored[field], task[field], "{field}");
    }
    let log: Value = process.get(&format!("/task/log?task_id={task_id}&stage=pull&after=0")).await.unwrap();
    assert!(!log["data"]["lines"].as_array().unwrap().is_empty(), "its directory came along: {log}");
    assert!(!process.text("/readyz").await.contains("not_configured"), "the site came along");
    assert!(process.terminate().await.0.success());

    let database = second.join("data/fastbuild.sqlite3");
    let keys = Sealer::open_key_file(&second.join("data/fastbuild.sqlite3.key"), true).unwrap();
    let sealed = one_text(&database, "SELECT password_sealed FROM harbor").await;
    let password = keys.open("harbor.password", &sealed).unwrap();
    assert_eq!(password.expose_secret(), lab::account().password.expose_secret());
    let sealed = one_text(&database, "SELECT secrets_sealed FROM task").await;
    assert!(keys.open("task_request", &sealed).is_ok(), "the passwords of the request can be opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_makes_is_for_its_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let made = command(directory.path(), free_port(), &[]);
    let program = made.as_std().get_program().to_owned();
    let data = directory.path().join("data");
    let of = |arguments: &[&str]| {
        let line = r#"umask 022; exec "$@""#;
        let mut command = Command::new("sh");
        command.args(["-c", line, "sh"]).arg(&program).args(arguments);
        command.current_dir(directory.path()).env("FASTBUILD__FB__BASE_DIR", &data).kill_on_drop(true);
        command
    };
    let output = of(&["token", "create", "--name", "a", "--role", "read"]).output().await.unwrap();
    assert!(output.status.success());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains(&format!("made in the database {}", data.join("fastbuild.sqlite3").display())), "{words}");
    assert_eq!(open_to_others(directory.path()), Vec::<PathBuf>::new());
    let process = ServeProcess::start(directory.path(), free_port(), &[]).await;
    let paths = open_to_others(&data);
    assert!(process.terminate().await.0.success());
    assert_eq!(paths, Vec::<PathBuf>::new());
    let elsewhere = [("FASTBUILD__FB__BASE_DIR", "elsewhere")];
    for arguments in [&["token", "list"][..], &["token", "revoke", "a"], &["rotate-keys"]] {
        let output = of(arguments).envs(elsewhere).output().await.unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no database"), "{arguments:?}");
    }
    assert!(!directory.path().join("elsewhere").exists(), "nothing was made");
}

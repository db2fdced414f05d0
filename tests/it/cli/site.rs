//! `fastbuild import-old` as an operator uses it.

use std::path::Path;

use fastbuild::settings::load;
use fastbuild::store::Store;

use super::{left_by, program, write};

const OLD: &str = include_str!("../data/old_sparse.sql");

#[tokio::test]
async fn an_operator_sees_what_moved_in() {
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old.db");
    crate::import_old::write_database(&old, OLD).await;
    let config = write(directory.path(), "config.toml", "[fb]\ntime_zone = \"UTC\"\n");
    let arguments = ["import-old", "--db", old.to_str().unwrap(), "--config", &config];
    let trial: Vec<&str> = arguments.into_iter().chain(["--dry-run"]).collect();
    let left = left_by(program(&trial), "").await;
    assert_eq!(left.code, Some(0), "{left:?}");
    assert!(left.stdout.ends_with("this was a trial: nothing was kept\n"), "{left:?}");
    let left = left_by(program(&arguments), "").await;
    assert_eq!(left.code, Some(0), "{left:?}");
    let directory_name = directory.path().to_str().unwrap();
    insta::assert_snapshot!(left.stdout.replace(directory_name, "DIRECTORY"));
    let as_json: Vec<&str> = arguments.into_iter().chain(["--json"]).collect();
    let left = left_by(program(&as_json), "").await;
    let report: serde_json::Value = serde_json::from_str(&left.stdout).unwrap();
    let tasks = report["tables"].as_array().unwrap().iter().find(|table| table["table"] == "fb_task_table").unwrap();
    assert_eq!((&tasks["taken"], &tasks["already"]), (&0.into(), &1.into()));

    let missing = ["import-old", "--db", "/nowhere/old.db", "--config", &config];
    let left = left_by(program(&missing), "").await;
    assert!(left.code == Some(2) && left.stderr.contains("/nowhere/old.db"), "{left:?}");
    let settings = load(Some(Path::new(&config)), []).unwrap();
    let store = Store::open(Path::new(&settings.db.file)).await.unwrap();
    let left = left_by(program(&arguments), "").await;
    assert!(left.code == Some(1) && left.stderr.contains("another FastBuild process"), "{left:?}");
    store.close().await;
}

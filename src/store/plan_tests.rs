//! SQLite's own plan for every query of this program: nothing is sorted aside, and whole tables are read only where that
//! is the list, in its order, or where the table stays small.

use sqlx::{AssertSqlSafe, Row};

use super::Store;

/// Tables that do not grow with the tasks, and what is no table.
const SMALL: [&str; 10] = [
    "CONSTANT ROW",
    "host",
    "harbor",
    "docker_server",
    "callback_headers",
    "task_total",
    "list_total",
    "access_token",
    "access_session",
    // One row for each distinct base.
    "image_check_result",
];

/// Indexes that hold no more rows than the answer, or no documents.
const INDEXES: [&str; 4] = ["task_search", "task_unfinished_user", "task_queue_user", "callback_due"];

/// Queries that may, each for a reason.
const ALLOWED: [(&str, &str); 13] = [
    // Five rows at most.
    ("FROM stage WHERE task_id = ?", "USE TEMP B-TREE FOR ORDER BY"),
    // A search in names and descriptions of the images of record, which are few beside the tasks.
    ("instr(lower(description)", "SCAN image"),
    ("DELETE FROM", "SCAN"),
    // The attempts for one owner's tasks, found by index; the answer alone is sorted.
    ("FROM callback_attempt WHERE task_id IN", "USE TEMP B-TREE FOR ORDER BY"),
    // One row for each user who waits, found by index; the next one is chosen among them.
    ("WITH RECURSIVE waiting", "SCAN waiting"),
    ("WITH RECURSIVE waiting", "USE TEMP B-TREE FOR ORDER BY"),
    ("FROM (SELECT queue_user, count(*)", "SCAN line"),
    // A few rows for each receiver that is owed a callback, found by index; these alone are sorted.
    ("WITH RECURSIVE receivers", "SCAN receivers"),
    ("WITH RECURSIVE receivers", "USE TEMP B-TREE FOR ORDER BY"),
    // The sweep of what is old, once an hour.
    ("AS \"attempts!: i64\"", "SCAN"),
    ("AS \"ended!: i64\"", "SCAN task"),
    // A check of foreign keys that runs only while some are violated.
    ("(?, ?, ?, ?, ?, ?", "SCAN task"),
    // It ends at the first row.
    ("OR EXISTS (SELECT 1 FROM task)", "SCAN task"),
];

fn queries() -> Vec<String> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut queries = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let document: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        queries.push(document["query"].as_str().unwrap().to_owned());
    }
    queries
}

async fn plan(store: &Store, query: &str) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"))).fetch_all(&store.readers).await;
    rows.unwrap_or_else(|error| panic!("{query}: {error}")).iter().map(|row| row.get::<String, _>("detail")).collect()
}

fn is_fine(query: &str, step: &str) -> bool {
    if ALLOWED.iter().any(|(text, allowed)| query.contains(text) && step.starts_with(allowed)) {
        return true;
    }
    let Some(scanned) = step.strip_prefix("SCAN ") else { return !step.contains("TEMP B-TREE") };
    let is_small = SMALL.iter().any(|table| scanned == *table || scanned.starts_with(&format!("{table} ")));
    let is_of_index = INDEXES.iter().any(|index| scanned.ends_with(index));
    // Read in the table's own order, up to a limit.
    let is_a_list = !scanned.contains(' ') && query.contains("ORDER BY primary_id") && query.contains("LIMIT ?");
    is_small || is_of_index || (is_a_list && !query.contains("WHERE"))
}

#[tokio::test]
async fn no_query_sorts_aside_or_reads_what_grows() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("x.sqlite3")).await.unwrap();
    let queries = queries();
    assert!(queries.len() > 50, "the queries of .sqlx are there");
    let mut slow = Vec::new();
    for query in &queries {
        slow.extend(
            plan(&store, query)
                .await
                .iter()
                .filter(|step| !is_fine(query, step))
                .map(|step| format!("{step}: {query}")),
        );
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[tokio::test]
async fn the_hot_lists_search() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("x.sqlite3")).await.unwrap();
    for (part, index) in [
        (
            "instr(lower(target_image_name), lower(?1)) > 0 AND instr(state, upper(?2)) > 0\n                 ORDER",
            "task_search",
        ),
        ("task.build_key = ?", "task_build_key"),
        ("AS \"unfinished!: i64\"", "SCAN task USING COVERING INDEX task_unfinished_user"),
        ("AS \"waiting!: i64\"", "SCAN task USING COVERING INDEX task_queue_user"),
        ("WITH RECURSIVE waiting", "SEARCH task USING COVERING INDEX task_queue_user (queue_user>?)"),
        ("AS \"rank!: i64\"", "SEARCH before USING COVERING INDEX task_queue_user (queue_user=? AND primary_id<?)"),
    ] {
        let query = queries().into_iter().find(|query| query.contains(part)).unwrap_or_else(|| panic!("{part}"));
        let plan = plan(&store, &query).await;
        assert!(plan.iter().any(|step| step.contains(index)), "{query}: {plan:?}");
    }
}

//! Moving in from an old service's database: whole, sparse, odd, repeated.

use std::path::{Path, PathBuf};

use fastbuild::clock::SystemClock;
use fastbuild::import::{ImportError, Report, SourceError, TableReport, import};
use fastbuild::pipeline::{KeptPasswords, REQUEST_PURPOSE};
use fastbuild::secret::Sealer;
use fastbuild::settings::{Settings, load};
use fastbuild::site::HARBOR_PASSWORD_PURPOSE;
use fastbuild::store::{Store, StoreError, TaskRow};
use fastbuild::task::TaskId;
use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

const WHOLE: &str = include_str!("data/old_whole.sql");
const SPARSE: &str = include_str!("data/old_sparse.sql");
const OLD_REQUEST: &str = include_str!("data/old_request.json");
const ODD: &str = include_str!("data/old_odd.sql");

/// An old database, and a new service that has not started yet.
struct Move {
    directory: tempfile::TempDir,
    settings: Settings,
    old: PathBuf,
}

impl Move {
    async fn of(sql: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let old = directory.path().join("old.db");
        write_database(&old, &sql.replace("@DIRECTORY@", directory.path().to_str().unwrap())).await;
        let base = directory.path().join("data");
        let variables =
            [("FASTBUILD__FB__BASE_DIR", base.to_str().unwrap()), ("FASTBUILD__FB__TIME_ZONE", "Asia/Shanghai")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { settings: load(None, variables).unwrap(), directory, old }
    }

    async fn import(&self) -> Report {
        import(&self.settings, &self.old, false, &SystemClock).await.unwrap()
    }

    async fn store(&self) -> Store {
        Store::open(Path::new(&self.settings.db.file)).await.unwrap()
    }

    fn sealer(&self) -> Sealer {
        Sealer::open_key_file(&self.settings.db.key_file, true).unwrap()
    }
}

pub async fn write_database(path: &Path, sql: &str) {
    let mut old = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut old).await.unwrap();
    old.close().await.unwrap();
}

fn table<'a>(report: &'a Report, name: &str) -> &'a TableReport {
    report.tables.iter().find(|table| table.table == name).unwrap_or_else(|| panic!("no {name} in {report:?}"))
}

fn counts(report: &Report, name: &str) -> (u64, u64, u64, u64) {
    let table = table(report, name);
    (table.found, table.taken, table.already, table.skipped.values().sum())
}

async fn task(store: &Store, number: i64) -> TaskRow {
    store.task(TaskId(number)).await.unwrap().unwrap_or_else(|| panic!("no task {number}"))
}

#[tokio::test]
async fn a_whole_database_moves_in() {
    let move_in = Move::of(WHOLE).await;
    std::fs::write(move_in.directory.path().join("Front_end_request_json"), OLD_REQUEST).unwrap();
    let before = std::fs::read(&move_in.old).unwrap();
    let report = move_in.import().await;
    assert_eq!(std::fs::read(&move_in.old).unwrap(), before, "the old file changed");
    for (name, expected) in [
        ("fb_host_table", (2, 1, 0, 1)),
        ("fb_harbor_table", (2, 2, 0, 0)),
        ("fb_docker_server_table", (1, 1, 0, 0)),
        ("fb_task_table", (3, 3, 0, 0)),
        ("fb_progress_table", (6, 5, 0, 1)),
        ("fb_image_table", (3, 2, 0, 1)),
        ("fb_image_life_table", (2, 2, 0, 0)),
        ("fb_image_check_result_table", (1, 1, 0, 0)),
        ("fb_callback_table", (2, 2, 0, 0)),
    ] {
        assert_eq!(counts(&report, name), expected, "{name}: {:?}", table(&report, name));
        assert!(table(&report, name).missing_columns.is_empty(), "{name}");
    }
    assert_eq!(report.unknown_tables, ["fb_user_table"]);

    let store = move_in.store().await;
    let done = task(&store, 1_795_230_403_816).await;
    assert_eq!((done.primary_id, done.state.as_str(), done.name.as_str()), (25, "PUSH_SUCCESS", "sw-warm-4"));
    assert_eq!(done.work_dir_name, "2026-11-21-03-06-43-816234");
    // 03:06:43.817230 in Shanghai.
    assert_eq!(done.create_time, 1_795_201_603_817_230);
    assert_eq!((done.callback_times, done.pid.as_deref()), (Some(2), Some("9750")));
    // The DNS name of the newest Harbor row is mapped to its address.
    assert_eq!(done.target_key, "10.0.0.9:5000/m/sw:v4");
    assert_eq!(done.image_id.as_deref(), Some(&*"8c".repeat(32)));
    let stages = store.stages(done.id()).await.unwrap();
    let shown: Vec<_> =
        stages.iter().map(|stage| (stage.action.as_str(), stage.status.as_str(), stage.duration_ms)).collect();
    assert_eq!(
        shown,
        [
            ("pull", "success", Some(20)),
            ("check", "success", Some(0)),
            ("build", "success", Some(98)),
            ("push", "success", Some(45))
        ]
    );
    assert_eq!(done.start_time, Some(stages[0].start_time));
    assert_eq!(done.end_time, stages[3].end_time);
    let document = store.request_document(done.id()).await.unwrap().unwrap();
    assert!(document.contains(r#""webSSHSecret":"***""#), "{document}");
    let sealed = store.sealed_request(done.id()).await.unwrap().unwrap();
    let kept = KeptPasswords::from_json(&move_in.sealer().open(REQUEST_PURPOSE, &sealed).unwrap());
    assert_eq!(kept.ssh.unwrap().expose_secret(), "Alkaid123456");
    assert!(kept.jupyter.is_none());
    assert!(report.notes.iter().any(|note| note.starts_with("2 tasks without a request")), "{:?}", report.notes);

    let waiting = task(&store, 1_795_230_769_832).await;
    assert_eq!((waiting.state.as_str(), waiting.cause.as_deref()), ("BUILD_ABORT", Some("CANCELLED")));
    assert!(waiting.message.unwrap().contains("QUEUED"));
    let failed = task(&store, 1_795_230_500_000).await;
    assert_eq!((failed.state.as_str(), &failed.cause, &failed.message), ("BUILD_FAILED", &None, &None));
    assert_eq!(store.stages(failed.id()).await.unwrap()[0].status, "fail");

    let (images, total) = store.images("", "", None, 1, 10).await.unwrap();
    assert_eq!(total, 2);
    let ours = images.iter().find(|image| image.task_id == 1_795_230_403_816).unwrap();
    assert_eq!((ours.name.as_str(), ours.tag.as_str(), ours.size_bytes), ("harbor.example.cn/m/sw", "v4", 633_507_676));
    assert_eq!((ours.r#type.as_str(), ours.image_id.as_str()), ("Customized", &*"8c".repeat(32)));
    let base = images.iter().find(|image| image.task_id == 0).unwrap();
    assert_eq!((base.r#type.as_str(), base.primary_id), ("Base", 1));

    let lives = store.image_lives(10).await.unwrap();
    assert_eq!(lives.iter().map(|life| life.delete_time.is_some()).collect::<Vec<_>>(), [false, true]);
    let checks = store.check_results().await.unwrap();
    assert!(
        !checks[0].result.contains("py/object") && checks[0].result.contains("20.04.6 LTS"),
        "{}",
        checks[0].result
    );
    let attempts = store.attempts_of_task(done.id()).await.unwrap();
    assert_eq!(attempts.len(), 2);
    assert!(attempts.iter().all(|attempt| attempt.body.contains(r#""state":"PUSH_SUCCESS""#)), "{attempts:?}");
    assert_eq!(store.pending_deliveries().await.unwrap(), 0, "an old callback would be sent again");

    let host = store.hosts(5).await.unwrap();
    assert_eq!((host.len(), host[0].host_ip.as_str(), host[0].host_port), (1, "10.0.0.5", 48001));
    let harbors = store.harbors(5).await.unwrap();
    assert_eq!(
        (harbors.len(), harbors[0].registry.as_str(), harbors[0].username.as_str()),
        (2, "10.0.0.9:5000", "robot$fb")
    );
    assert!(!harbors[0].password_sealed.contains("canary-password"));
    let password = move_in.sealer().open(HARBOR_PASSWORD_PURPOSE, &harbors[0].password_sealed).unwrap();
    assert_eq!(password.expose_secret(), "canary-password-2");
    let docker = store.docker_servers(5).await.unwrap();
    assert_eq!((docker[0].host.as_str(), docker[0].port, docker[0].tls_verify), ("10.0.0.6", 2375, false));
    store.close().await;
}

#[tokio::test]
async fn a_second_import_adds_nothing() {
    let move_in = Move::of(WHOLE).await;
    move_in.import().await;
    let rows = async |store: &Store| {
        let images = store.images("", "", None, 1, 100).await.unwrap();
        let tasks = task(store, 1_795_230_403_816).await;
        (
            images,
            tasks,
            store.image_lives(100).await.unwrap(),
            store.attempts(100).await.unwrap(),
            store.harbors(9).await.unwrap(),
        )
    };
    let store = move_in.store().await;
    let before = rows(&store).await;
    store.close().await;
    drop(store);
    let report = move_in.import().await;
    for table in &report.tables {
        assert_eq!(table.taken, 0, "{table:?}");
    }
    assert_eq!(counts(&report, "fb_task_table"), (3, 0, 3, 0));
    assert_eq!(counts(&report, "fb_callback_table"), (2, 0, 2, 0));
    assert_eq!(table(&report, "fb_harbor_table").skipped["configured here already"], 2);
    let store = move_in.store().await;
    assert_eq!(rows(&store).await, before);
    store.close().await;
}

#[tokio::test]
async fn a_trial_keeps_nothing() {
    let move_in = Move::of(WHOLE).await;
    let report = import(&move_in.settings, &move_in.old, true, &SystemClock).await.unwrap();
    assert!(report.is_trial);
    assert_eq!(table(&report, "fb_task_table").taken, 3);
    let store = move_in.store().await;
    assert_eq!(store.task(TaskId(1_795_230_403_816)).await.unwrap(), None);
    assert_eq!(store.harbors(1).await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn a_sparse_database_moves_in_as_far_as_it_goes() {
    let move_in = Move::of(SPARSE).await;
    let report = move_in.import().await;
    assert!(!table(&report, "fb_image_table").is_there && !table(&report, "fb_harbor_table").is_there);
    let tasks = table(&report, "fb_task_table");
    assert_eq!((tasks.taken, tasks.skipped.len()), (1, 0));
    for column in ["primary_id", "work_dir_name", "callback_url", "create_time"] {
        assert!(tasks.missing_columns.iter().any(|missing| missing == column), "{column}");
    }
    let store = move_in.store().await;
    let only = task(&store, 7).await;
    assert_eq!((only.state.as_str(), only.work_dir_name.as_str()), ("PUSH_SUCCESS", "imported-7"));
    assert_eq!(only.target_key, "docker.io/library/x:1");
    store.close().await;
}

#[tokio::test]
async fn odd_values_are_taken_or_named() {
    let move_in = Move::of(ODD).await;
    let report = move_in.import().await;
    let tasks = table(&report, "fb_task_table");
    assert_eq!((tasks.found, tasks.taken), (6, 4));
    assert_eq!(tasks.skipped["no task number"], 1);
    assert_eq!(tasks.skipped["its task number occurs twice; the first row counts"], 1);
    assert_eq!(tasks.changed["got another directory name"], 2);
    let store = move_in.store().await;
    let first = task(&store, 1).await;
    assert_eq!(first.name, "kept \u{fffd}", "a text that is no UTF-8");
    assert_eq!(first.create_time, 1_795_229_647_000_000);
    assert_eq!(task(&store, 2).await.work_dir_name, "imported-2", "a directory outside");
    assert_eq!(task(&store, 3).await.work_dir_name, "imported-3", "a directory that is taken");
    assert_eq!(task(&store, 4).await.target_key, "NOT A NAME");
    let stages = table(&report, "fb_progress_table");
    assert_eq!(stages.skipped["unknown stage 'upload'"], 1);
    assert_eq!(stages.skipped["its task is unknown"], 1);
    assert_eq!(stages.skipped["repeated; the last row of a stage counts"], 1);
    let stage = &store.stages(TaskId(1)).await.unwrap()[0];
    assert_eq!((stage.status.as_str(), stage.duration_ms), ("fail", Some(2_500)));
    let images = table(&report, "fb_image_table");
    assert_eq!((images.skipped["neither Base nor Customized"], images.taken), (1, 1));
    assert_eq!(store.images("", "", None, 1, 10).await.unwrap().0[0].size_bytes, 0);
    assert_eq!(table(&report, "fb_image_check_result_table").skipped["its result is no JSON object"], 1);
    let callbacks = table(&report, "fb_callback_table");
    assert_eq!((callbacks.skipped["no url"], callbacks.changed["its headers could not be read"]), (1, 1));
    assert_eq!(store.attempts(9).await.unwrap()[0].body, r#"{"state":"sent"}"#);
    assert_eq!(table(&report, "fb_harbor_table").skipped["its registry is no host with an optional port"], 1);
    assert_eq!(
        table(&report, "fb_docker_table").skipped["its certificates are not on this machine; configure it anew"],
        1
    );
    assert_eq!(table(&report, "fb_host_table").skipped["its port is none"], 1);
    store.close().await;
}

#[tokio::test]
async fn a_row_number_that_is_taken_moves_on() {
    let move_in = Move::of(WHOLE).await;
    let earlier =
        Move::of(&SPARSE.replace("task_id INTEGER", "primary_id INTEGER, task_id INTEGER").replace("(7,", "(25, 7,"))
            .await;
    import(&move_in.settings, &earlier.old, false, &SystemClock).await.unwrap();
    let report = move_in.import().await;
    assert_eq!(table(&report, "fb_task_table").changed["its row number was taken, so it got the next free one"], 2);
    let store = move_in.store().await;
    assert_eq!(task(&store, 7).await.primary_id, 25);
    assert!(task(&store, 1_795_230_403_816).await.primary_id > 25);
    store.close().await;
}

#[tokio::test]
async fn nothing_moves_in_while_the_service_runs() {
    let move_in = Move::of(WHOLE).await;
    std::fs::create_dir_all(Path::new(&move_in.settings.db.file).parent().unwrap()).unwrap();
    let store = move_in.store().await;
    let error = import(&move_in.settings, &move_in.old, false, &SystemClock).await.unwrap_err();
    assert!(matches!(error, ImportError::Store(StoreError::InUse(_))), "{error}");
    assert_eq!(store.task(TaskId(1_795_230_403_816)).await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn what_is_no_old_database_is_named() {
    let move_in = Move::of(WHOLE).await;
    let attempt = async |path: &Path| import(&move_in.settings, path, false, &SystemClock).await.unwrap_err();
    let beside = |name: &str| move_in.directory.path().join(name);
    let error = attempt(&beside("missing.db")).await;
    assert!(matches!(error, ImportError::Source(SourceError::Unreadable { .. })), "{error}");
    std::fs::write(beside("text.db"), "SQLite it is not").unwrap();
    let error = attempt(&beside("text.db")).await;
    assert!(matches!(error, ImportError::Source(SourceError::NotSqlite(_))), "{error}");
    write_database(&beside("other.db"), "CREATE TABLE x (y)").await;
    let error = attempt(&beside("other.db")).await;
    assert!(matches!(error, ImportError::Source(SourceError::NotOurs(_))), "{error}");
    std::fs::write(beside("old.db-wal"), "changes").unwrap();
    let error = attempt(&move_in.old).await;
    assert!(matches!(error, ImportError::Source(SourceError::NotClosed(..))), "{error}");
    std::fs::remove_file(beside("old.db-wal")).unwrap();
    move_in.import().await;
    let error = attempt(Path::new(&move_in.settings.db.file)).await;
    assert!(matches!(error, ImportError::SameFile(_)), "{error}");
}

//! What each fault ends in: the rows that the tests hold the service to, and docs/RELIABILITY.md made of them.
//!
//! A test takes state, stage and cause from its rows, so the page says what was seen. `INSTA_UPDATE=always` writes the
//! page anew.

use std::fmt::Write as _;

use super::hand::Expected;

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    part: &'static str,
    what: &'static str,
    engine: &'static str,
    /// The state that the task ends in.
    pub state: &'static str,
    /// The stage of a failure, empty for none.
    pub stage: &'static str,
    /// The cause, empty for none.
    pub cause: &'static str,
    retries: &'static str,
    outcome: &'static str,
}

impl Fault {
    /// What a failed task must say.
    pub fn expected<'text>(&self, message: &'text str) -> Expected<'text> {
        Expected { state: self.state, cause: self.cause, stage: self.stage, message }
    }
}

const REAL: &str = "real";
const SCRIPTED: &str = "scripted";
const WELL: &str = "PUSH_SUCCESS";
const INSIDE: &str = "inside the stage: after 2, 6, 18, 54 s";
const NONE: &str = "none";

const fn goes_on(part: &'static str, what: &'static str, retries: &'static str, outcome: &'static str) -> Fault {
    Fault { part, what, engine: REAL, state: WELL, stage: "", cause: "", retries, outcome }
}

const fn fails(
    part: &'static str,
    what: &'static str,
    [state, stage, cause]: [&'static str; 3],
    retries: &'static str,
    outcome: &'static str,
) -> Fault {
    Fault { part, what, engine: REAL, state, stage, cause, retries, outcome }
}

impl Fault {
    const fn scripted(self) -> Self {
        Self { engine: SCRIPTED, ..self }
    }
}

macro_rules! rows {
    ($($name:ident = $row:expr;)*) => {
        $(pub const $name: Fault = $row;)*
        const ROWS: &[(&str, Fault)] = &[$((stringify!($name), $name)),*];
    };
}

const DAEMON: &str = "Docker daemon";
const REGISTRY: &str = "Registry";
const RECEIVER: &str = "Callback receiver";
const DISK: &str = "Disk";
const DATABASE: &str = "SQLite";
const SERVICE: &str = "This service";

rows! {
    DAEMON_KILLED_IN_PULL = goes_on(DAEMON, "killed while it pulls the base, back soon", INSIDE, "pulled again");
    DAEMON_KILLED_IN_BUILD = goes_on(DAEMON, "killed in a build step, back soon", INSIDE, "built again, finished steps from the cache");
    DAEMON_RESTARTED_IN_BUILD = goes_on(DAEMON, "restarted in a build step", INSIDE, "built again, finished steps from the cache");
    DAEMON_KILLED_IN_PUSH = goes_on(DAEMON, "killed while it pushes, back soon", INSIDE, "pushed again, one digest");
    DAEMON_LOST_ITS_DATA = goes_on(DAEMON, "loses images and build cache between two tasks", NONE, "base pulled, everything built anew");
    DAEMON_RESETS = goes_on(DAEMON, "resets all connections once", INSIDE, "nothing but time");
    DAEMON_CUT_IN_BUILD = fails(DAEMON, "resets connections in a build; the task is cancelled meanwhile", ["BUILD_ABORT", "build", "CANCELLED"], INSIDE, "ended within 10 s");
    DAEMON_AWAY = fails(DAEMON, "away for good", ["PULL_FAILED", "pull", "DAEMON_LOST"], INSIDE, "the failed task frees its name");
    DAEMON_HANGS = fails(DAEMON, "hangs without closing", ["", "", "TIMEOUT"], NONE, "the stage fails at its limit (`limits.pull_seconds` …)");
    DAEMON_SLOW = goes_on(DAEMON, "answers slowly", NONE, "nothing but time");
    DAEMON_DISK_FULL = fails(DAEMON, "its disk is full", ["PULL_FAILED", "pull", "DISK_FULL"], NONE, "told in the daemon's words");
    BUILD_SILENT = fails(DAEMON, "a build step without any sign of life", ["BUILD_FAILED", "build", "IDLE_TIMEOUT"], NONE, "ended after `limits.idle_seconds`");
    BUILD_TOO_LONG = fails(DAEMON, "a build beyond its limit", ["BUILD_FAILED", "build", "TIMEOUT"], NONE, "ended after `limits.build_seconds`");
    TASK_TOO_LONG = fails(DAEMON, "a task beyond its limit", ["BUILD_ABORT", "build", "TIMEOUT"], NONE, "ended after `limits.task_seconds`");

    REGISTRY_401_PULL = fails(REGISTRY, "401 to a pull", ["PULL_FAILED", "pull", "REGISTRY_AUTH"], NONE, "at once");
    REGISTRY_403_PULL = fails(REGISTRY, "403 to a pull", ["PULL_FAILED", "pull", "BASE_NOT_FOUND"], NONE, "at once; the daemon has one sentence for both");
    REGISTRY_429_PULL = fails(REGISTRY, "429 to every pull", ["PULL_FAILED", "pull", "REGISTRY_UNREACHABLE"], INSIDE, "given its time first");
    REGISTRY_500_PULL = fails(REGISTRY, "500 to every pull", ["PULL_FAILED", "pull", "REGISTRY_UNREACHABLE"], INSIDE, "given its time first");
    REGISTRY_503_PULL = fails(REGISTRY, "503 to every pull", ["PULL_FAILED", "pull", "REGISTRY_UNREACHABLE"], INSIDE, "given its time first");
    REGISTRY_401_PUSH = fails(REGISTRY, "401 to a push", ["CHECK_FAILED", "check", "REGISTRY_AUTH"], NONE, "before the first byte is built");
    REGISTRY_403_PUSH = fails(REGISTRY, "403 to a push", ["CHECK_FAILED", "check", "REGISTRY_AUTH"], NONE, "before the first byte is built");
    REGISTRY_429_PUSH = fails(REGISTRY, "429 to every push", ["PUSH_FAILED", "push", "REGISTRY_UNREACHABLE"], INSIDE, "given its time first");
    REGISTRY_500_PUSH = fails(REGISTRY, "500 to every push", ["PUSH_FAILED", "push", "REGISTRY_UNREACHABLE"], INSIDE, "given its time first");
    REGISTRY_503_PUSH = fails(REGISTRY, "503 to every push", ["PUSH_FAILED", "push", "REGISTRY_UNREACHABLE"], INSIDE, "given its time first");
    REGISTRY_QUOTA = fails(REGISTRY, "refuses the manifest: quota used up", ["PUSH_FAILED", "push", "QUOTA_EXCEEDED"], NONE, "at once; with Harbor's API in reach before the build");
    REGISTRY_CUTS_UPLOADS = goes_on(REGISTRY, "cuts uploads in the middle", INSIDE, "pushed again, one digest");
    REGISTRY_AWAY_A_WHILE = goes_on(REGISTRY, "down for a minute", INSIDE, "waited for");
    REGISTRY_AWAY = fails(REGISTRY, "away for good", ["PUSH_FAILED", "push", "REGISTRY_UNREACHABLE"], INSIDE, "the failed task frees its name");
    REGISTRY_HANGS = fails(REGISTRY, "hangs in a push", ["PUSH_FAILED", "push", "TIMEOUT"], NONE, "ended after `limits.push_seconds`");

    RECEIVER_DOWN_AN_HOUR = goes_on(RECEIVER, "down for an hour (simulated clock)", "at least one a minute for ten minutes, then growing", "delivered by the first attempt after it is back").scripted();
    RECEIVER_SLOW = goes_on(RECEIVER, "does not answer within `callback.timeout_seconds`", "as above", "recorded, sent again under the same delivery id").scripted();
    RECEIVER_HANGS_WITH_MANY = goes_on(RECEIVER, "hangs with a hundred callbacks due", "as above", "at most eight to it at once; other receivers are told meanwhile").scripted();
    RECEIVER_500 = goes_on(RECEIVER, "answers 500", "as above", "recorded, sent again under the same delivery id");
    RECEIVER_REDIRECTS = goes_on(RECEIVER, "answers with a redirect", "as above", "not followed; counts as not delivered");
    RECEIVER_AND_SERVICE_DOWN = goes_on(RECEIVER, "down while this service restarts", "at the start, then as above", "delivered within 10 s of the start");

    DATABASE_DISK_FULL = goes_on(DISK, "full under the database", "the end of a task every 2 s", "new requests are refused and told why; what runs ends once there is room").scripted();
    CALLBACK_DISK_FULL = goes_on(DISK, "full under the database while a callback waits", "the record after 5, 10, 20, then every 40 s", "what the receiver has is not sent again, what it refused at that distance").scripted();
    TASK_DISK_FULL = fails(DISK, "full under the task directories when a task is prepared", ["PREPARE_FAILED", "prepare", "DISK_FULL"], NONE, "new requests are refused and told why").scripted();
    TASK_DISK_FULL_LATER = goes_on(DISK, "full under the task directories while a task builds", NONE, "log lines are lost, the task is not").scripted();
    TASK_DIRECTORY_GONE = goes_on(DISK, "somebody removes the directory of a waiting task", NONE, "made again");

    DATABASE_LOCKED = goes_on(DATABASE, "locked by another process for some seconds", "by the database", "waited for, submissions too");
    DATABASE_LOCKED_LONG = goes_on(DATABASE, "locked by another process for longer than any request waits", "until the lock is gone", "a submission is refused and told why after 15 s; tasks wait").scripted();

    SERVICE_KILLED = goes_on(SERVICE, "killed (`kill -9`) at random moments", "at the next start; no failed attempt", "one digest, every callback under one delivery id");
    SERVICE_STOPPED = goes_on(SERVICE, "stopped in a build that does not end in time", "at the next start; no failed attempt", "handed back to the queue within `fb.shutdown_seconds`");
    SERVICE_PANICS = fails(SERVICE, "a fault of ours in a stage", ["BUILD_FAILED", "build", "INTERNAL"], NONE, "its slot and its name are free again").scripted();
    TASK_OF_NOBODY = goes_on(SERVICE, "a row says that a task runs, and nobody works on it", "within 10 s; no failed attempt", "waits again, and is begun anew").scripted();
    CLIENT_HANGS_UP = fails(SERVICE, "its client hangs up while it cancels a task", ["BUILD_ABORT", "", "CANCELLED"], NONE, "cancelled all the same; what configures, sends a callback again or offers a base goes on as well").scripted();
}

const OPENING: &str = "\
# What happens when something breaks

Made from the tests in `tests/it/faults`: each row is what its test holds the service to (`INSTA_UPDATE=always cargo test --test it -- faults::table`
writes this page anew). *Real* rows ran against a real Docker daemon and a real registry, with a fault proxy, a daemon of the test's own or a small
file system between; *scripted* rows used a scripted engine in the daemon's place.

Retries inside a stage: `build.transient_retries` of them, by default four, after 2, 6, 18 and 54 s. Only causes that may pass by themselves are tried again
(`REGISTRY_UNREACHABLE`, `DAEMON_LOST`, and `MIRROR_UNREACHABLE` twice). Every end, good or bad, is told to the callback once it is stored.
";

/// What the long runs showed when they were last made whole: a run and its test, and what was seen.
const LONG_RUNS: &[(&str, &str, &str)] = &[
    (
        "`kill -9` a hundred times, five tasks at a time under way",
        "a_kill_at_any_moment_loses_no_task_and_pushes_none_twice",
        "258 tasks, interrupted 300 times: all pushed, each under one digest, each told under one delivery id; ready after 0.8 s in the middle, in three rounds after more than two, at worst 2.9 s",
    ),
    (
        "200 builds, four at once",
        "builds_leave_disk_sockets_memory_and_containers_within_bounds",
        "136 s; 9 sockets before, 15 after; 56 MiB of memory before, 67 after; 9,650 bytes on disk a task; no container, no local image left",
    ),
    (
        "1,000 tasks, 500 watchers, five slots (scripted)",
        "many_tasks_in_a_minute_lose_nothing_and_reads_stay_quick",
        "submitted within 76 s; all pushed, each told once, every stream saw its end; p99 of a list with as many watchers there 39 ms idle and 163 ms busy, \
         where five times the idle one are allowed (beside work that wanted both cores six times over); memory grew by 56 MiB",
    ),
    (
        "1,000 unfinished tasks at a start",
        "a_start_with_a_thousand_unfinished_tasks_is_quick",
        "ready after 0.4 s; two seconds are asserted in every build",
    ),
    (
        "a daemon killed or restarted in a build, then emptied",
        "a_daemon_killed_or_restarted_in_a_build_builds_again_and_one_that_lost_everything_starts_anew",
        "112 s",
    ),
    ("a daemon killed in a pull and in a push", "a_daemon_killed_in_a_pull_or_a_push_does_it_again", "88 s"),
];

const LONG_RUNS_OPENING: &str = "
## Long runs

`make torture` makes them whole, every day's tests in small. Seen last on 2026-11-21 with a debug build on two cores that other work shared.

| run | seen | test |
| --- | --- | --- |
";

const CANCELLING: &str = "
## Cancelling

The task's end is stored and told at once, in every state. Docker 20.10 lets go as soon as our connection to it closes: it ends a build's containers, closes
its connections to the registry and begins no further layer; nothing is tagged, no manifest is pushed (`a_real_daemon_lets_go_of_a_pull_and_of_a_push` looks at the sockets that the daemon
holds: 2 s for a pull, 4 s for a push over a line of a megabyte a second). One thing is beyond us: bytes of a push that the daemon's kernel took already,
some megabytes, still leave, and the daemon's own write ends only once a third of them has left. On a line of 90 kB/s it let go after 11 s
and the last byte left after 40 s; the registry drops the unfinished upload.
";

fn page(sources: &[String]) -> String {
    let mut text = OPENING.to_owned();
    let mut part = "";
    for (name, row) in ROWS {
        if row.part != part {
            part = row.part;
            write!(text, "\n## {part}\n\n| fault | ends in | cause | tried again | outcome | engine | test |\n")
                .unwrap();
            text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        }
        let state =
            if row.state.is_empty() { "the stage's `…_FAILED`".to_owned() } else { format!("`{}`", row.state) };
        let cause = if row.cause.is_empty() { "–".to_owned() } else { format!("`{}`", row.cause) };
        let test = test_of(name, sources);
        let Fault { what, retries, outcome, engine, .. } = row;
        writeln!(text, "| {what} | {state} | {cause} | {retries} | {outcome} | {engine} | `{test}` |").unwrap();
    }
    text.push_str(CANCELLING);
    text.push_str(LONG_RUNS_OPENING);
    for (run, test, seen) in LONG_RUNS {
        let definition = format!("async fn {test}(");
        assert!(sources.iter().any(|source| source.contains(&definition)), "no test {test}");
        writeln!(text, "| {run} | {seen} | `{test}` |").unwrap();
    }
    text
}

/// The test that names a row.
fn test_of(row: &str, sources: &[String]) -> String {
    for source in sources {
        let Some(at) = source.match_indices(row).map(|(at, _)| at).find(|at| {
            let next = source[at + row.len()..].chars().next();
            let before = source[..*at].chars().next_back();
            let is_word = |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric() || it == '_');
            !is_word(next) && !is_word(before) && source[..*at].contains("#[tokio::test")
        }) else {
            continue;
        };
        let start = source[..at].rfind("#[tokio::test").unwrap();
        let name = source[start..].split_once("async fn ").and_then(|(_, rest)| rest.split_once('('));
        return name.expect("a test").0.to_owned();
    }
    panic!("no test names the row {row}");
}

#[test]
fn the_page_says_what_the_tests_hold() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = ["tests/it/faults", "tests/it/operate"].map(|path| std::fs::read_dir(root.join(path)).unwrap());
    let mut files: Vec<_> = directories.into_iter().flatten().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::path);
    let files = files.iter().filter(|file| file.file_name() != "table.rs");
    let sources: Vec<String> = files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    let page = page(&sources);
    let file = root.join("docs/RELIABILITY.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/RELIABILITY.md is out of date: INSTA_UPDATE=always cargo test --test it -- faults::table"
    );
}

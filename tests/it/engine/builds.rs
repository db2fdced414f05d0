//! Builds on both builders: results, progress, failures, limits, cancellation, leaks.

use std::time::{Duration, Instant};

use fastbuild::cause::Cause;
use fastbuild::engine::{Builder, ContextContent, ContextFile, Engine, Progress, StepStatus};

use crate::lab::{Events, base, engine, eventually, file, have, order, unique_name};

const BUILDERS: [Builder; 2] = [Builder::BuildKit, Builder::Classic];

async fn remove(engine: &dyn Engine, name: &fastbuild::image::ImageReference) {
    engine.remove_image(&name.to_string()).await.expect("removal");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_builders_build_name_and_label_an_image() {
    let engine = engine().await;
    let base = base("debian:12");
    have(&*engine, &base).await;
    for builder in BUILDERS {
        let (first, second) = (unique_name("build"), unique_name("build"));
        let dockerfile = format!(
            "FROM {base}\nARG word\nCOPY note /note\nRUN echo said-$word >&2 && cat /note && echo {first} >/dev/null\n"
        );
        let mut order = order(builder, &dockerfile, &[&first, &second]);
        order.context.push(file("note", "noted\n"));
        order.arguments.insert("word".to_owned(), "hello".to_owned());
        let events = Events::default();
        let built = engine.build(&order, &events).await.expect("build");
        for name in [&first, &second] {
            let config = engine.inspect_image(&name.to_string()).await.expect("inspect").expect("image");
            assert_eq!(config.image_id.as_ref(), Some(&built.image_id));
            assert_eq!(config.labels.get("constructor").map(String::as_str), Some("FastBuild"));
            assert_eq!(config.size_bytes, built.size_bytes);
        }
        assert!(built.context_bytes > 0);
        let lines = events.lines();
        assert!(lines.contains(&"said-hello".to_owned()) && lines.contains(&"noted".to_owned()), "{lines:?}");
        let error_line = |event: &Progress| matches!(event, Progress::Line { is_error: true, text, step: Some(_) } if text == "said-hello");
        assert!(events.0.lock().expect("lock").iter().any(error_line), "standard error is marked on {builder:?}");

        let events = Events::default();
        let again = engine.build(&order, &events).await.expect("second build");
        assert_eq!((again.image_id, again.context_bytes), (built.image_id, built.context_bytes));
        assert_eq!(again.cached_steps, again.steps, "all from the cache on {builder:?}: {:?}", events.0);
        remove(&*engine, &first).await;
        remove(&*engine, &second).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_is_named_with_its_last_lines() {
    let engine = engine().await;
    let base = base("debian:12");
    have(&*engine, &base).await;
    for builder in BUILDERS {
        let salt = unique_name("fail");
        let script =
            format!("for i in $(seq 1 30); do echo line $i; done; echo E: Unable to locate package {salt}; exit 100");
        let order = order(builder, &format!("FROM {base}\nRUN true\nRUN {script}\n"), &[]);
        let events = Events::default();
        let error = engine.build(&order, &events).await.expect_err("failure");
        assert_eq!(error.cause, Cause::PackageNotFound);
        assert_eq!(error.message, format!("E: Unable to locate package {salt} (exit code 100)"));
        assert!(error.failed_step.as_deref().is_some_and(|step| step.contains("RUN for i in")), "{error:?}");
        assert_eq!(error.last_lines.len(), 20);
        let failed = |event: &Progress| matches!(event, Progress::Step(step) if step.status == StepStatus::Failed);
        assert!(events.0.lock().expect("lock").iter().any(failed), "{builder:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_not_pinned_is_not_fetched_from_anywhere() {
    let engine = engine().await;
    for builder in BUILDERS {
        let order = order(builder, "FROM fastbuild.invalid/base:0000\nRUN true\n", &[]);
        let error = engine.build(&order, &Events::default()).await.expect_err("failure");
        assert_eq!(error.cause, Cause::BaseNotFound, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_context_file_ends_the_build_with_its_path() {
    let engine = engine().await;
    let base = base("scratchlike:1");
    have(&*engine, &base).await;
    for builder in BUILDERS {
        let mut order = order(builder, &format!("FROM {base}\nCOPY python.tgz /\n"), &[]);
        let content = ContextContent::File("/nonexistent/python.tgz".into());
        order.context.push(ContextFile { path: "python.tgz".to_owned(), mode: 0o600, content });
        let error = engine.build(&order, &Events::default()).await.expect_err("failure");
        assert_eq!(error.cause, Cause::InstallerMissing, "{error:?}");
        assert!(error.message.contains("/nonexistent/python.tgz"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_command_is_idle() {
    let engine = engine().await;
    let base = base("debian:12");
    have(&*engine, &base).await;
    for builder in BUILDERS {
        let mut order =
            order(builder, &format!("FROM {base}\nRUN echo begun {} && sleep 300\n", unique_name("idle")), &[]);
        order.idle_timeout = Duration::from_secs(3);
        let started = Instant::now();
        let error = engine.build(&order, &Events::default()).await.expect_err("failure");
        assert_eq!(error.cause, Cause::IdleTimeout, "{error:?}");
        assert!(error.failed_step.as_deref().is_some_and(|step| step.contains("sleep 300")), "{error:?}");
        assert!(error.last_lines.iter().any(|line| line.starts_with("begun")), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_reaches_the_build() {
    let engine = engine().await;
    let base = base("debian:12");
    have(&*engine, &base).await;
    for builder in BUILDERS {
        let name = unique_name("options");
        let script = "cat /etc/hosts; ls /sys/class/net; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null";
        let dockerfile = format!("FROM {base} AS wanted\nRUN {script}; true\nFROM {base}\nRUN exit 3\n");
        let mut order = order(builder, &dockerfile, &[&name]);
        order.target = Some("wanted".to_owned());
        order.extra_hosts = vec!["mirror.test:10.9.8.7".to_owned(), "other.test:10.9.8.6".to_owned()];
        order.network = Some("none".to_owned());
        order.memory_bytes = Some(100 * 1024 * 1024);
        order.no_cache = true;
        let events = Events::default();
        let built = engine.build(&order, &events).await.expect("build");
        assert_eq!(built.cached_steps, 0, "{builder:?}");
        let lines = events.lines();
        for host in ["mirror.test", "other.test"] {
            assert!(
                lines.iter().any(|line| line.starts_with("10.9.8.") && line.contains(host)),
                "{builder:?}: {lines:?}"
            );
        }
        assert!(!lines.iter().any(|line| line.contains("eth0")), "{builder:?}: {lines:?}");
        if builder == Builder::Classic {
            assert!(lines.contains(&(100 * 1024 * 1024).to_string()), "{lines:?}");
        }
        remove(&*engine, &name).await;
    }
}

/// Whether a process with this word in its command line runs on this machine, where the lab's daemon runs as well.
fn runs(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let own = std::process::id().to_string();
    processes.filter(|entry| entry.file_name().to_string_lossy() != own).any(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(word)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_build_is_cancelled_at_the_daemon() {
    let engine = engine().await;
    let base = base("debian:12");
    have(&*engine, &base).await;
    for builder in BUILDERS {
        let word = hex::encode(rand::random::<[u8; 8]>());
        let order =
            order(builder, &format!("FROM {base}\nRUN echo started; sh -c 'while :; do sleep 1; done' {word}\n"), &[]);
        let events = Events::default();
        tokio::select! {
            result = engine.build(&order, &events) => panic!("the build ended: {result:?}"),
            () = events.wait_for_line("started") => {}
        }
        eventually("the step's process is gone", || async { !runs(&word) }).await;
    }
}

fn open_sockets() -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("/proc/self/fd").filter_map(Result::ok);
    let is_socket = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    descriptors.filter(is_socket).count()
}

#[test]
fn many_builds_keep_the_number_of_open_sockets() {
    // A process of its own: other tests open sockets as they please.
    if std::env::var_os("FASTBUILD_SOCKET_TEST").is_none() {
        let name = "engine::builds::many_builds_keep_the_number_of_open_sockets";
        let output = std::process::Command::new(std::env::current_exe().expect("test binary"))
            .args([name, "--exact", "--nocapture"])
            .env("FASTBUILD_SOCKET_TEST", "1")
            .output()
            .expect("child");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let engine = engine().await;
        let base = base("scratchlike:1");
        have(&*engine, &base).await;
        let name = unique_name("sockets");
        let order = order(Builder::BuildKit, &format!("FROM {base}\nLABEL a=b\n"), &[&name]);
        engine.build(&order, &Events::default()).await.expect("first build");
        let before = open_sockets();
        for _ in 0..50 {
            engine.build(&order, &Events::default()).await.expect("build");
        }
        // The pool may keep a few more connections than there were at first; a leak would keep one a build.
        let after = open_sockets();
        assert!(after <= before + 8, "{before} sockets before, {after} after 50 builds");
        remove(&*engine, &name).await;
    });
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_context_is_not_held_in_memory() {
    let engine = engine().await;
    let base = base("scratchlike:1");
    have(&*engine, &base).await;
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("large");
    let size = 512 * 1024 * 1024;
    std::fs::File::create(&path).and_then(|file| file.set_len(size)).expect("sparse file");
    let name = unique_name("large");
    let mut order = order(Builder::BuildKit, &format!("FROM {base}\nLABEL a=b\n"), &[&name]);
    order.context.push(ContextFile { path: "large".to_owned(), mode: 0o644, content: ContextContent::File(path) });
    let before = resident_kilobytes();
    let events = Events::default();
    let mut running = std::pin::pin!(engine.build(&order, &events));
    let (mut ticks, mut peak) = (tokio::time::interval(Duration::from_millis(20)), 0);
    let built = loop {
        tokio::select! {
            result = &mut running => break result.expect("build"),
            _ = ticks.tick() => peak = peak.max(resident_kilobytes()),
        }
    };
    assert!(built.context_bytes > size);
    // Other tests run beside this one; a held context would be half a gigabyte.
    assert!(peak < before + 100 * 1024, "{before} kB before, {peak} kB at most");
    remove(&*engine, &name).await;
}

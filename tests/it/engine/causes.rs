//! Failures of the real installers, and the causes that a task shows for them.

use fastbuild::cause::Cause;
use fastbuild::engine::Builder;

use crate::lab::{Events, base, engine, have, order, unique_name};

async fn cause_of(builder: Builder, image: &str, script: &str, memory_bytes: Option<u64>) -> (Cause, String) {
    let engine = engine().await;
    let base = base(image);
    have(&*engine, &base).await;
    let dockerfile = format!("FROM {base}\nRUN : {}; {script}\n", unique_name("cause"));
    let mut order = order(builder, &dockerfile, &[]);
    order.memory_bytes = memory_bytes;
    let error = engine.build(&order, &Events::default()).await.expect_err(script);
    (error.cause, format!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn real_installers_fail_with_their_causes() {
    let dead = "echo deb http://127.0.0.1:9/debian bookworm main >/etc/apt/sources.list";
    let nowhere = "echo deb http://nowhere.invalid/debian bookworm main >/etc/apt/sources.list";
    let cases = [
        ("debian:12", "apt-get install -y nosuchpackage".to_owned(), Cause::PackageNotFound),
        ("debian:12", "apt-get install -y coreutils=99.9".to_owned(), Cause::PackageNotFound),
        ("debian:12", format!("{dead}; apt-get update && apt-get install -y curl"), Cause::MirrorUnreachable),
        ("debian:12", format!("{nowhere}; apt-get update && apt-get install -y curl"), Cause::MirrorUnreachable),
        (
            "localpython:1",
            "pip install --retries 1 --index-url http://127.0.0.1:9/simple nosuchpackage".to_owned(),
            Cause::MirrorUnreachable,
        ),
        (
            "localpython:1",
            "mkdir /empty && pip install --no-index --find-links /empty nosuchpackage".to_owned(),
            Cause::PackageNotFound,
        ),
        ("debian:12", "echo 'No space left on device' >&2; exit 1".to_owned(), Cause::DiskFull),
        ("debian:12", "echo working; exit 3".to_owned(), Cause::BuildStepFailed),
        ("debian:12", "sh -c 'kill -KILL $$'".to_owned(), Cause::OutOfMemory),
    ];
    for (image, script, cause) in cases {
        for builder in [Builder::BuildKit, Builder::Classic] {
            let (found, error) = cause_of(builder, image, &script, None).await;
            assert_eq!(found, cause, "{builder:?}: {script}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_beyond_its_memory_is_out_of_memory() {
    let (cause, error) = cause_of(Builder::Classic, "debian:12", "exec tail /dev/zero", Some(64 * 1024 * 1024)).await;
    assert_eq!(cause, Cause::OutOfMemory, "{error}");
}

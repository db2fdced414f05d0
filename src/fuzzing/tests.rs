//! Replays `fuzz/corpus` and what fuzzing once found.

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{} holds {} inputs", directory.display(), files.len());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let outcome = std::panic::catch_unwind(|| run(&bytes));
        assert!(outcome.is_ok(), "{} breaks a promise", file.display());
    }
}

#[test]
fn requests() {
    replay("request", super::request);
}

#[test]
fn references() {
    replay("reference", super::reference);
}

#[test]
fn tls_archives() {
    replay("tls_archive", super::tls_archive);
}

#[test]
fn uploads() {
    replay("upload", super::upload);
}

#[test]
fn daemon_streams() {
    replay("daemon_stream", super::daemon_stream);
}

#[test]
fn registries() {
    replay("registry", super::registry);
}

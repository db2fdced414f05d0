//! The context's bytes, its limits in memory and its faults.

use std::time::SystemTime;

use super::*;
use crate::image::Digest;

fn from_bytes(path: &str, content: &'static [u8]) -> ContextFile {
    ContextFile { path: path.to_owned(), mode: 0o644, content: ContextContent::Bytes(Bytes::from_static(content)) }
}

fn from_file(path: &str, file: &Path) -> ContextFile {
    ContextFile { path: path.to_owned(), mode: 0o600, content: ContextContent::File(file.to_owned()) }
}

async fn collect(files: Vec<ContextFile>) -> Result<Bytes, EngineError> {
    let (body, upload) = upload(files, Builder::Classic);
    match body.collect().await {
        Ok(body) => {
            let bytes = body.to_bytes();
            assert_eq!(upload.sent_bytes(), bytes.len() as u64);
            Ok(bytes)
        }
        Err(_) => Err(upload.take_fault().expect("a fault")),
    }
}

#[tokio::test]
async fn equal_content_is_equal_bytes() {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("a");
    std::fs::write(&file, b"same").expect("write");
    let first = collect(vec![from_bytes("Dockerfile", b"FROM x"), from_file("deep/er/a", &file)]).await.expect("tar");
    let later = SystemTime::now() + std::time::Duration::from_secs(100);
    File::options().write(true).open(&file).and_then(|file| file.set_modified(later)).expect("times");
    let second = collect(vec![from_file("deep/er/a", &file), from_bytes("Dockerfile", b"FROM x")]).await.expect("tar");
    assert_eq!(first, second);

    let mut archive = tar::Archive::new(first.as_ref());
    let mut seen = Vec::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("entry");
        let header = entry.header();
        assert_eq!(header.mtime().expect("time"), MODIFIED_SECONDS);
        assert_eq!((header.uid().expect("uid"), header.gid().expect("gid")), (0, 0));
        let mode = header.mode().expect("mode");
        let path = entry.path().expect("path").display().to_string();
        let mut content = String::new();
        entry.read_to_string(&mut content).expect("content");
        seen.push((path, mode, content));
    }
    let wanted = [("Dockerfile", 0o644, "FROM x"), ("deep/er/a", 0o600, "same")];
    assert_eq!(seen, wanted.map(|(path, mode, content)| (path.to_owned(), mode, content.to_owned())));
}

#[tokio::test]
async fn a_dockerfile_alone_needs_no_archive_where_buildkit_reads_it() {
    let alone = vec![from_bytes(DOCKERFILE, b"FROM x")];
    let (body, sent) = upload(alone.clone(), Builder::BuildKit);
    assert_eq!(body.collect().await.expect("body").to_bytes(), "FROM x");
    assert_eq!(sent.sent_bytes(), 6);
    let archived = collect(alone.clone()).await.expect("the classic builder's");
    assert_eq!(archived.len() % 512, 0);
    let (body, _) = upload([alone, vec![from_bytes("a", b"b")]].concat(), Builder::BuildKit);
    assert!(body.collect().await.expect("body").to_bytes().len() > 1024, "with files");
}

#[tokio::test]
async fn a_missing_file_is_a_missing_installer() {
    let error = collect(vec![from_file("a", Path::new("/nonexistent/Python-3.7.tgz"))]).await.expect_err("missing");
    assert_eq!(error.cause, Cause::InstallerMissing);
    assert!(error.message.contains("/nonexistent/Python-3.7.tgz"), "{error}");
}

#[tokio::test]
async fn a_directory_and_a_path_that_leaves_the_context_are_refused() {
    let error = collect(vec![from_file("a", Path::new("/"))]).await.expect_err("directory");
    assert_eq!(error.cause, Cause::InstallerMissing);
    let error = collect(vec![from_bytes("../a", b"x")]).await.expect_err("outside");
    assert_eq!(error.cause, Cause::Internal);
}

#[test]
fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_cut() {
    let mut text = Vec::new();
    let shrunk = Exactly { content: &b"abc"[..], left: 5 }.read_to_end(&mut text);
    assert_eq!(shrunk.expect_err("short").kind(), io::ErrorKind::UnexpectedEof);
    text.clear();
    Exactly { content: &b"abcdef"[..], left: 5 }.read_to_end(&mut text).expect("read");
    assert_eq!(text, b"abcde");
}

#[tokio::test]
async fn little_is_read_ahead_of_the_reader() {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("big");
    File::create(&file).and_then(|file| file.set_len(1 << 30)).expect("sparse file");
    let (mut body, upload) = upload(vec![from_file("big", &file)], Builder::BuildKit);
    let mut count = 0;
    while count < 10 {
        let frame = body.frame().await.expect("frame").expect("chunk");
        assert!(frame.data_ref().expect("data").len() <= CHUNK_BYTES);
        count += 1;
    }
    // What was not asked for was not sent; the writer waits in the channel.
    assert_eq!(upload.sent_bytes(), 10 * CHUNK_BYTES as u64);
    drop(body);
    assert!(upload.take_fault().is_none());
}

#[tokio::test]
async fn a_file_that_is_another_one_by_now_is_not_sent_to_its_end() {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("installer.sh");
    std::fs::write(&file, b"new bytes").expect("write");
    let exact = |digest| {
        let content = ContextContent::Exact { path: file.clone(), digest };
        vec![ContextFile { path: "installer".to_owned(), mode: 0o600, content }]
    };
    let error = collect(exact(Digest::of(b"old bytes"))).await.expect_err("another file");
    assert_eq!(error.cause, Cause::InstallerMissing);
    assert!(error.message.contains("installer.sh") && error.message.contains("another file"), "{error}");
    collect(exact(Digest::of(b"new bytes"))).await.expect("the file that was meant");
}

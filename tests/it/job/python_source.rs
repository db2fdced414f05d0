//! Python from a real source tarball. It compiles for minutes, so it runs only when asked (`make torture`).

use std::path::PathBuf;
use std::time::Duration;

use crate::lab;
use crate::support::{Container, RequestShape, TestService, forget};

#[tokio::test(flavor = "multi_thread")]
async fn a_source_tarball_becomes_the_python_of_the_image() {
    let Some(tarball) = std::env::var_os("FASTBUILD_CPYTHON_SOURCE").map(PathBuf::from) else {
        not_asked_for();
        return;
    };
    let service = TestService::configured().await;
    let name = tarball.file_name().unwrap().to_str().unwrap();
    std::fs::copy(&tarball, service.directory.path().join("data/tools/python").join(name)).unwrap();
    let target = lab::unique_name("from-source");
    let request = RequestShape::platform(&lab::base("debian:12"), &target, "")
        .pip(&["six"])
        .ssh("python-secret")
        .edit(|document| {
            document["dockerfile_json"]["image_installer_config"]["python_env"]["target"] = name.into();
        })
        .build();
    service.build(&request, Duration::from_mins(50)).await;
    let container = Container::run(&target.to_string(), &[]).await;
    let version = name.trim_start_matches("Python-").trim_end_matches(".tgz");
    assert_eq!(container.exec(&["python", "-V"]).await, format!("Python {version}"));
    let script = "import ssl, sqlite3, ctypes, bz2, lzma, readline, zlib, six, sys; print(sys.prefix)";
    assert_eq!(container.exec(&["python", "-c", script]).await, "/usr/local/dros/python");
    assert!(container.exec(&["pip", "--version"]).await.contains("/usr/local/dros/python"));
    container.wait_for_port(22).await;
    assert_eq!(container.ssh("python-secret", "python -V").await, (true, format!("Python {version}")));
    container.remove().await;
    forget(&target).await;
    service.stop().await;
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
fn not_asked_for() {
    eprintln!("not asked for: FASTBUILD_CPYTHON_SOURCE names no tarball (scripts/cpython-source.sh fetches one)");
}

//! What a process that was killed leaves half-written goes with the next start, and nothing else does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::TestService;

fn lay(directory: &Path, path: &str) -> PathBuf {
    let path = directory.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "half of it").unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_and_certificates_go_with_the_next_start() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let data = directory.path().join("data");
    let unfinished = [
        "tools/python/.upload-0123456789abcdef",
        "tools/pip/pip2/.upload-0123456789abcdef",
        "tools/conda/.upload-fedcba9876543210",
        "source/apt/custom/.upload-0123456789abcdef",
        "source/conda/ali/.upload-0123456789abcdef",
        "tls/.1795000000000000-0123456789ab.partial/key-jenkins.pem",
    ];
    let whole = [
        "tools/python/Python-3.12.1.tgz",
        "tools/conda/.upload-by-hand",
        "source/apt/custom/ubuntu-22.04.list",
        "source/conda/ali/.condarc",
        "tls/1795000000000000-0123456789ab/key-jenkins.pem",
    ];
    let [unfinished, whole] = [unfinished.to_vec(), whole.to_vec()].map(|paths| {
        let laid = paths.into_iter().map(|path| lay(&data, path));
        laid.collect::<Vec<_>>()
    });
    let service = TestService::start_in(directory.clone(), |_| {}).await;
    for path in unfinished {
        assert!(!path.exists(), "{}", path.display());
    }
    assert!(!data.join("tls/.1795000000000000-0123456789ab.partial").exists());
    for path in whole {
        assert!(path.exists(), "{}", path.display());
    }
    service.stop().await;
}

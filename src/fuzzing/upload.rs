//! Uploads through the real router: forms, file names, places.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt as _;

use crate::clock::SystemClock;
use crate::engine::DockerConnector;
use crate::serve::{Outside, Service};
use crate::settings::load;

const KINDS: [&str; 8] = [
    "source",
    "python",
    "pip",
    "conda",
    "source&installer=apt&type=ali",
    "source&installer=pip&type=..",
    "pip&type=pip2",
    "nonsense",
];

struct House {
    root: PathBuf,
    router: Router,
    runtime: tokio::runtime::Runtime,
    /// Keeps the service's tasks and database.
    _service: Service,
}

/// The first byte chooses the form's query, the rest is its body with the boundary `X`. Whatever comes, files lie in
/// the directory of their kind or nowhere, and nothing half-written stays.
pub fn upload(bytes: &[u8]) {
    static HOUSE: OnceLock<House> = OnceLock::new();
    let Some((&kind, body)) = bytes.split_first() else { return };
    let house = HOUSE.get_or_init(open);
    let request =
        Request::post(format!("/api/fast-build/file/upload?file_type={}", KINDS[usize::from(kind) % KINDS.len()]))
            .header("host", "127.0.0.1")
            .header("content-type", "multipart/form-data; boundary=X")
            .body(Body::from(body.to_vec()))
            .expect("a request");
    let answer = house.runtime.block_on(house.router.clone().oneshot(request)).expect("an answer");
    assert!(!answer.status().is_server_error(), "{}", answer.status());
    for path in files(&house.root.join("data")) {
        let place = path.strip_prefix(&house.root).expect("below the root");
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_stored = place.starts_with("data/source") || place.starts_with("data/tools");
        assert!(is_stored || name.starts_with("fastbuild.sqlite3"), "{} was written", place.display());
        assert!(!name.starts_with(".upload-"), "{} was left", place.display());
        if is_stored {
            std::fs::remove_file(&path).expect("a stored file");
        }
    }
    assert_eq!(std::fs::read_dir(&house.root).expect("the root").count(), 1, "written beside the data");
}

fn open() -> House {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = parent.join(format!("fastbuild-fuzz-{}", std::process::id()));
    // What an earlier process of the same number left.
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let base_dir = root.join("data").display().to_string();
    let variables = [("FASTBUILD__FB__BASE_DIR", base_dir.as_str()), ("FASTBUILD__LIMITS__UPLOAD_BYTES", "65536")];
    let settings = load(None, variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).expect("settings");
    let outside = Outside { clock: Arc::new(SystemClock), connector: Arc::new(DockerConnector::default()) };
    let service = runtime.block_on(Service::prepare(settings, outside)).expect("a service");
    let router = crate::api::router(service.state().clone());
    House { root, router, runtime, _service: service }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

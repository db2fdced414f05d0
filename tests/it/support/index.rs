//! A package index of the test's own: what is published when is the test's decision, and nothing else changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use fastbuild::image::Digest;
use tokio::sync::OnceCell;

use super::{TestService, docker};
use crate::lab;

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// The index; builds reach it over the host's network.
pub struct PackageIndex {
    address: std::net::SocketAddr,
    files: Files,
}

impl PackageIndex {
    /// Starts one that holds pip and uv as they were when the tests began.
    pub async fn start() -> Self {
        let files: Files = Arc::default();
        for (name, bytes) in tools().await {
            files.lock().unwrap().insert(name.clone(), bytes.clone());
        }
        let router = Router::new()
            .route("/simple/{project}/", get(project))
            .route("/files/{name}", get(file))
            .with_state(files.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, files }
    }

    /// Publishes a version of a package with one module, one script and these requirements.
    pub fn publish(&self, name: &str, version: &str, requires: &[&str]) {
        let wheel = wheel(name, version, requires);
        self.files.lock().unwrap().insert(format!("{name}-{version}-py3-none-any.whl"), wheel);
    }

    /// Takes every file of a package away.
    pub fn withdraw(&self, name: &str) {
        self.files.lock().unwrap().retain(|file, _| project_of(file) != name);
    }

    /// A mirror file that leads pip here.
    pub fn pip_conf(&self) -> String {
        format!("[global]\nindex-url = http://{}/simple\ntrusted-host = 127.0.0.1\n", self.address)
    }

    /// Lays the mirror file into a service's catalogue as `index/pip.conf`.
    pub fn lay(&self, service: &TestService) {
        service.lay("source/pip/index/pip.conf", &self.pip_conf());
    }
}

fn project_of(file: &str) -> String {
    file.split('-').next().unwrap_or_default().to_lowercase().replace(['_', '.'], "-")
}

async fn project(State(files): State<Files>, Path(project): Path<String>) -> Response {
    let mut page = String::new();
    for (name, bytes) in files.lock().unwrap().iter().filter(|(name, _)| project_of(name) == project) {
        let hex = Digest::of(bytes).hex().to_owned();
        writeln!(page, "<a href=\"/files/{name}#sha256={hex}\">{name}</a>").unwrap();
    }
    if page.is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    ([(header::CACHE_CONTROL, "no-cache")], Html(format!("<!DOCTYPE html><html><body>{page}</body></html>")))
        .into_response()
}

async fn file(State(files): State<Files>, Path(name): Path<String>) -> Response {
    match files.lock().unwrap().get(&name) {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// pip and uv, fetched once by a container with the lab's Python.
async fn tools() -> &'static BTreeMap<String, Vec<u8>> {
    static TOOLS: OnceCell<BTreeMap<String, Vec<u8>>> = OnceCell::const_new();
    TOOLS
        .get_or_init(|| async {
            let image = lab::base("localpython:1");
            lab::have(lab::engine().await.as_ref(), &image).await;
            let script = "mkdir /w && pip download -q --no-cache-dir --no-deps -d /w pip uv >&2 && tar -C /w -c .";
            let output = docker(&["run", "--rm", "--entrypoint", "sh", &image.to_string(), "-c", script]).await;
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let mut archive = tar::Archive::new(output.stdout.as_slice());
            let mut found = BTreeMap::new();
            for entry in archive.entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                if let Some(name) = path.strip_prefix("./").filter(|name| !name.is_empty()) {
                    let name = name.to_owned();
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
                    found.insert(name, bytes);
                }
            }
            assert_eq!(found.len(), 2, "{:?}", found.keys());
            found
        })
        .await
}

fn wheel(name: &str, version: &str, requires: &[&str]) -> Vec<u8> {
    let mut metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    for requirement in requires {
        writeln!(metadata, "Requires-Dist: {requirement}").unwrap();
    }
    let info = format!("{name}-{version}.dist-info");
    let main = format!("VERSION = {version:?}\n\n\ndef main():\n    print({name:?}, VERSION)\n");
    let mut entries = vec![
        (format!("{name}/__init__.py"), main),
        (format!("{info}/METADATA"), metadata),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
        (format!("{info}/entry_points.txt"), format!("[console_scripts]\n{name}-says = {name}:main\n")),
    ];
    let mut record = String::new();
    for (path, _) in &entries {
        writeln!(record, "{path},,").unwrap();
    }
    entries.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n")));
    zip(&entries)
}

/// A zip archive whose entries are stored as they are.
fn zip(entries: &[(String, String)]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (path, content) in entries {
        let offset = u32::try_from(body.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        // Version 2.0, no flags, stored, 1980-01-01.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc32(content.as_bytes()).to_le_bytes());
        common.extend([size, size].concat());
        common.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        body.extend(b"PK\x03\x04");
        body.extend(&common);
        body.extend(path.as_bytes());
        body.extend(content.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((0o100_644_u32 << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(path.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (start, length) = (u32::try_from(body.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    body.extend(&directory);
    body.extend(b"PK\x05\x06\0\0\0\0");
    body.extend([count, count].concat());
    body.extend(length.to_le_bytes());
    body.extend(start.to_le_bytes());
    body.extend([0, 0]);
    body
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

//! A registry that speaks Bearer tokens and Harbor's API 2.0 as documented, keeps everything in memory, remembers what
//! it was asked, and fails on request: for what a plain registry cannot show.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fastbuild::engine::RegistryAccount;
use fastbuild::image::{Digest, ImageReference, RegistryHost};
use fastbuild::registry::{Limits, RegistryAccess, RegistryClient};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificate::{Certificate, TlsListener};
pub use super::harbor_fault::Fault;
use super::harbor_fault::PlannedFault;
use super::{harbor_api, harbor_blobs};

pub const USERNAME: &str = "robot$fastbuild";
pub const PASSWORD: &str = "~~~???>>>";
pub const MANIFEST_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// How it wants to be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Login {
    Bearer,
    Basic,
}

/// A project and what the account may do in it.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a trouble of its own that a test switches on")]
pub struct Project {
    pub may_pull: bool,
    pub may_push: bool,
    /// Whether tokens show nothing of what they grant.
    pub opaque_token: bool,
    pub is_proxy_cache: bool,
    /// Limit and use in bytes; a limit of -1 is none. Not told when absent.
    pub quota: Option<(i64, i64)>,
    /// Repository and tag patterns of its rule for immutable tags, both exact names.
    pub immutable: Option<(String, String)>,
    /// Whether the account may read tags in the API.
    pub tells_tags: bool,
    /// Whether the account may read the rules.
    pub tells_rules: bool,
    /// The body that tells the project's scanner; not told to this account when absent.
    pub scanner: Option<&'static str>,
}

/// What Harbor tells of a scanner that is on.
pub const SCANNER: &str =
    r#"{"uuid": "1", "name": "Trivy", "disabled": false, "health": "healthy", "is_default": true}"#;

impl Default for Project {
    fn default() -> Self {
        Self {
            may_pull: true,
            may_push: true,
            opaque_token: false,
            is_proxy_cache: false,
            quota: Some((-1, 0)),
            immutable: None,
            tells_tags: true,
            tells_rules: true,
            scanner: Some(""),
        }
    }
}

/// A request that it saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub authorization: Option<String>,
}

/// What it keeps.
pub struct Contents {
    pub address: SocketAddr,
    pub scheme: &'static str,
    pub login: Login,
    pub is_harbor: bool,
    pub mounts: bool,
    /// Whether each page of tags is empty and names a next one.
    pub pages_for_ever: bool,
    /// Where the token service is said to be, when not here.
    pub realm: Option<String>,
    /// Host that upload locations name, when not this one.
    pub upload_host: Option<String>,
    pub projects: HashMap<String, Project>,
    pub blobs: HashMap<(String, String), Bytes>,
    pub manifests: HashMap<(String, String), (String, Bytes)>,
    pub tags: BTreeMap<(String, String), String>,
    pub uploads: HashMap<u64, String>,
    pub cancelled_uploads: usize,
    /// Tokens given, with the actions they grant by repository.
    pub tokens: HashMap<String, HashMap<String, HashSet<String>>>,
    pub next_number: u64,
    seen: Vec<Seen>,
    pub faults: Vec<PlannedFault>,
    /// Overviews of scans by repository and digest.
    pub scans: HashMap<(String, String), Value>,
}

/// A running double. It ends when dropped.
pub struct Harbor {
    contents: Arc<Mutex<Contents>>,
    server: tokio::task::JoinHandle<()>,
    certificate: Option<Certificate>,
}

impl Drop for Harbor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Harbor {
    /// Over plain HTTP.
    pub async fn start() -> Self {
        Self::run(None).await
    }

    /// Over TLS with a certificate that only its own PEM makes trusted.
    pub async fn start_with_tls() -> Self {
        Self::run(Some(Certificate::new())).await
    }

    async fn run(certificate: Option<Certificate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let contents = Arc::new(Mutex::new(Contents {
            address: listener.local_addr().expect("address"),
            scheme: if certificate.is_some() { "https" } else { "http" },
            login: Login::Bearer,
            is_harbor: true,
            mounts: true,
            pages_for_ever: false,
            realm: None,
            upload_host: None,
            projects: HashMap::from([("base".to_owned(), Project::default()), ("team".to_owned(), Project::default())]),
            blobs: HashMap::new(),
            manifests: HashMap::new(),
            tags: BTreeMap::new(),
            uploads: HashMap::new(),
            cancelled_uploads: 0,
            tokens: HashMap::new(),
            next_number: 1,
            seen: Vec::new(),
            faults: Vec::new(),
            scans: HashMap::new(),
        }));
        let router = Router::new().fallback(answer).with_state(contents.clone());
        let server = if let Some(certificate) = &certificate {
            let listener = TlsListener(listener, TlsAcceptor::from(certificate.server.clone()));
            tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") })
        } else {
            tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") })
        };
        Self { contents, server, certificate }
    }

    pub fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("lock")
    }

    pub fn project(&self, name: &str, change: impl FnOnce(&mut Project)) {
        change(self.contents().projects.entry(name.to_owned()).or_default());
    }

    /// The next `times` requests of this method whose path holds this text meet a fault.
    pub fn fail(&self, method: Method, path_part: &str, times: usize, fault: Fault) {
        self.contents().faults.push(PlannedFault { method, path_part: path_part.to_owned(), times, fault });
    }

    /// All faults are over.
    pub fn clear_faults(&self) {
        self.contents().faults.clear();
    }

    /// What it was asked, by method and a part of the path.
    pub fn seen(&self, method: &Method, path_part: &str) -> Vec<Seen> {
        let contents = self.contents();
        contents.seen.iter().filter(|seen| seen.method == *method && seen.path.contains(path_part)).cloned().collect()
    }

    pub fn host(&self) -> RegistryHost {
        self.contents().address.to_string().parse().expect("host")
    }

    pub fn url(&self) -> String {
        let contents = self.contents();
        format!("{}://{}", contents.scheme, contents.address)
    }

    /// The PEM that makes its certificate trusted.
    pub fn ca_pem(&self) -> Option<String> {
        self.certificate.as_ref().map(|certificate| certificate.pem.clone())
    }

    pub fn reference(&self, name: &str) -> ImageReference {
        format!("{}/{name}", self.host()).parse().expect("reference")
    }

    pub fn access(&self) -> RegistryAccess {
        let account =
            RegistryAccount { registry: self.host(), username: USERNAME.to_owned(), password: PASSWORD.into() };
        RegistryAccess {
            host: self.host(),
            account: Some(account),
            ca_pem: self.ca_pem(),
            is_insecure: self.certificate.is_none(),
        }
    }

    pub fn client(&self) -> RegistryClient {
        RegistryClient::with_limits(self.access(), quick_limits()).expect("client")
    }

    /// Keeps an image of these layers and returns its manifest's digest.
    pub fn put_image(&self, repository: &str, tag: &str, layers: &[&[u8]], labels: &Value) -> Digest {
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Env": ["A=b"], "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": []}});
        let config = self.put_blob(repository, config.to_string().as_bytes());
        let layers: Vec<Value> = layers
            .iter()
            .map(|bytes| {
                descriptor(
                    "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    &self.put_blob(repository, bytes),
                    bytes.len(),
                )
            })
            .collect();
        let size = self.contents().blobs[&(repository.to_owned(), config.to_string())].len();
        let config = descriptor("application/vnd.docker.container.image.v1+json", &config, size);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers});
        self.put_manifest(repository, tag, MANIFEST_TYPE, manifest.to_string().as_bytes())
    }

    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let key = (repository.to_owned(), digest.to_string());
        self.contents().blobs.insert(key, Bytes::copy_from_slice(bytes));
        digest
    }

    pub fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let mut contents = self.contents();
        let kept = (media_type.to_owned(), Bytes::copy_from_slice(bytes));
        contents.manifests.insert((repository.to_owned(), digest.to_string()), kept);
        contents.tags.insert((repository.to_owned(), tag.to_owned()), digest.to_string());
        digest
    }

    /// The digest under a tag.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.contents().tags.get(&(repository.to_owned(), tag.to_owned())).cloned()
    }
}

/// Limits that let a failing test fail quickly.
pub fn quick_limits() -> Limits {
    let moment = std::time::Duration::from_millis(1);
    Limits { attempts: 3, first_pause: moment, ..Limits::default() }
}

pub fn descriptor(media_type: &str, digest: &Digest, size: usize) -> Value {
    json!({"mediaType": media_type, "size": size, "digest": digest.as_str()})
}

type Shared = Arc<Mutex<Contents>>;

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
    let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let fault = {
        let mut contents = shared.lock().expect("lock");
        let seen = Seen { method: parts.method.clone(), path: path.clone(), authorization: authorization.clone() };
        contents.seen.push(seen);
        contents.next_fault(&parts.method, &path)
    };
    match fault {
        Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(fault) => return fault.into_response(),
        None => {}
    }
    let mut contents = shared.lock().expect("lock");
    let asked = Asked { method: parts.method, path, headers: parts.headers, authorization, body };
    if asked.path.starts_with("/service/token") {
        return contents.give_token(&asked);
    }
    if asked.path.starts_with("/api/") {
        return harbor_api::answer(&mut contents, &asked);
    }
    harbor_blobs::answer(&mut contents, &asked)
}

/// A request, read.
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub authorization: Option<String>,
    pub body: Bytes,
}

impl Asked {
    /// Values of a query parameter.
    pub fn query(&self, name: &str) -> Vec<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }

    pub fn has_account(&self) -> bool {
        let expected = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")));
        self.authorization.as_deref() == Some(&expected)
    }
}

/// A refusal in the registry's form.
pub fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, json!({"errors": [{"code": code, "message": message}]}).to_string()).into_response()
}

impl Contents {
    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// What the account may do in a repository.
    pub fn granted(&self, repository: &str) -> HashSet<String> {
        let project = repository.split('/').next().unwrap_or_default();
        let Some(project) = self.projects.get(project) else { return HashSet::new() };
        let mut granted = HashSet::new();
        if project.may_pull {
            granted.insert("pull".to_owned());
        }
        if project.may_push {
            granted.extend(["push".to_owned(), "delete".to_owned()]);
        }
        granted
    }

    /// As Harbor does: whatever the account may do in each repository asked for, less is no error.
    fn give_token(&mut self, asked: &Asked) -> Response {
        if !asked.has_account() {
            return refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "wrong password");
        }
        let mut access = Vec::new();
        let mut grants = HashMap::new();
        let mut is_opaque = false;
        for scope in asked.query("scope") {
            let repository = scope.split(':').nth(1).unwrap_or_default().to_owned();
            let granted = self.granted(&repository);
            let project = repository.split('/').next().unwrap_or_default();
            is_opaque |= self.projects.get(project).is_some_and(|project| project.opaque_token);
            access.push(json!({"type": "repository", "name": repository, "actions": granted}));
            grants.insert(repository, granted);
        }
        let number = self.number();
        let claims = URL_SAFE_NO_PAD.encode(json!({"iss": "harbor-token-issuer", "access": access}).to_string());
        let token = if is_opaque { format!("opaque-{number}") } else { format!("e30.{claims}.{number}") };
        self.tokens.insert(token.clone(), grants);
        json!({"token": token, "access_token": "", "expires_in": 1800, "issued_at": "2026-01-01T00:00:00Z"})
            .to_string()
            .into_response()
    }
}

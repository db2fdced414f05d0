//! The Docker daemon behind one small interface.
//!
//! Nothing outside this module knows bollard, sockets or certificates. Every call is safe to repeat, every failure
//! carries a [`Cause`], and a dropped call is cancelled at the daemon.

mod build;
mod certificate;
mod classic;
mod context;
mod daemon;
mod diagnosis;
mod docker;
mod failure;
mod idle;
mod images;
pub mod message;
mod output;
mod probe;
pub mod progress;
mod pull;
mod push;
mod registry_words;
mod tls;
mod trace;
mod transport;

pub use context::DOCKERFILE;
pub use docker::{DockerConnector, DockerEngine};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::cause::Cause;
use crate::image::{Digest, ImageConfig, ImageReference, RegistryHost};

/// Where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// Plain TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// TCP with mutual TLS; PEM files.
    Tls {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// The only CA that is trusted for this server.
        ca: PathBuf,
        /// The client's certificate chain.
        certificate: PathBuf,
        /// The client's key: PKCS#1, PKCS#8 or SEC1, not encrypted.
        key: PathBuf,
    },
}

/// An account at a registry.
#[derive(Debug, Clone)]
pub struct RegistryAccount {
    /// The registry, port included.
    pub registry: RegistryHost,
    /// User name, such as `robot$fastbuild`.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

/// What went wrong at the daemon, in its own words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// The cause for people and machines.
    pub cause: Cause,
    /// The daemon's or registry's own words, without credentials.
    pub message: String,
    /// The Dockerfile step that failed, where one did.
    pub failed_step: Option<String>,
    /// Its last output lines.
    pub last_lines: Vec<String>,
}

impl EngineError {
    /// An error that belongs to no build step.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), failed_step: None, last_lines: Vec::new() }
    }
}

/// What a daemon says of itself.
#[derive(Debug, Clone, Default)]
pub struct DaemonInfo {
    /// Version text such as `20.10.24`.
    pub version: String,
    /// Highest API version as (major, minor).
    pub api_version: (u32, u32),
    /// Docker's name of the OS, `linux`.
    pub os: String,
    /// Docker's name of the architecture, such as `amd64` or `x86_64`.
    pub architecture: String,
    /// Whether BuildKit can be asked for (API 1.39 and newer on Linux).
    pub has_buildkit: bool,
    /// Registries that the daemon speaks plain HTTP to: `host:port` or CIDR.
    pub insecure_registries: Vec<String>,
    /// Directory of the daemon's data, where its disk fills.
    pub root_directory: String,
}

/// What happens while the daemon works, as data.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A line of output, of a build step where `step` names its digest.
    Line {
        /// Digest of the BuildKit vertex, where known.
        step: Option<String>,
        /// Whether it went to standard error.
        is_error: bool,
        /// The text without line end.
        text: String,
    },
    /// A build step was seen, started or ended. Sent again whenever something about it changed.
    Step(BuildStep),
    /// Bytes of a transfer (pull or push): of this item, `current` of `total`.
    Bytes {
        /// Layer id, or a text where the daemon gives none.
        item: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all; 0 when unknown.
        total: u64,
    },
}

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep {
    /// BuildKit's vertex digest, or `step-<n>` on the classic builder.
    pub id: String,
    /// Its name, such as `[stage-0 2/5] RUN …`.
    pub name: String,
    /// Where it stands.
    pub status: StepStatus,
    /// How long it ran in milliseconds, once ended.
    pub duration_ms: Option<u64>,
}

/// Where a build step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// Known, not started.
    Waiting,
    /// Started.
    Running,
    /// Served from the daemon's cache.
    Cached,
    /// Ended well.
    Done,
    /// Ended with an error.
    Failed,
}

/// Receives progress. Must return at once; it is called from the reading loop.
pub trait ProgressSink: Send + Sync {
    /// Takes one event.
    fn record(&self, event: Progress);
}

impl<F: Fn(Progress) + Send + Sync> ProgressSink for F {
    fn record(&self, event: Progress) {
        self(event);
    }
}

/// Which builder of the daemon does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// BuildKit inside the daemon.
    BuildKit,
    /// The first-generation builder.
    Classic,
}

/// A file of a build context.
#[derive(Debug, Clone)]
pub struct ContextFile {
    /// Path inside the context, relative, `/`-separated.
    pub path: String,
    /// Permission bits, such as `0o600`.
    pub mode: u32,
    /// Where its bytes come from.
    pub content: ContextContent,
}

/// Where the bytes of a context file come from.
#[derive(Debug, Clone)]
pub enum ContextContent {
    /// Held in memory.
    Bytes(bytes::Bytes),
    /// Streamed from a file on this machine.
    File(PathBuf),
    /// The same, and these bytes only: a file that changed meanwhile breaks the upload off.
    Exact {
        /// Where it lies.
        path: PathBuf,
        /// Digest of its bytes.
        digest: Digest,
    },
}

/// All the daemon needs for one build. The Dockerfile travels as the context file `Dockerfile`.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    /// Which builder.
    pub builder: Builder,
    /// The context, `Dockerfile` included. Times in the tar are constant so that equal content is equal bytes.
    pub context: Vec<ContextFile>,
    /// Names to give the result.
    pub tags: Vec<ImageReference>,
    /// Labels that go into the image's configuration.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Build arguments (proxies and such; never in a layer).
    pub arguments: std::collections::BTreeMap<String, String>,
    /// `host:address` entries for the build's `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Stage to build; the last one when absent.
    pub target: Option<String>,
    /// `default`, `none` or `host`; the daemon's default when absent.
    pub network: Option<String>,
    /// Memory limit in bytes for build containers (classic builder only).
    pub memory_bytes: Option<u64>,
    /// Ignore the daemon's cache.
    pub no_cache: bool,
    /// How long nothing may move before the build is given up with `IDLE_TIMEOUT`. Output, moving bytes (the context's
    /// too) and a running step that may rightly be silent (an export, a copy) count as movement; a `RUN` step that
    /// prints nothing does not.
    pub idle_timeout: Duration,
}

/// What came out of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// The image id, confirmed by inspection.
    pub image_id: Digest,
    /// Size in bytes on the daemon.
    pub size_bytes: u64,
    /// Steps served from the cache, and steps in all.
    pub cached_steps: usize,
    /// Steps in all.
    pub steps: usize,
    /// Bytes of build context that were sent.
    pub context_bytes: u64,
}

/// A probe: one short-lived container that runs a script in an image.
#[derive(Debug, Clone)]
pub struct ProbeOrder {
    /// Image id or name.
    pub image: String,
    /// Own entrypoint, so that nothing of the image is started: such as `["/bin/sh", "-c", script]`.
    pub entrypoint: Vec<String>,
    /// Memory limit in bytes.
    pub memory_bytes: u64,
    /// Process limit.
    pub pids: u64,
    /// Time limit.
    pub timeout: Duration,
    /// Output limit in bytes; the rest is dropped.
    pub output_limit_bytes: usize,
    /// Further labels of its container, by which a later process finds what an earlier one left.
    pub labels: std::collections::BTreeMap<String, String>,
}

/// What a probe printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeOutput {
    /// Exit code of the script.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// An image on the daemon, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// Image id.
    pub image_id: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Creation time, seconds since 1970.
    pub created_seconds: i64,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A name of ours under which the daemon holds what builds start from (`image::is_pin`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedImage {
    /// The name.
    pub name: ImageReference,
    /// The image.
    pub image_id: String,
    /// When the image last got a name, seconds since 1970; tasks renew the names that they use.
    pub last_named_seconds: i64,
    /// Size in bytes, layers that others share included.
    pub size_bytes: u64,
}

/// A container of ours that was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalContainer {
    /// Container id.
    pub container_id: String,
    /// Image id it was made from.
    pub image_id: String,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Creation time, seconds since 1970.
    pub created_seconds: i64,
}

/// Bytes in use at the daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaemonDisk {
    /// All layers.
    pub layers_bytes: u64,
    /// BuildKit's cache.
    pub build_cache_bytes: u64,
}

/// Who may know what a registry holds, which saves the daemon a way there.
#[async_trait]
pub trait DigestSource: Send + Sync {
    /// The digest that the registry has under a name; `None` when it could not be asked or does not know the name.
    async fn digest_of(&self, reference: &ImageReference) -> Option<Digest>;
}

/// Knows nothing, so that the daemon is asked.
#[derive(Debug, Clone, Copy)]
pub struct AskDaemon;

#[async_trait]
impl DigestSource for AskDaemon {
    async fn digest_of(&self, _: &ImageReference) -> Option<Digest> {
        None
    }
}

/// A Docker daemon.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What the daemon is. The cheapest call that proves it is reachable.
    async fn info(&self) -> Result<DaemonInfo, EngineError>;

    /// Tests an account by letting the daemon log in at the registry.
    async fn check_login(&self, account: &RegistryAccount) -> Result<(), EngineError>;

    /// The image's configuration, `None` when the daemon does not have it.
    async fn inspect_image(&self, image: &str) -> Result<Option<ImageConfig>, EngineError>;

    /// Pulls an image and returns its configuration. Sets no time limit of its own.
    async fn pull(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        sink: &dyn ProgressSink,
    ) -> Result<ImageConfig, EngineError>;

    /// The manifest digest that a reference has in its registry, asked through the daemon; `None` when unknown there.
    async fn resolve_digest(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
    ) -> Result<Option<Digest>, EngineError>;

    /// Runs a probe; its container is always removed.
    async fn probe(&self, order: &ProbeOrder) -> Result<ProbeOutput, EngineError>;

    /// Builds an image.
    async fn build(&self, order: &BuildOrder, sink: &dyn ProgressSink) -> Result<BuiltImage, EngineError>;

    /// Gives an image a further name.
    async fn tag(&self, image: &str, name: &ImageReference) -> Result<(), EngineError>;

    /// Pushes a tagged image and returns the manifest digest that the registry confirmed: to `digests` where it knows,
    /// else to the daemon. Sets no time limit of its own.
    async fn push(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        digests: &dyn DigestSource,
        sink: &dyn ProgressSink,
    ) -> Result<Digest, EngineError>;

    /// Removes a name (or id) from the daemon; `false` when it had none. Never forced.
    async fn remove_image(&self, image: &str) -> Result<bool, EngineError>;

    /// Images that carry the label `constructor=FastBuild`.
    async fn list_our_images(&self) -> Result<Vec<LocalImage>, EngineError>;

    /// Names of ours under which the daemon holds bases and installers.
    async fn list_pins(&self) -> Result<Vec<PinnedImage>, EngineError>;

    /// Containers that carry the label `constructor=FastBuild`, stopped ones included.
    async fn list_our_containers(&self) -> Result<Vec<LocalContainer>, EngineError>;

    /// Image ids that any container on the daemon uses, stopped ones included.
    async fn images_in_use(&self) -> Result<Vec<String>, EngineError>;

    /// Removes a container by force.
    async fn remove_container(&self, container_id: &str) -> Result<(), EngineError>;

    /// Prunes BuildKit's cache down to a budget and returns the bytes freed.
    async fn prune_build_cache(&self, keep_bytes: u64) -> Result<u64, EngineError>;

    /// Bytes in use.
    async fn disk_usage(&self) -> Result<DaemonDisk, EngineError>;
}

/// Makes an engine for a server. The pipeline holds one, so that tests can put a scripted engine in its place.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Connects; certificates are read and checked here.
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Engine>, EngineError>;
}

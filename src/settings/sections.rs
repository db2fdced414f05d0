//! Every setting with its default. The same texts stand in `config.toml`; a test holds the two together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::disk::Watermarks;

/// All settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where things are and where the service listens.
    pub fb: FastBuildSection,
    /// The database.
    pub db: DatabaseSection,
    /// Callbacks.
    pub callback: CallbackSection,
    /// The cipher that the platform encrypts passwords with.
    pub aes: AesSection,
    /// Builds.
    pub build: BuildSection,
    /// Who may call.
    pub access: AccessSection,
    /// The service's own certificate.
    pub tls: TlsSection,
    /// Limits on time and size.
    pub limits: LimitsSection,
    /// What goes when it is old, and how full disks may be.
    pub retention: RetentionSection,
    /// Logging.
    pub log: LogSection,
}

/// `[fb]`: directories and the listening address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FastBuildSection {
    /// Directory of everything below; relative paths are relative to the settings file.
    pub base_dir: PathBuf,
    /// Mirror files; `source` under `base_dir` when empty.
    pub source_dir: PathBuf,
    /// Task directories; `task` under `base_dir` when empty.
    pub task_dir: PathBuf,
    /// Installers; `tools` under `base_dir` when empty.
    pub tools_dir: PathBuf,
    /// Certificates of Docker servers; `tls` under `base_dir` when empty.
    pub tls_dir: PathBuf,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on.
    pub port: u16,
    /// Start of the URLs of logs and Dockerfiles; made from the configured host when empty.
    pub public_url: String,
    /// IANA name of the zone of times in answers; the machine's own when empty.
    pub time_zone: ZoneName,
    /// Language of messages when a client asks for none.
    pub language: DefaultLanguage,
    /// Origins that may send credentials; any origin may call without.
    pub cors_origins: Vec<String>,
    /// How long a stop may take, in seconds.
    pub shutdown_seconds: u64,
}

impl Default for FastBuildSection {
    fn default() -> Self {
        Self {
            base_dir: PathBuf::from("data"),
            source_dir: PathBuf::new(),
            task_dir: PathBuf::new(),
            tools_dir: PathBuf::new(),
            tls_dir: PathBuf::new(),
            host: "127.0.0.1".to_owned(),
            port: 48001,
            public_url: String::new(),
            time_zone: ZoneName::default(),
            language: DefaultLanguage::Chinese,
            cors_origins: Vec::new(),
            shutdown_seconds: 20,
        }
    }
}

/// An IANA time zone.
#[derive(Debug, Clone)]
pub struct ZoneName(pub TimeZone);

impl Default for ZoneName {
    fn default() -> Self {
        Self(TimeZone::system())
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() {
            return Ok(Self::default());
        }
        TimeZone::get(&name).map(Self).map_err(|_| serde::de::Error::custom(format!("'{name}' is no IANA time zone")))
    }
}

/// Language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DefaultLanguage {
    /// Chinese.
    #[serde(rename = "zh")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// `[db]`: the database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSection {
    /// SQLite file; an old `sqlite:///` URL is accepted. `fastbuild.sqlite3` under `base_dir` when empty.
    pub file: String,
    /// File of the keys that seal secrets in rows; the database's name with `.key` when empty.
    pub key_file: PathBuf,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        Self { file: String::new(), key_file: PathBuf::new() }
    }
}

/// `[callback]`: callbacks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallbackSection {
    /// Headers that the first start stores.
    pub headers: BTreeMap<String, String>,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: u64,
    /// How long an undelivered callback is tried, in seconds.
    pub expire_seconds: u64,
    /// Hosts (exact, or `.suffix`) and CIDRs that may be called; any when empty.
    pub allow: Vec<String>,
    /// Secrets that sign callbacks as Standard Webhooks defines it, newest first; `whsec_` and base64, or plain text, of 24
    /// to 64 bytes.
    pub signing_secrets: Vec<SecretString>,
    /// Hosts and CIDRs that may not be called.
    pub deny: Vec<String>,
}

impl Default for CallbackSection {
    fn default() -> Self {
        let headers = [("X-BizType", "DROS"), ("X-Login-UserId", "1"), ("Content-Type", "application/json")];
        Self {
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            timeout_seconds: 10,
            expire_seconds: 86_400,
            allow: Vec::new(),
            deny: Vec::new(),
            signing_secrets: Vec::new(),
        }
    }
}

/// `[aes]`: the platform's cipher.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AesSection {
    /// Key: 16, 24 or 32 bytes.
    pub key: SecretString,
    /// Initialisation vector: 16 bytes.
    pub iv: String,
    /// Key of the better form, `v2:` and AES-256-GCM, taken beside the other; any text, off when empty.
    pub strong_key: SecretString,
}

impl Default for AesSection {
    fn default() -> Self {
        Self {
            key: SecretString::from("c7e71f37dda040fd"),
            iv: "0000000000000000".to_owned(),
            strong_key: SecretString::from(""),
        }
    }
}

/// `[build]`: builds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BuildSection {
    /// Builds at the same time.
    pub max_concurrent: usize,
    /// `auto`, `buildkit` or `classic`.
    pub builder: BuilderChoice,
    /// Largest image in GiB; between build and push.
    pub max_image_size_gb: f64,
    /// `auto`, `system` or a tarball's name in `tools_dir/python`.
    pub default_python: DefaultPython,
    /// `auto` or `pip`: what installs pip packages.
    pub pip_installer: PipInstaller,
    /// Network mode of builds; the daemon's default when empty.
    pub network: String,
    /// Predefined proxy arguments of builds, such as `HTTP_PROXY`; in no layer.
    pub proxies: BTreeMap<String, String>,
    /// `host:address` entries of builds; in no layer.
    pub extra_hosts: Vec<String>,
    /// Bases that are offered from the first start on.
    pub base_images: Vec<String>,
    /// Registries beside our Harbor whose bases may share package caches.
    pub trusted_registries: Vec<String>,
    /// How often a transient failure is tried again inside a stage.
    pub transient_retries: u32,
    /// Whether what is installed is listed at once after a push, and not on the first request for it.
    pub sbom: bool,
    /// Whether Harbor is asked to scan what was pushed, where it has a scanner.
    pub harbor_scan: bool,
}

impl Default for BuildSection {
    fn default() -> Self {
        Self {
            max_concurrent: 5,
            builder: BuilderChoice::Auto,
            max_image_size_gb: 50.0,
            default_python: DefaultPython::Auto,
            pip_installer: PipInstaller::Auto,
            network: String::new(),
            proxies: BTreeMap::new(),
            extra_hosts: Vec::new(),
            base_images: Vec::new(),
            trusted_registries: Vec::new(),
            transient_retries: 4,
            sbom: false,
            harbor_scan: true,
        }
    }
}

/// Which builder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuilderChoice {
    /// BuildKit when the daemon has it.
    Auto,
    /// BuildKit.
    BuildKit,
    /// The first-generation builder.
    Classic,
}

/// What installs pip packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PipInstaller {
    /// uv where it serves and can be had, else pip.
    Auto,
    /// pip.
    Pip,
}

/// Which Python an image gets that has none and needs pip.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum DefaultPython {
    /// The newest tarball in `tools_dir`, else the distribution's.
    Auto,
    /// The distribution's.
    System,
    /// This tarball.
    Tarball(String),
}

impl From<String> for DefaultPython {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "system" => Self::System,
            _ => Self::Tarball(text),
        }
    }
}

/// `[access]`: who may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessSection {
    /// `auto`, `open` or `token`.
    pub mode: AccessMode,
    /// Whether the service may be open on an address that other machines reach.
    pub allow_open: bool,
    /// A header beside `Authorization` that a token may come in, for old clients.
    pub header: String,
    /// More names by which an open service is called, against DNS rebinding.
    pub hosts: Vec<String>,
    /// How long a login to the console lasts, in hours.
    pub session_hours: u64,
    /// How long a signed link is good, in hours.
    pub link_hours: u64,
    /// Wrong tokens that one address may try in a minute.
    pub login_attempts: u32,
}

impl Default for AccessSection {
    fn default() -> Self {
        Self {
            mode: AccessMode::Auto,
            allow_open: false,
            header: String::new(),
            hosts: Vec::new(),
            session_hours: 12,
            link_hours: 24,
            login_attempts: 10,
        }
    }
}

/// Whether callers show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    /// They do as soon as a token was ever made.
    Auto,
    /// They never do.
    Open,
    /// They always do.
    Token,
}

/// `[tls]`: the service's own certificate; plain HTTP when empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// PEM file of the certificate and those that lead to its CA.
    pub cert_file: PathBuf,
    /// PEM file of its key.
    pub key_file: PathBuf,
}

impl TlsSection {
    /// Whether the service speaks TLS.
    pub fn is_on(&self) -> bool {
        !self.cert_file.as_os_str().is_empty() || !self.key_file.as_os_str().is_empty()
    }
}

/// `[limits]`: limits on time and size.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// One stage `pull`, in seconds.
    pub pull_seconds: u64,
    /// One stage `build`, in seconds.
    pub build_seconds: u64,
    /// One stage `push`, in seconds.
    pub push_seconds: u64,
    /// A pull, a build or a push without any sign of life, in seconds.
    pub idle_seconds: u64,
    /// A task from its first stage to its end, in seconds.
    pub task_seconds: u64,
    /// How long after its limit a stage that does not end is given up from outside, in seconds.
    pub watchdog_seconds: u64,
    /// One inspection, in seconds.
    pub inspect_seconds: u64,
    /// A JSON body, in bytes.
    pub body_bytes: usize,
    /// An uploaded file, in bytes.
    pub upload_bytes: u64,
    /// Tasks waiting or running at the same time; more are refused with 429.
    pub unfinished_tasks: u64,
    /// Connections of clients at the same time; more wait to be accepted.
    pub connections: usize,
    /// The head of a request, from its first byte to its last, in seconds.
    pub header_seconds: u64,
    /// A connection between two requests, or with an answer that nobody reads, in seconds.
    pub idle_connection_seconds: u64,
    /// A pause within the body of a request, in seconds.
    pub body_seconds: u64,
    /// Headers of a request.
    pub headers: usize,
    /// The head of a request, in bytes.
    pub header_bytes: usize,
    /// The same of one user: the token's owner, or the request's maintainer where nobody logs in.
    pub unfinished_tasks_per_user: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            pull_seconds: 3_600,
            build_seconds: 14_400,
            push_seconds: 7_200,
            idle_seconds: 1_800,
            task_seconds: 21_600,
            watchdog_seconds: 60,
            inspect_seconds: 60,
            body_bytes: 4 << 20,
            upload_bytes: 8 << 30,
            unfinished_tasks: 10_000,
            connections: 4_096,
            header_seconds: 10,
            idle_connection_seconds: 75,
            body_seconds: 30,
            headers: 100,
            header_bytes: 64 << 10,
            unfinished_tasks_per_user: 2_000,
        }
    }
}

/// `[retention]`: what goes when it is old, and how full disks may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSection {
    /// Whether the timer sweeps; `POST /system/retention` always does.
    pub enabled: bool,
    /// How often, in seconds.
    pub every_seconds: u64,
    /// Directories of ended tasks, in days; 0 keeps them as long as their record.
    pub task_directory_days: u32,
    /// Records of ended tasks whose image is not in the list, and history, in days; 0 keeps them for ever.
    pub row_days: u32,
    /// `remove` or `keep`: the Docker server's copies of images that the registry has.
    pub local_images: LocalImages,
    /// How old these copies, and what failed tasks left, must be, in hours.
    pub local_image_hours: u32,
    /// Largest build cache on the Docker server in GiB; 0 sets no budget.
    pub build_cache_gb: f64,
    /// Below so much free space for task directories or database nothing is accepted or begun, in GiB.
    pub own_free_gb: f64,
    /// The same for the Docker server's disk, where it is this machine's.
    pub docker_free_gb: f64,
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self {
            enabled: true,
            every_seconds: 3_600,
            task_directory_days: 90,
            row_days: 365,
            local_images: LocalImages::Remove,
            local_image_hours: 168,
            build_cache_gb: 50.0,
            own_free_gb: 0.5,
            docker_free_gb: 2.0,
        }
    }
}

impl RetentionSection {
    /// How much must be free.
    pub fn watermarks(&self) -> Watermarks {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes 0 at least")]
        let bytes = |gigabytes: f64| (gigabytes * f64::from(1 << 30)) as u64;
        Watermarks { own_bytes: bytes(self.own_free_gb), docker_bytes: bytes(self.docker_free_gb) }
    }
}

/// What becomes of the Docker server's copies of pushed images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalImages {
    /// They go when they are old and the registry has them.
    Remove,
    /// They stay.
    Keep,
}

/// `[log]`: logging.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// A filter such as `info` or `fastbuild=debug,info`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

//! A real registry with Basic authentication, and a real daemon to pull what was assembled.

use std::io::Write as _;

use fastbuild::cause::Cause;
use fastbuild::image::{Digest, ImageReference};
use fastbuild::registry::{Deletion, PreflightReport, RegistryAccess, RegistryClient, RegistryError, is_insecure};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{done, order};
use crate::lab;
use crate::support::harbor::{MANIFEST_TYPE, descriptor};

fn client() -> RegistryClient {
    let host = lab::registry();
    let is_insecure = is_insecure(&host, &[]);
    RegistryClient::new(RegistryAccess { host, account: Some(lab::account()), ca_pem: None, is_insecure }).unwrap()
}

/// Sends requests as a plain HTTP client would, independently of the code under test.
struct Pusher(reqwest::Client);

impl Pusher {
    fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().build().unwrap())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let account = lab::account();
        let request = request.basic_auth(&account.username, Some(account.password.expose_secret()));
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        response
    }

    async fn blob(&self, repository: &str, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        let url = format!("http://{}/v2/{repository}/blobs/uploads/", lab::registry());
        let opened = self.send(self.0.post(url).header("content-length", 0)).await;
        let location = opened.headers()["location"].to_str().unwrap();
        self.send(self.0.put(format!("{location}&digest={digest}")).body(bytes)).await;
        digest
    }

    /// An image of one small layer for task 1, under a new name of its own.
    async fn image(&self, repository: &str) -> (ImageReference, Digest) {
        let mut tar = tar::Builder::new(Vec::new());
        let content = hex::encode(rand::random::<[u8; 16]>());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "marker", content.as_bytes()).unwrap();
        let tar = tar.into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        let layer = gzip.finish().unwrap();

        let reference = lab::unique_name(repository);
        let repository = reference.repository();
        let config = json!({"architecture": "amd64", "os": "linux",
            "config": {"Env": ["MARK=1"], "Cmd": ["/marker"], "Labels": {"task_id": "1", "kept": "yes"}},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&tar).as_str()]},
            "history": [{"created_by": "COPY marker /"}]})
        .to_string()
        .into_bytes();
        let (config_size, layer_size) = (config.len(), layer.len());
        let config = self.blob(repository, config).await;
        let layer = self.blob(repository, layer).await;
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": descriptor("application/vnd.docker.container.image.v1+json", &config, config_size),
            "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer, layer_size)]})
        .to_string();
        let digest = Digest::of(manifest.as_bytes());
        self.tag(&reference, manifest).await;
        (reference, digest)
    }

    async fn tag(&self, reference: &ImageReference, manifest: impl Into<reqwest::Body>) {
        let (repository, tag) = (reference.repository(), reference.tag_or_latest());
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", lab::registry());
        self.send(self.0.put(url).header("content-type", MANIFEST_TYPE).body(manifest)).await;
    }
}

#[tokio::test]
async fn names_are_resolved_and_labels_read() {
    let (client, pusher) = (client(), Pusher::new());
    let (reference, digest) = pusher.image("registry-read").await;
    let head = client.resolve(&reference).await.unwrap().unwrap();
    assert_eq!((&head.digest, head.media_type.as_str()), (&digest, MANIFEST_TYPE));
    let manifest = client.manifest(&reference).await.unwrap().unwrap();
    assert_eq!((&manifest.digest, manifest.bytes.len() as u64), (&digest, head.size_bytes));
    assert_eq!(client.task_id_of(&reference).await.unwrap(), Some(1));

    let unknown = lab::unique_name("registry-read");
    assert_eq!(client.resolve(&unknown).await.unwrap(), None);
    assert_eq!(client.task_id_of(&unknown).await.unwrap(), None);
    client.delete_tag_safely(&reference, &digest).await.unwrap();
}

#[tokio::test]
async fn an_image_is_assembled_that_the_daemon_pulls() {
    let (client, pusher, engine) = (client(), Pusher::new(), lab::engine().await);
    let (source, source_digest) = pusher.image("registry-source").await;
    let before = client.manifest(&source).await.unwrap().unwrap();
    for repository in ["registry-target", "registry-source"] {
        let target = lab::unique_name(repository);
        let assembled = done(client.assemble(&order(&source, &source_digest, &target)).await.unwrap());
        let is_other_repository = repository == "registry-target";
        assert_eq!((assembled.mounted_layers, assembled.copied_layers), (usize::from(is_other_repository), 0));
        assert!(assembled.moved_bytes < 4096, "{assembled:?}");
        assert_eq!(client.task_id_of(&target).await.unwrap(), Some(2));

        let events = lab::Events::default();
        let pulled = engine.pull(&target, Some(&lab::account()), &events).await.unwrap();
        assert_eq!(pulled.image_id.as_ref(), Some(&assembled.image_id));
        let labels: Vec<(&str, &str)> = pulled.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(labels, [("constructor", "FastBuild"), ("kept", "yes"), ("maintainer", "bob"), ("task_id", "2")]);
        assert_eq!((pulled.environment, pulled.command), (vec!["MARK=1".to_owned()], vec!["/marker".to_owned()]));
        engine.remove_image(&target.to_string()).await.unwrap();
        client.delete_tag_safely(&target, &assembled.digest).await.unwrap();
    }
    assert_eq!(client.manifest(&source).await.unwrap().unwrap(), before, "the source stays as it was");
    client.delete_tag_safely(&source, &source_digest).await.unwrap();
}

#[tokio::test]
async fn only_what_is_expected_and_alone_is_deleted() {
    let (client, pusher) = (client(), Pusher::new());
    let (reference, digest) = pusher.image("registry-delete").await;
    let manifest = client.manifest(&reference).await.unwrap().unwrap();
    let sibling = lab::unique_name("registry-delete");
    pusher.tag(&sibling, manifest.bytes).await;

    let tags = vec![sibling.tag_or_latest().to_owned()];
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), Deletion::Shared { tags });
    let other = Digest::of(b"other");
    let moved = Deletion::Moved { found: digest.clone() };
    assert_eq!(client.delete_tag_safely(&reference, &other).await.unwrap(), moved);
    assert!(client.resolve(&reference).await.unwrap().is_some());

    // The sibling becomes another image: what is left has one tag.
    let target = ImageReference::clone(&sibling);
    let assembled = done(client.assemble(&order(&reference, &digest, &target)).await.unwrap());
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), Deletion::Deleted);
    assert_eq!(client.delete_tag_safely(&reference, &digest).await.unwrap(), Deletion::Absent);
    assert_eq!(client.task_id_of(&sibling).await.unwrap(), Some(2), "the other image stays");
    assert_eq!(client.delete_tag_safely(&sibling, &assembled.digest).await.unwrap(), Deletion::Deleted);
}

#[tokio::test]
async fn preflight_of_a_plain_registry() {
    let target = lab::unique_name("registry-preflight");
    let PreflightReport::Checked(checks) = client().preflight(&target).await else { panic!("not checked") };
    assert!(checks.findings.is_empty() && !checks.is_harbor && checks.existing.is_none(), "{checks:?}");
    assert_eq!(checks.notes.len(), 1, "{checks:?}");
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let mut account = lab::account();
    account.password = "canary-7Yq".into();
    let access = RegistryAccess { host: lab::registry(), account: Some(account), ca_pem: None, is_insecure: true };
    let client = RegistryClient::new(access).unwrap();
    let target = lab::unique_name("registry-preflight");
    let report = client.preflight(&target).await;
    assert_eq!(report.failure().map(|finding| finding.cause), Some(Cause::RegistryAuth), "{report:?}");
    let error = client.resolve(&target).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error:?}");
    assert!(!format!("{report:?} {error:?} {error}").contains("canary"));
}

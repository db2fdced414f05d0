//! Manifests as registries keep them: one image's, or an index of images by platform.

use bytes::Bytes;
use serde::Deserialize;

use super::answer::parse;
use super::error::RegistryError;
use super::failure::malformed;
use crate::image::Digest;

/// Docker's own limit.
pub(super) const MANIFEST_LIMIT_BYTES: usize = 4 << 20;
/// Far above any real configuration.
pub(super) const CONFIG_LIMIT_BYTES: usize = 8 << 20;
const LAYER_LIMIT: usize = 1000;
const INDEX_LIMIT: usize = 1000;

/// What is asked for, with the older form first so that a registry that converts keeps it.
pub(super) const ACCEPTED: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.index.v1+json";
const IMAGE_TYPES: [&str; 2] =
    ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"];
const INDEX_TYPES: [&str; 2] =
    ["application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"];

/// What a registry says of a manifest without sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHead {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its own size in bytes, 0 when the registry does not say.
    pub size_bytes: u64,
}

impl ManifestHead {
    /// Whether it is an index of several images.
    pub fn is_index(&self) -> bool {
        INDEX_TYPES.contains(&self.media_type.as_str())
    }
}

/// A manifest, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// The digest of `bytes`.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// As the registry keeps it.
    pub bytes: Bytes,
}

/// The platform that an image is for, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64`.
    pub architecture: String,
}

impl Platform {
    /// A platform from what a daemon or an image says of itself; `x86_64` and `aarch64` are understood too.
    pub fn new(os: &str, architecture: &str) -> Self {
        let architecture = match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self { os: os.to_owned(), architecture: architecture.to_owned() }
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self::new("linux", "amd64")
    }
}

/// A blob that a manifest points to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Descriptor {
    #[serde(rename = "mediaType", default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Descriptor {
    /// Whether the registry keeps it: foreign layers are fetched from elsewhere and cannot be mounted.
    pub(super) fn is_kept(&self) -> bool {
        !self.media_type.contains("foreign") && !self.media_type.contains("nondistributable")
    }
}

#[derive(Debug, Deserialize)]
struct ImageDocument {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct IndexDocument {
    manifests: Vec<IndexEntry>,
}

/// A manifest that an index points to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IndexEntry {
    pub(super) digest: Digest,
    #[serde(default)]
    platform: Option<IndexPlatform>,
}

#[derive(Debug, Clone, Deserialize)]
struct IndexPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

/// A manifest that was understood.
#[derive(Debug)]
pub(super) enum Document {
    Image { config: Descriptor, layers: Vec<Descriptor> },
    Index(Vec<IndexEntry>),
}

impl RawManifest {
    /// Reads the manifest. Its content must be of the kind that its type says.
    pub(super) fn document(&self, what: &str) -> Result<Document, RegistryError> {
        let media_type = self.media_type.as_str();
        if IMAGE_TYPES.contains(&media_type) {
            let ImageDocument { config, layers } = parse(&self.bytes, what)?;
            if layers.len() > LAYER_LIMIT {
                return Err(malformed(what, "too many layers"));
            }
            Ok(Document::Image { config, layers })
        } else if INDEX_TYPES.contains(&media_type) {
            let IndexDocument { manifests } = parse(&self.bytes, what)?;
            if manifests.len() > INDEX_LIMIT {
                return Err(malformed(what, "too many manifests in an index"));
            }
            Ok(Document::Index(manifests))
        } else {
            let shown: String = media_type.chars().filter(|character| !character.is_control()).take(100).collect();
            Err(malformed(what, &format!("manifests of type '{shown}' are not understood")))
        }
    }
}

impl Platform {
    /// The image for this platform.
    pub(super) fn pick<'a>(&self, entries: &'a [IndexEntry]) -> Option<&'a IndexEntry> {
        entries.iter().find(|entry| {
            let platform = entry.platform.as_ref();
            platform.is_some_and(|platform| platform.os == self.os && platform.architecture == self.architecture)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(media_type: &str, text: &str) -> RawManifest {
        RawManifest {
            digest: Digest::of(text.as_bytes()),
            media_type: media_type.to_owned(),
            bytes: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    #[test]
    fn odd_manifests_are_errors() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let many = format!(r#"{{"manifests":[{}]}}"#, vec![format!(r#"{{"digest":"{digest}"}}"#); 1001].join(","));
        for (media_type, text) in [
            (IMAGE_TYPES[0], String::new()),
            (IMAGE_TYPES[0], "[]".to_owned()),
            (IMAGE_TYPES[0], r#"{"config":{"digest":"sha256:../..","size":1},"layers":[]}"#.to_owned()),
            (IMAGE_TYPES[0], format!(r#"{{"config":{{"digest":"{digest}","size":-1}},"layers":[]}}"#)),
            (IMAGE_TYPES[1], format!(r#"{{"config":{{"digest":"{digest}","size":1}},"layers":[{{}}]}}"#)),
            (IMAGE_TYPES[1], r#"{"manifests":[]}"#.to_owned()),
            (INDEX_TYPES[0], many),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}".to_owned()),
            ("text/html\n", "{}".to_owned()),
        ] {
            let error = manifest(media_type, &text).document("reading").unwrap_err();
            assert!(matches!(error, RegistryError::Malformed { .. }), "{media_type} {error:?}");
        }
    }

    #[test]
    fn an_index_is_searched_by_platform() {
        let entry = |letter: &str, platform: &str| format!(r#"{{"digest":"sha256:{}"{platform}}}"#, letter.repeat(64));
        let text = format!(
            r#"{{"manifests":[{},{},{}]}}"#,
            entry("a", ""),
            entry("b", r#","platform":{"os":"unknown","architecture":"unknown"}"#),
            entry("c", r#","platform":{"os":"linux","architecture":"arm64","variant":"v8"}"#)
        );
        let Document::Index(entries) = manifest(INDEX_TYPES[1], &text).document("reading").unwrap() else {
            panic!("an index")
        };
        let found = Platform::new("linux", "aarch64").pick(&entries).unwrap();
        assert_eq!(found.digest.hex(), "c".repeat(64));
        assert!(Platform::default().pick(&entries).is_none());
    }
}

//! Everything that is read of a registry's answers, for fuzzing.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::answer::{parse, words};
use super::challenge::Challenge;
use super::manifest::{Document, Platform, RawManifest};
use super::relabel::relabel_config;
use super::token::{TokenAnswer, missing_actions};
use crate::image::Digest;

const TYPES: [&str; 5] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "text/html",
];

/// The first byte says what the rest is taken for.
pub(crate) fn read_anything(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 6 {
        0 => {
            if let Some(Challenge::Bearer { realm, .. }) = Challenge::read(text.lines()) {
                assert!(realm.len() <= text.len());
            }
        }
        1 => {
            let answer: Option<TokenAnswer> = parse(rest, "a token").ok();
            if let Some((token, lifetime)) = answer.and_then(TokenAnswer::into_token) {
                assert!(lifetime.as_secs() <= 3_600);
                let _ = missing_actions(&token, "a/b", &["pull", "push"]);
            }
        }
        2 => drop(missing_actions(&text.into_owned().into(), "a/b", &["pull", "push"])),
        3 => {
            let media_type = TYPES[usize::from(kind / 6) % TYPES.len()].to_owned();
            let raw = RawManifest { digest: Digest::of(rest), media_type, bytes: Bytes::copy_from_slice(rest) };
            match raw.document("a manifest") {
                Ok(Document::Image { config, layers }) => {
                    assert!(layers.len() <= 1000);
                    assert!(layers.iter().chain([&config]).all(|descriptor| descriptor.digest.hex().len() == 64));
                }
                Ok(Document::Index(entries)) => drop(Platform::default().pick(&entries)),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        4 => {
            let labels = BTreeMap::from([("task_id".to_owned(), "1".to_owned())]);
            if let Ok(config) = relabel_config(rest, &labels, Some("1001")) {
                let config: serde_json::Value = serde_json::from_slice(&config).expect("JSON");
                assert_eq!(config["config"]["Labels"]["task_id"], "1");
                assert_eq!(config["author"], "1001");
            }
        }
        _ => assert!(words(rest).len() <= rest.len() * 3),
    }
}

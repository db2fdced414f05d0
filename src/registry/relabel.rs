//! An image's configuration under other labels, and its manifest around that. Pure; all else stays as it was.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::RegistryError;
use super::failure::malformed;
use crate::image::Digest;

/// The configuration with these labels set and, where one is given, this author.
pub(super) fn relabel_config(
    config: &[u8],
    labels: &BTreeMap<String, String>,
    author: Option<&str>,
) -> Result<Vec<u8>, RegistryError> {
    let what = "relabelling a configuration";
    let mut document: Map<String, Value> = super::answer::parse(config, what)?;
    set_labels(document.entry("config"), labels).ok_or_else(|| malformed(what, "its config is no object"))?;
    // The first-generation builder keeps a copy, where another task's words must not stay either.
    if document.get("container_config").is_some_and(Value::is_object) {
        set_labels(document.entry("container_config"), labels)
            .ok_or_else(|| malformed(what, "its container_config is no object"))?;
    }
    if let Some(author) = author {
        document.insert("author".to_owned(), json!(author));
    }
    if let Some(Value::Array(history)) = document.get_mut("history") {
        for entry in history.iter_mut().filter_map(Value::as_object_mut) {
            rewrite_history(entry, labels, author);
        }
    }
    serde_json::to_vec(&document).map_err(|_| malformed(what, "it cannot be written"))
}

fn set_labels(entry: serde_json::map::Entry<'_>, labels: &BTreeMap<String, String>) -> Option<()> {
    let config = entry.or_insert_with(|| json!({}));
    if config.is_null() {
        *config = json!({});
    }
    let kept = config.as_object_mut()?.entry("Labels").or_insert_with(|| json!({}));
    if kept.is_null() {
        *kept = json!({});
    }
    let kept = kept.as_object_mut()?;
    for (name, value) in labels {
        kept.insert(name.clone(), json!(value));
    }
    Some(())
}

/// A history line that set one of these labels, or the author, says what holds now instead of another task's words.
fn rewrite_history(entry: &mut Map<String, Value>, labels: &BTreeMap<String, String>, author: Option<&str>) {
    if entry.get("empty_layer") != Some(&Value::Bool(true)) {
        return;
    }
    let Some(line) = entry.get("created_by").and_then(Value::as_str) else { return };
    let instruction = line.rsplit_once("#(nop)").map_or(line, |(_, instruction)| instruction).trim().to_owned();
    let names: Vec<&String> = match instruction.strip_prefix("LABEL ") {
        Some(rest) => labels.keys().filter(|name| sets_label(rest, name)).collect(),
        None => Vec::new(),
    };
    if !names.is_empty() {
        let pairs = names.iter().map(|name| format!("{name}={}", labels[*name]));
        entry.insert("created_by".to_owned(), json!(format!("LABEL {}", pairs.collect::<Vec<_>>().join(" "))));
    }
    if let Some(author) = author {
        if instruction.starts_with("MAINTAINER ") {
            entry.insert("created_by".to_owned(), json!(format!("MAINTAINER {author}")));
        }
        if entry.contains_key("author") {
            entry.insert("author".to_owned(), json!(author));
        }
    }
}

fn sets_label(instruction: &str, name: &str) -> bool {
    instruction.split_whitespace().any(|word| {
        let word = word.trim_start_matches('"');
        word.strip_prefix(name).is_some_and(|rest| rest.starts_with(['=', '"']))
    })
}

/// The manifest with another configuration.
pub(super) fn replace_config(manifest: &[u8], digest: &Digest, size_bytes: usize) -> Result<Vec<u8>, RegistryError> {
    let what = "rewriting a manifest";
    let mut document: Map<String, Value> = super::answer::parse(manifest, what)?;
    let config = document.get_mut("config").and_then(Value::as_object_mut);
    let config = config.ok_or_else(|| malformed(what, "it has no config"))?;
    config.insert("digest".to_owned(), json!(digest.as_str()));
    config.insert("size".to_owned(), json!(size_bytes));
    // Inlined content would be that of the other configuration.
    config.remove("data");
    serde_json::to_vec(&document).map_err(|_| malformed(what, "it cannot be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn relabelled(config: &Value, pairs: &[(&str, &str)], author: Option<&str>) -> Value {
        let bytes = relabel_config(config.to_string().as_bytes(), &labels(pairs), author).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn labels_change_and_all_else_stays() {
        let config = json!({
            "architecture": "amd64", "author": "ann",
            "config": {"Env": ["A=<b>&"], "Labels": {"task_id": "1", "other": "kept"}, "User": "1000"},
            "container_config": {"Labels": {"task_id": "1"}},
            "created": "2026-01-01T00:00:00Z",
            "history": [
                {"created_by": "RUN echo task_id=1"},
                {"created_by": "LABEL constructor=FastBuild task_id=1", "empty_layer": true, "author": "ann"},
                {"created_by": "/bin/sh -c #(nop)  LABEL \"maintainer\"=\"ann lee\"", "empty_layer": true},
                {"created_by": "LABEL task_identity=7", "empty_layer": true},
                {"created_by": "MAINTAINER ann", "empty_layer": true}
            ],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:x"]}, "os": "linux", "odd": 12_345_678_901_234_567_u64
        });
        let found = relabelled(&config, &[("task_id", "2"), ("maintainer", "bob")], Some("bob"));
        let expected = json!({
            "architecture": "amd64", "author": "bob",
            "config": {"Env": ["A=<b>&"], "Labels": {"task_id": "2", "other": "kept", "maintainer": "bob"}, "User": "1000"},
            "container_config": {"Labels": {"task_id": "2", "maintainer": "bob"}},
            "created": "2026-01-01T00:00:00Z",
            "history": [
                {"created_by": "RUN echo task_id=1"},
                {"created_by": "LABEL task_id=2", "empty_layer": true, "author": "bob"},
                {"created_by": "LABEL maintainer=bob", "empty_layer": true},
                {"created_by": "LABEL task_identity=7", "empty_layer": true},
                {"created_by": "MAINTAINER bob", "empty_layer": true}
            ],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:x"]}, "os": "linux", "odd": 12_345_678_901_234_567_u64
        });
        assert_eq!(found, expected);
        assert_eq!(found.as_object().unwrap().keys().next().unwrap(), "architecture", "the order stays");
    }

    #[test]
    fn missing_parts_are_made() {
        for config in [json!({}), json!({"config": null}), json!({"config": {"Labels": null}})] {
            assert_eq!(relabelled(&config, &[("a", "b")], None)["config"]["Labels"], json!({"a": "b"}), "{config}");
        }
        for odd in ["[]", "{", r#"{"config":[]}"#, r#"{"config":{"Labels":7}}"#] {
            assert!(relabel_config(odd.as_bytes(), &labels(&[("a", "b")]), None).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_manifest_gets_its_new_configuration() {
        let digest = Digest::of(b"x");
        let manifest = br#"{"schemaVersion":2,"config":{"mediaType":"t","digest":"d","size":1,"data":"e30="},"layers":[1],"annotations":{"a":"b"}}"#;
        let found: Value = serde_json::from_slice(&replace_config(manifest, &digest, 42).unwrap()).unwrap();
        let expected = json!({"schemaVersion": 2, "config": {"mediaType": "t", "digest": digest.as_str(), "size": 42}, "layers": [1], "annotations": {"a": "b"}});
        assert_eq!(found, expected);
        assert!(replace_config(b"{}", &digest, 1).is_err());
    }
}

//! An inventory → a CycloneDX 1.5 document.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::inventory::{Inventory, Package};
use super::package_url::PackageUrl;
use crate::clock::Moment;
use crate::image::{Digest, ImageReference};

/// The image that a document is about.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// Its name, with its tag.
    pub(super) name: ImageReference,
    /// The manifest digest that the registry confirmed.
    pub(super) digest: Digest,
    /// Its id on the daemon.
    pub(super) image_id: Option<Digest>,
    /// The base image that it was built from, as the request named it.
    pub(super) base: String,
    /// The task that pushed it.
    pub(super) task_id: i64,
}

/// Writes the document.
pub(super) fn document(subject: &Subject, inventory: &Inventory, made: Moment) -> Value {
    let mut components = Vec::new();
    if !inventory.os_id.is_empty() {
        components.push(operating_system(inventory));
    }
    components.extend(inventory.packages.iter().map(|(url, package)| component(url, package)));
    // A package database that could not be read, or records that were left out: what is listed is not all.
    let is_whole = inventory.unread.is_empty() && inventory.refused == 0;
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial_number(),
        "version": 1,
        "metadata": {
            "timestamp": format!("{}Z", made.in_zone(&TimeZone::UTC)),
            "tools": {"components": [
                {"type": "application", "name": "FastBuild", "version": env!("CARGO_PKG_VERSION")}
            ]},
            "component": image(subject),
            "properties": properties(&[
                ("fastbuild:refused_records", &inventory.refused.to_string()),
                ("fastbuild:unread_databases", &inventory.unread.iter().cloned().collect::<Vec<_>>().join(",")),
            ]),
        },
        "components": components,
        "compositions": [{"aggregate": if is_whole { "complete" } else { "incomplete" }, "assemblies": ["image"]}],
    })
}

fn image(subject: &Subject) -> Value {
    let name = subject.name.name();
    let last = subject.name.repository().rsplit('/').next().unwrap_or_default();
    let url = PackageUrl::new("oci", "", last, subject.digest.as_str());
    let url = url.with("repository_url", &name).with("tag", subject.name.tag_or_latest());
    json!({
        "bom-ref": "image",
        "type": "container",
        "name": name,
        "version": subject.name.tag_or_latest(),
        "purl": url.into_text(),
        "hashes": [{"alg": "SHA-256", "content": subject.digest.hex()}],
        "properties": properties(&[
            ("fastbuild:image", &subject.name.to_string()),
            ("fastbuild:image_digest", subject.digest.as_str()),
            ("fastbuild:image_id", subject.image_id.as_ref().map_or("", Digest::as_str)),
            ("fastbuild:base_image", &subject.base),
            ("fastbuild:task_id", &subject.task_id.to_string()),
        ]),
    })
}

fn operating_system(inventory: &Inventory) -> Value {
    json!({
        "bom-ref": "operating-system",
        "type": "operating-system",
        "name": inventory.os_id,
        "version": inventory.os_version,
        "description": inventory.os_title,
    })
}

fn component(url: &str, package: &Package) -> Value {
    let mut component = json!({"bom-ref": url, "type": "library", "name": package.name});
    if !package.version.is_empty() {
        component["version"] = json!(package.version);
    }
    component["purl"] = json!(url);
    if !package.locations.is_empty() {
        let occurrences: Vec<Value> = package.locations.iter().map(|location| json!({"location": location})).collect();
        component["evidence"] = json!({"occurrences": occurrences});
    }
    component["properties"] = properties(&[("fastbuild:package_manager", package.manager)]);
    component
}

/// Names and values; those without a value are left out.
fn properties(pairs: &[(&str, &str)]) -> Value {
    let told = pairs.iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// A random UUID (version 4) as a URN.
fn serial_number() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::super::{inventory, records};
    use super::*;

    fn subject() -> Subject {
        Subject {
            name: "harbor.example.cn/team/a/b:1".parse().unwrap(),
            digest: Digest::of(b"manifest"),
            image_id: Some(Digest::of(b"configuration")),
            base: "debian:12".to_owned(),
            task_id: 7,
        }
    }

    #[test]
    fn a_document_is_as_agreed() {
        let output = "M\tbegin\t1\nM\tos\tID=debian\nM\tos\tVERSION_ID=12\nM\tos\tPRETTY_NAME=Debian 12\n\
            M\tdpkg\tname\tlibc6\nM\tdpkg\tversion\t2.36\nM\tdpkg\tarchitecture\tamd64\n\
            M\tpython\t/usr/lib/six-1.16.0.dist-info\tsix\t1.16.0\nM\tpython\t/src/mine.egg-info\tmine\t\nM\tend\t1\n";
        let inventory = inventory::read(&records::read(output, "M").unwrap());
        let mut document = document(&subject(), &inventory, Moment(1_795_229_647_054_672));
        let serial = document["serialNumber"].as_str().unwrap().to_owned();
        assert!(serial.len() == 45 && serial.starts_with("urn:uuid:"), "{serial}");
        document["serialNumber"] = json!("urn:uuid:…");
        document["metadata"]["tools"]["components"][0]["version"] = json!("…");
        insta::assert_json_snapshot!(document);
    }

    #[test]
    fn a_list_with_gaps_says_so() {
        let output = "M\tbegin\t1\nM\tunread\trpm\nM\tdpkg\tname\t\u{1b}\nM\tend\t1\n";
        let inventory = inventory::read(&records::read(output, "M").unwrap());
        let document = document(&subject(), &inventory, Moment(0));
        assert_eq!(document["compositions"][0]["aggregate"], "incomplete");
        let told = document["metadata"]["properties"].to_string();
        assert!(
            told.contains(r#""fastbuild:refused_records","value":"1""#) && told.contains(r#""value":"rpm""#),
            "{told}"
        );
        assert_eq!(document["components"], json!([]));
    }
}

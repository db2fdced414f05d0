//! The registry client: against the laboratory's registry, and against a double that speaks Harbor.

mod assembly;
mod deletion;
mod faults;
mod lab_registry;
mod preflight;
mod scan;
pub mod scan_after_push;
mod tls;

use std::collections::BTreeMap;

use fastbuild::image::{Digest, ImageReference};
use fastbuild::registry::{AssembleOrder, Assembled, Assembly, Platform};

/// An order that makes `target` of `source` for task 2.
fn order(source: &ImageReference, digest: &Digest, target: &ImageReference) -> AssembleOrder {
    let labels = [("constructor", "FastBuild"), ("task_id", "2"), ("maintainer", "bob")];
    AssembleOrder {
        source: source.clone(),
        manifest_digest: digest.clone(),
        target: target.clone(),
        labels: labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>(),
        author: None,
        platform: Platform::default(),
    }
}

fn done(assembly: Assembly) -> Assembled {
    match assembly {
        Assembly::Done(assembled) => assembled,
        Assembly::Fallback(reason) => panic!("fell back: {reason}"),
        Assembly::Unconfirmed(error) => panic!("unconfirmed: {error}"),
    }
}

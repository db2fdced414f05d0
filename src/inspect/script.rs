//! The probe's script: fixed text in `probe.sh`, but for the mark that tells its records from other output.

use rand::RngExt as _;

/// Where our start script lies in images that serve SSH or JupyterLab.
pub const START_SCRIPT: &str = "/usr/local/dros/fastbuild/start.sh";

const TEMPLATE: &str = include_str!("probe.sh");

/// A mark that an image cannot have printed by chance: 128 random bits in hex.
pub(super) fn new_mark() -> String {
    let bytes: [u8; 16] = rand::rng().random();
    hex::encode(bytes)
}

/// The script under this mark.
pub(super) fn text(mark: &str) -> String {
    TEMPLATE.replace("@MARK@", mark).replace("@START_SCRIPT@", START_SCRIPT)
}

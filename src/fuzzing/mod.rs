//! What the fuzz targets in `fuzz/` call, one function a kind of hostile input.
//!
//! Each takes any bytes and panics when a promise is broken: no instruction too many, nothing written elsewhere, no cut
//! that changes a message. Compiled for tests and with the feature `fuzzing` only; the tests replay the corpus, so that
//! what was found once stays mended without cargo-fuzz.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a fuzz target fails by panicking")]

mod daemon_stream;
mod instructions;
mod reference;
mod request;
mod upload;

pub use daemon_stream::daemon_stream;
pub use reference::reference;
pub use request::request;
pub use upload::upload;

#[cfg(test)]
pub(crate) use instructions::assert_intended;

/// A TLS archive from a client: three PEM files within the limits, or a refusal.
pub fn tls_archive(bytes: &[u8]) {
    if let Ok(files) = crate::site::unpack_tls_archive(bytes) {
        assert_eq!(files.len(), 3);
        for content in files.values() {
            assert!(content.len() <= 1 << 20 && content.windows(11).any(|window| window == b"-----BEGIN "));
        }
    }
}

/// What a registry answers: challenges, tokens, manifests, configurations, refusals.
pub fn registry(bytes: &[u8]) {
    crate::registry::read_anything(bytes);
}

#[cfg(test)]
mod tests;

//! Names of ours on a Docker server, for images that builds start from and must find there.
//!
//! `.invalid` is reserved (RFC 2606): nobody can push to such a name or lead it anywhere, so what is missing under it
//! fails instead of being fetched from somewhere.

use super::{Digest, ImageReference, RegistryHost};

/// The registry that does not exist.
pub const PIN_REGISTRY: &str = "fastbuild.invalid";

/// The name under which an inspected base is held, by its image id.
pub fn base_pin(image_id: &Digest) -> ImageReference {
    named("base", image_id)
}

/// The name of the image that holds one installer file, by the digest of its bytes.
pub fn installer_pin(content: &Digest) -> ImageReference {
    named("installer", content)
}

/// Whether a name is one of ours on the Docker server.
pub fn is_pin(name: &ImageReference) -> bool {
    name.registry().is_some_and(|registry: &RegistryHost| registry.as_str() == PIN_REGISTRY)
}

fn named(kind: &str, digest: &Digest) -> ImageReference {
    match format!("{PIN_REGISTRY}/{kind}:{}", digest.hex()).parse() {
        Ok(name) => name,
        Err(_) => unreachable!("64 hex digits are a tag"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_hold() {
        let digest = Digest::of(b"content");
        assert_eq!(installer_pin(&digest).to_string(), format!("fastbuild.invalid/installer:{}", digest.hex()));
        assert!(is_pin(&base_pin(&digest)) && is_pin(&installer_pin(&digest)));
        for other in ["fastbuild.invalid", "harbor.example.cn/fastbuild.invalid/base:1", "fastbuild.invalid.cn/base:1"]
        {
            assert!(!is_pin(&other.parse().unwrap()), "{other}");
        }
    }
}

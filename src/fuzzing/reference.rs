//! Names of images, registries and digests.

use crate::image::{Digest, ImageReference, RegistryHost};

/// A name as a client writes it: refused, or the same after it was written and read again, and nothing a shell, a URL or
/// a Dockerfile could take for more than a name.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(name) = text.parse::<ImageReference>() {
        let written = name.to_string();
        assert_plain(&written);
        assert_eq!(written.parse::<ImageReference>().as_ref(), Ok(&name), "{written}");
        assert_plain(name.repository());
        assert!(!name.repository().split('/').any(|part| matches!(part, "" | "." | "..")), "{written}");
        assert!(!name.tag_or_latest().contains(['/', ':']), "{written}");
    }
    if let Ok(host) = text.parse::<RegistryHost>() {
        assert_plain(host.as_str());
        assert!(!host.as_str().contains(['/', '@', '?', '#']), "{host}");
        assert_eq!(host.to_string().parse::<RegistryHost>().as_ref(), Ok(&host));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert!(digest.hex().len() == 64 && digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    }
}

fn assert_plain(text: &str) {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/:@[]+".contains(character);
    assert!(!text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain), "{text:?}");
}

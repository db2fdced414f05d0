//! Package URLs (purl), the names by which scanners know packages.

use std::fmt::Write as _;

/// A package URL in the making.
pub(super) struct PackageUrl {
    text: String,
    has_qualifiers: bool,
}

impl PackageUrl {
    /// `pkg:type/namespace/name@version`; empty parts are left out.
    pub(super) fn new(kind: &str, namespace: &str, name: &str, version: &str) -> Self {
        let mut text = format!("pkg:{kind}/");
        if !namespace.is_empty() {
            encode(&mut text, namespace);
            text.push('/');
        }
        encode(&mut text, name);
        if !version.is_empty() {
            text.push('@');
            encode(&mut text, version);
        }
        Self { text, has_qualifiers: false }
    }

    /// The same with a qualifier, unless its value is empty. Given in the order of their names.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.text.push(if self.has_qualifiers { '&' } else { '?' });
            self.text.push_str(name);
            self.text.push('=');
            encode(&mut self.text, value);
            self.has_qualifiers = true;
        }
        self
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

fn encode(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_encoded_and_empty_ones_left_out() {
        let url =
            PackageUrl::new("deb", "debian", "g++", "4:12.2.0-3~a").with("arch", "amd64").with("distro", "debian-12");
        assert_eq!(url.into_text(), "pkg:deb/debian/g%2B%2B@4%3A12.2.0-3~a?arch=amd64&distro=debian-12");
        let url = PackageUrl::new("pypi", "", "a/b?c#d", "").with("x", "").with("y", "名&=");
        assert_eq!(url.into_text(), "pkg:pypi/a%2Fb%3Fc%23d?y=%E5%90%8D%26%3D");
    }
}

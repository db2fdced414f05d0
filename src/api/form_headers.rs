//! Control characters in the headers of a form's parts.
//!
//! Clients put any text into a field's name, and the old service read it; the parser here refuses the whole form for one
//! control character. So they are replaced while the body passes, and only there: between a boundary and the empty line
//! after it. Content passes as it is, and nothing is held back.

use bytes::{Bytes, BytesMut};

/// What stands in the place of a control character; no file name may hold it.
const REPLACEMENT: u8 = b'?';
const HEADERS_END: &[u8] = b"\r\n\r\n";

/// Follows a form's body through its parts, whatever its cuts.
pub(super) struct HeaderCleaner {
    /// Line break, two dashes and the boundary.
    delimiter: Vec<u8>,
    /// How much of the delimiter, or of the headers' end, was just seen.
    seen: usize,
    in_headers: bool,
}

impl HeaderCleaner {
    /// A cleaner for a form of that Content-Type; nothing when it names no boundary.
    pub(super) fn new(content_type: &str) -> Option<Self> {
        let (_, after) = content_type.split_once("boundary=")?;
        let boundary = match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => after.split(';').next()?.trim(),
        };
        let delimiter = [b"\r\n--".as_slice(), boundary.as_bytes()].concat();
        // A body begins with a boundary, without a line break before it.
        Some(Self { delimiter, seen: 2, in_headers: false })
    }

    /// The next bytes of the body, cleaned.
    pub(super) fn clean(&mut self, bytes: Bytes) -> Bytes {
        let mut changed: Option<BytesMut> = None;
        for (index, byte) in bytes.iter().copied().enumerate() {
            if self.in_headers && byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t') {
                changed.get_or_insert_with(|| BytesMut::from(&bytes[..]))[index] = REPLACEMENT;
            }
            self.follow(byte);
        }
        changed.map_or(bytes, BytesMut::freeze)
    }

    fn follow(&mut self, byte: u8) {
        let wanted = if self.in_headers { HEADERS_END } else { &self.delimiter };
        if wanted[self.seen] == byte {
            self.seen += 1;
            if self.seen == wanted.len() {
                (self.in_headers, self.seen) = (!self.in_headers, 0);
                // An empty part ends with the boundary right after its headers.
                self.seen = if self.in_headers { 0 } else { 2 };
            }
        } else {
            // Both begin with a carriage return, which no boundary holds.
            self.seen = usize::from(byte == b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"a\x13\x7f\xc2\x84\"\r\n\r\n\x00\x13\r\n--b\x13\r\n--b\r\nX: \ty\x01\r\n\r\n--b\r\nZ: \x02\r\n\r\n\x02\r\n--b--\r\n";

    fn cleaned(pieces: &[&[u8]]) -> Vec<u8> {
        let mut cleaner = HeaderCleaner::new("multipart/form-data; boundary=b").unwrap();
        pieces.iter().flat_map(|piece| cleaner.clean(Bytes::copy_from_slice(piece))).collect()
    }

    #[test]
    fn headers_are_cleaned_and_content_is_not() {
        let whole = cleaned(&[FORM]);
        let expected = b"--b\r\nContent-Disposition: form-data; name=\"a??\xc2\x84\"\r\n\r\n\x00\x13\r\n--b?\r\n--b\r\nX: \ty?\r\n\r\n--b\r\nZ: ?\r\n\r\n\x02\r\n--b--\r\n";
        assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(expected));
        for cut in 0..FORM.len() {
            assert_eq!(cleaned(&[&FORM[..cut], &FORM[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn boundaries_are_read_with_and_without_quotes() {
        for (kind, delimiter) in [
            ("multipart/form-data; boundary=abc", "\r\n--abc"),
            ("multipart/form-data; boundary=\"a c\"; x=y", "\r\n--a c"),
            ("multipart/form-data; boundary=abc ; charset=utf-8", "\r\n--abc"),
        ] {
            assert_eq!(HeaderCleaner::new(kind).unwrap().delimiter, delimiter.as_bytes(), "{kind}");
        }
        assert!(HeaderCleaner::new("multipart/form-data").is_none());
    }
}

//! Words of shell commands.

/// A text as one word that every POSIX shell reads back unchanged.
pub(super) fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+,@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Several texts as words with spaces between them.
pub(super) fn words<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| word(text.as_ref())).collect::<Vec<_>>().join(" ")
}

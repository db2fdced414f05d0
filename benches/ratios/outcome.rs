//! What every part of the harness returns, and where it speaks.

/// A result whose error is for people.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// An error of words.
pub fn fault<T>(words: impl Into<String>) -> Outcome<T> {
    Err(words.into().into())
}

/// What is going on, on standard error: the table alone is on standard output.
#[expect(clippy::print_stderr, reason = "a program for people")]
pub fn say(line: &str) {
    eprintln!("{line}");
}

//! Passwords from a file, from standard input or from a person, never from an argument that `ps` shows.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use console::Term;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::failure::ClientError;

/// The first line of a file.
pub(super) fn from_file(path: &Path) -> Result<SecretString, ClientError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| ClientError::unreadable(path, &error))?;
    Ok(first_line(&text))
}

/// The first line of standard input.
pub(super) fn from_standard_input() -> Result<SecretString, ClientError> {
    let mut text = Zeroizing::new(String::new());
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|error| ClientError::unreadable(Path::new("-"), &error))?;
    Ok(first_line(&text))
}

/// What a person types unseen, or the first line of standard input where there is none.
pub(super) fn asked(question: &str) -> Result<SecretString, ClientError> {
    if !io::stdin().is_terminal() {
        return from_standard_input();
    }
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    let line = Zeroizing::new(terminal.read_secure_line()?);
    Ok(first_line(&line))
}

fn first_line(text: &str) -> SecretString {
    SecretString::from(text.lines().next().unwrap_or_default())
}

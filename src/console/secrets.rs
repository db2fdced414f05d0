//! Encrypts the passwords of a new build as the platform does, so that the key stays here.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::outcome::Outcome;

/// Passwords as somebody typed them; empty for none.
#[derive(Deserialize)]
pub(super) struct Passwords {
    #[serde(default)]
    ssh: SecretString,
    #[serde(default)]
    jupyter: SecretString,
}

/// Answers the two secret fields of a build request.
pub(super) async fn encrypt(State(console): State<Console>, Json(passwords): Json<Passwords>) -> Outcome {
    Outcome::with(&json!({
        "webSSHSecret": console.cipher.encrypt(&passwords.ssh),
        "jupyterLabSecret": console.cipher.encrypt(&passwords.jupyter),
    }))
}

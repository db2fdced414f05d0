//! A request's passwords, kept apart from its document and sealed.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::request::BuildRequest;

/// Passwords of one request.
#[derive(Debug, Clone, Default)]
pub struct KeptPasswords {
    /// SSH root password.
    pub ssh: Option<SecretString>,
    /// JupyterLab password.
    pub jupyter: Option<SecretString>,
}

impl KeptPasswords {
    /// The passwords of a parsed request.
    pub fn of(request: &BuildRequest) -> Self {
        Self { ssh: request.ssh_password.clone(), jupyter: request.jupyter_password.clone() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ssh.is_none() && self.jupyter.is_none()
    }

    /// As a JSON document, to be sealed.
    pub fn to_json(&self) -> SecretString {
        let text = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        SecretString::from(serde_json::json!({ "ssh": text(&self.ssh), "jupyter": text(&self.jupyter) }).to_string())
    }

    /// Reads what [`Self::to_json`] wrote; what cannot be read is no password.
    pub fn from_json(document: &SecretString) -> Self {
        let value: Value = serde_json::from_str(document.expose_secret()).unwrap_or_default();
        let secret = |name: &str| value[name].as_str().map(SecretString::from);
        Self { ssh: secret("ssh"), jupyter: secret("jupyter") }
    }
}

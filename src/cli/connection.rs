//! The connection to a service: where it is, who asks and in which language.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer::{self, Answer};
use super::failure::ClientError;
use super::password;
use crate::language::{Language, Notice};

/// Where a service listens by default.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:48001";
const PREFIX: &str = "/api/fast-build";
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Reading is quick; what pulls or tests may take as long as a pull does.
const READ_LIMIT: Duration = Duration::from_mins(1);
const WORK_LIMIT: Duration = Duration::from_hours(1);

/// How a service is reached.
#[derive(Debug, Clone, Args)]
pub(super) struct ConnectionArguments {
    /// Address of the service.
    #[arg(long, env = "FASTBUILD_URL", hide_env_values = true, default_value = DEFAULT_URL, help_heading = "Connection")]
    url: String,
    /// Token, where the service asks for one.
    #[arg(long, env = "FASTBUILD_TOKEN", hide_env_values = true, help_heading = "Connection")]
    token: Option<SecretString>,
    /// File of the token, so that it stands in no list of processes.
    #[arg(
        long,
        env = "FASTBUILD_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE",
        conflicts_with = "token",
        help_heading = "Connection"
    )]
    token_file: Option<PathBuf>,
    /// PEM file of the CA that issued the service's certificate; the system's CAs are trusted too.
    #[arg(long, env = "FASTBUILD_CA", hide_env_values = true, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// Language of messages; the locale's when it is not given.
    #[arg(long, value_enum, help_heading = "Connection")]
    lang: Option<Tongue>,
    /// Print JSON for scripts, one document a line.
    #[arg(long, help_heading = "Connection")]
    pub(super) json: bool,
}

/// A service to talk to.
pub(super) struct Connection {
    client: Client,
    url: String,
    /// Whether results are JSON.
    pub(super) json: bool,
    /// The language of whoever asks.
    pub(super) language: Language,
}

impl ConnectionArguments {
    /// The language asked for, else the one of the locale. A locale of neither language reads English.
    pub(super) fn language(&self) -> Language {
        self.lang.map_or_else(locale_language, Language::from)
    }
}

/// A language by its short name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Tongue {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::Zh => Self::Chinese,
            Tongue::En => Self::English,
        }
    }
}

impl Connection {
    /// Words in the language of whoever asks.
    pub(super) fn say(&self, notice: &Notice) -> String {
        notice.render(self.language)
    }

    /// A connection; nothing is asked yet.
    pub(super) fn new(arguments: &ConnectionArguments) -> Result<Self, ClientError> {
        let url = arguments.url.trim_end_matches('/').to_owned();
        let is_http = url::Url::parse(&url).is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https"));
        if !is_http {
            return Err(ClientError::Usage(Notice::NoAddress(url)));
        }
        let mut headers = HeaderMap::new();
        let language = arguments.language();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(language.tag()));
        let token = match (&arguments.token, &arguments.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(password::from_file(file)?),
            (None, None) => None,
        };
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| ClientError::Usage(Notice::TokenCharacters))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // The service stands in the same network; a proxy for the world outside would only hide it.
        let builder = Client::builder().default_headers(headers).connect_timeout(CONNECT_LIMIT).no_proxy();
        let builder = trust(builder, &url, arguments.ca.as_deref())?;
        let client =
            builder.build().map_err(|error| ClientError::Unreachable { url: url.clone(), reason: cause_of(&error) })?;
        Ok(Self { client, url, json: arguments.json, language })
    }

    /// Asks for something that is there.
    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, ClientError> {
        self.answer(self.client.get(self.address(path)).query(query).timeout(READ_LIMIT)).await
    }

    /// Asks for a document that has no envelope; a refusal has one. It may have to be made first.
    pub(super) async fn document(&self, path: &str, query: &[(&str, String)]) -> Result<Value, ClientError> {
        let request = self.client.get(self.address(path)).query(query).timeout(WORK_LIMIT);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, url) = (response.status(), response.url().to_string());
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_envelope = !status.is_success() || media_type.starts_with("application/json");
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if is_envelope {
            return answer::read(&url, status, &body).map(|answer| answer.data);
        }
        let reason = |_| ClientError::Unreadable { url: url.clone(), reason: format!("it is no JSON ({status})") };
        serde_json::from_slice(&body).map_err(reason)
    }

    /// Asks for something to be done.
    pub(super) async fn post(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, ClientError> {
        self.answer(self.client.post(self.address(path)).query(query).timeout(WORK_LIMIT)).await
    }

    /// Sends what `fill` puts into a POST.
    pub(super) async fn send(
        &self,
        path: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, ClientError> {
        self.answer(fill(self.client.post(self.address(path)).timeout(WORK_LIMIT))).await
    }

    /// Opens a stream that lasts as long as it lasts.
    pub(super) async fn open(
        &self,
        path: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        fill(self.client.get(self.address(path))).send().await.map_err(|error| self.unreachable(&error))
    }

    /// The error for a connection that broke.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.url.clone(), reason: cause_of(error) }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{PREFIX}{path}", self.url)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, url) = (response.status(), response.url().to_string());
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        answer::read(&url, status, &body)
    }
}

/// Trusts the system's CAs and the given one, where the address is one of TLS.
pub(super) fn trust(
    mut builder: ClientBuilder,
    url: &str,
    authority: Option<&Path>,
) -> Result<ClientBuilder, ClientError> {
    if let Some(path) = authority {
        let unusable = || ClientError::Usage(Notice::NoCertificate(path.display().to_string()));
        let pem = std::fs::read(path).map_err(|error| ClientError::unreadable(path, &error))?;
        let found = Certificate::from_pem_bundle(&pem).map_err(|_| unusable())?;
        if found.is_empty() {
            return Err(unusable());
        }
        builder = found.into_iter().fold(builder, ClientBuilder::add_root_certificate);
    }
    if url.starts_with("https:") {
        for certificate in rustls_native_certs::load_native_certs().certs {
            if let Ok(certificate) = Certificate::from_der(&certificate) {
                builder = builder.add_root_certificate(certificate);
            }
        }
    }
    Ok(builder)
}

/// The innermost words of an error; the outer ones repeat the address.
pub(super) fn cause_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn set_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The language of whoever runs this program.
pub(super) fn locale_language() -> Language {
    language_of(["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set_variable).as_deref())
}

/// The language of a locale such as `zh_CN.UTF-8`.
fn language_of(locale: Option<&str>) -> Language {
    match locale.unwrap_or_default().split(['_', '.', '@', '-']).next() {
        Some("zh") => Language::Chinese,
        _ => Language::English,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_becomes_a_language() {
        for (locale, language) in [
            (None, Language::English),
            (Some("C.UTF-8"), Language::English),
            (Some("en_GB.UTF-8"), Language::English),
            (Some("zh_CN.UTF-8"), Language::Chinese),
            (Some("zh"), Language::Chinese),
            (Some("de_DE@euro"), Language::English),
        ] {
            assert_eq!(language_of(locale), language);
        }
    }
}

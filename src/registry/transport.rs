//! Requests to one registry: scheme and challenge learnt once, tokens fetched as needed, patience with limits.
//!
//! Credentials leave for the registry's own address and the token service that it names; a redirect is followed for
//! blobs alone, without them, and never from HTTPS to HTTP.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::access::{Limits, RegistryAccess};
use super::answer::{self, Answer};
use super::challenge::Challenge;
use super::error::RegistryError;
use super::failure::{failure, malformed};
use super::order::{Order, Permission};
use super::token::{Scope, TokenAnswer, TokenCache};

const REDIRECTS: usize = 5;
const TOKEN_ANSWER_LIMIT_BYTES: usize = 1 << 20;

/// What was learnt of a registry.
#[derive(Debug)]
pub(super) struct Link {
    /// `https://host/` or `http://host/`.
    pub(super) base: Url,
    pub(super) challenge: Challenge,
}

/// A registry's connection.
pub(super) struct Transport {
    pub(super) access: RegistryAccess,
    pub(super) limits: Limits,
    client: reqwest::Client,
    link: Mutex<Option<Arc<Link>>>,
    tokens: TokenCache,
}

impl Transport {
    pub(super) fn new(access: RegistryAccess, limits: Limits) -> Result<Self, RegistryError> {
        let client = access.http_client(&limits)?;
        Ok(Self { access, limits, client, link: Mutex::new(None), tokens: TokenCache::default() })
    }

    /// The answer to an order, tried again where that may help.
    pub(super) async fn fetch(&self, order: &Order) -> Result<Answer, RegistryError> {
        self.patiently(|| self.fetch_once(order)).await
    }

    /// The answer of one attempt.
    pub(super) async fn fetch_once(&self, order: &Order) -> Result<Answer, RegistryError> {
        let exchange = async {
            let response = self.open(order, None).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let is_head = order.method == Method::HEAD;
            let body = if is_head {
                Bytes::new()
            } else {
                answer::read_body(response, order.limit_bytes, &order.what).await?
            };
            Ok(Answer { status, headers, body })
        };
        match tokio::time::timeout(self.limits.total_timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(RegistryError::Unreachable {
                what: order.what.clone(),
                reason: format!("no answer within {} s", self.limits.total_timeout.as_secs()),
            }),
        }
    }

    /// Does something again while it fails in passing: with growing pauses, or those that the registry asks for.
    pub(super) async fn patiently<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let mut pause = self.limits.first_pause;
        let mut attempts_left = self.limits.attempts;
        loop {
            attempts_left = attempts_left.saturating_sub(1);
            let error = match attempt().await {
                Err(error) if error.is_transient() && attempts_left > 0 => error,
                result => return result,
            };
            let asked = match &error {
                RegistryError::Busy { retry_after, .. } => *retry_after,
                _ => None,
            };
            if asked.is_some_and(|asked| asked > self.limits.longest_pause) {
                return Err(error);
            }
            tracing::debug!("trying again: {error}");
            tokio::time::sleep(asked.unwrap_or(pause).min(self.limits.longest_pause)).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// Sends an order and returns the response with its body unread, once its status is one of those accepted. A
    /// `stream` takes the place of the order's body.
    pub(super) async fn open(
        &self,
        order: &Order,
        stream: Option<reqwest::Body>,
    ) -> Result<reqwest::Response, RegistryError> {
        let link = self.link().await?;
        let url = link.base.join(&order.path).map_err(|_| malformed(&order.what, "a path that is no URL"))?;
        let may_repeat = stream.is_none();
        let mut response = self.send(&link, order, url.clone(), stream).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // The token may have been revoked, or the registry been set up anew.
            let had_token = self.forget(&link, &order.permission);
            if had_token && may_repeat {
                response = self.send(&link, order, url, None).await?;
            }
            if response.status() == StatusCode::UNAUTHORIZED {
                *self.link.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        }
        if order.follows_redirects {
            response = self.follow(&order.what, response).await?;
        }
        if order.accepts.contains(&response.status().as_u16()) {
            return Ok(response);
        }
        Err(self.refusal(&order.what, response).await)
    }

    async fn send(
        &self,
        link: &Link,
        order: &Order,
        url: Url,
        stream: Option<reqwest::Body>,
    ) -> Result<reqwest::Response, RegistryError> {
        let mut request = self.client.request(order.method.clone(), url).headers(order.headers.clone());
        if let Some(value) = self.authorization(link, &order.permission).await? {
            let mut value = HeaderValue::try_from(value.expose_secret())
                .map_err(|_| malformed(&order.what, "credentials that fit in no header"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        match stream {
            Some(stream) => request = request.body(stream),
            // Registries want a length also of nothing.
            None if order.method != Method::GET && order.method != Method::HEAD => {
                request = request.body(order.body.clone());
                if order.body.is_empty() {
                    request = request.header(http::header::CONTENT_LENGTH, 0);
                }
            }
            None => {}
        }
        request.send().await.map_err(|error| failure(&order.what, &error))
    }

    /// Follows redirects without credentials.
    async fn follow(&self, what: &str, mut response: reqwest::Response) -> Result<reqwest::Response, RegistryError> {
        for _ in 0..REDIRECTS {
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let from = response.url();
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let target = target.and_then(|target| from.join(target).ok());
            let target = target.ok_or_else(|| malformed(what, "a redirect to nowhere"))?;
            let is_downgrade = from.scheme() == "https" && target.scheme() != "https";
            if is_downgrade || !matches!(target.scheme(), "http" | "https") {
                return Err(malformed(what, "a redirect away from HTTPS"));
            }
            response = self.client.get(target).send().await.map_err(|error| failure(what, &error))?;
        }
        Err(malformed(what, "redirects without end"))
    }

    async fn refusal(&self, what: &str, response: reqwest::Response) -> RegistryError {
        let status = response.status().as_u16();
        let retry_after = answer::retry_after(response.headers());
        let body = answer::read_body(response, answer::REFUSAL_LIMIT_BYTES, what).await.unwrap_or_default();
        let words = answer::words(&body);
        RegistryError::of_status(what, status, &words, self.access.scrub(&words), retry_after)
    }

    /// The refusal of an address that must be there: its 404 must not pass for an image that is not.
    async fn service_refusal(&self, what: &str, response: reqwest::Response) -> RegistryError {
        match self.refusal(what, response).await {
            RegistryError::NotFound { what, reason } => RegistryError::Refused { what, status: 404, reason },
            error => error,
        }
    }

    /// What was learnt of the registry, learning it first where needed.
    pub(super) async fn link(&self) -> Result<Arc<Link>, RegistryError> {
        if let Some(link) = &*self.link.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(link.clone());
        }
        let link = Arc::new(self.discover().await?);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link.clone());
        Ok(link)
    }

    /// Asks `/v2/` without credentials: the scheme that answers, and what it wants to see. Later answers do not count:
    /// Harbor says Basic there to whoever came with a token that does not suffice.
    async fn discover(&self) -> Result<Link, RegistryError> {
        let host = self.access.api_host();
        let what = format!("reaching registry {host}");
        let schemes: &[&str] = if self.access.is_insecure { &["https", "http"] } else { &["https"] };
        let mut failed = None;
        for scheme in schemes {
            let base =
                Url::parse(&format!("{scheme}://{host}/")).map_err(|_| malformed(&what, "a host that is no URL"))?;
            let url = base.join("v2/").map_err(|_| malformed(&what, "a host that is no URL"))?;
            let response = match self.client.get(url).send().await {
                Ok(response) => response,
                Err(error) => {
                    failed = Some(failure(&what, &error));
                    continue;
                }
            };
            let challenge = match response.status() {
                StatusCode::OK => Challenge::Open,
                StatusCode::UNAUTHORIZED => {
                    let values = response.headers().get_all(WWW_AUTHENTICATE);
                    Challenge::read(values.iter().filter_map(|value| value.to_str().ok()))
                        .ok_or_else(|| malformed(&what, "it asks for credentials in a way that is not known"))?
                }
                _ => return Err(self.service_refusal(&what, response).await),
            };
            return Ok(Link { base, challenge });
        }
        Err(failed.unwrap_or_else(|| malformed(&what, "no scheme")))
    }

    async fn authorization(&self, link: &Link, permission: &Permission) -> Result<Option<SecretString>, RegistryError> {
        match (permission, &link.challenge) {
            (Permission::Nobody, _) | (Permission::Scopes(_), Challenge::Open) => Ok(None),
            (Permission::Account, _) | (Permission::Scopes(_), Challenge::Basic) => Ok(self.access.basic()),
            (Permission::Scopes(scopes), Challenge::Bearer { .. }) => {
                let token = self.token_at(link, scopes).await?;
                Ok(Some(format!("Bearer {}", token.expose_secret()).into()))
            }
        }
    }

    /// The token for these scopes; `None` where the registry wants none.
    pub(super) async fn token(&self, scopes: &[Scope]) -> Result<Option<SecretString>, RegistryError> {
        let link = self.link().await?;
        match link.challenge {
            Challenge::Bearer { .. } => self.token_at(&link, scopes).await.map(Some),
            Challenge::Open | Challenge::Basic => Ok(None),
        }
    }

    async fn token_at(&self, link: &Link, scopes: &[Scope]) -> Result<SecretString, RegistryError> {
        if let Some(token) = self.tokens.get(scopes) {
            return Ok(token);
        }
        let Challenge::Bearer { realm, service } = &link.challenge else {
            return Err(malformed("asking for a token", "the registry named no token service"));
        };
        let mut url = Url::parse(realm).map_err(|_| malformed("asking for a token", "the realm is no URL"))?;
        let what = format!("asking {} for a token", url.host_str().unwrap_or("nobody"));
        let is_downgrade = link.base.scheme() == "https" && url.scheme() != "https";
        if is_downgrade || !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
            return Err(malformed(&what, "the account must not travel to a token service without HTTPS"));
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes {
                query.append_pair("scope", scope.as_str());
            }
        }
        let mut request = self.client.get(url).timeout(self.limits.total_timeout);
        if let Some(basic) = self.access.basic() {
            let mut value = HeaderValue::try_from(basic.expose_secret())
                .map_err(|_| malformed(&what, "credentials that fit in no header"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| failure(&what, &error))?;
        if response.status() != StatusCode::OK {
            return Err(self.service_refusal(&what, response).await);
        }
        let body = answer::read_body(response, TOKEN_ANSWER_LIMIT_BYTES, &what).await?;
        let token: TokenAnswer = answer::parse(&body, &what)?;
        let (token, lifetime) = token.into_token().ok_or_else(|| malformed(&what, "there is no token in it"))?;
        self.tokens.keep(scopes, token.clone(), lifetime);
        Ok(token)
    }

    /// Drops the token of a permission; whether there was one.
    fn forget(&self, link: &Link, permission: &Permission) -> bool {
        match (permission, &link.challenge) {
            (Permission::Scopes(scopes), Challenge::Bearer { .. }) => {
                self.tokens.forget(scopes);
                true
            }
            _ => false,
        }
    }

    /// A `Location` or `Link` that the registry gave, as a path at its own address: behind a proxy registries name
    /// themselves by other schemes and hosts, and credentials go nowhere else.
    pub(super) async fn local_path(&self, what: &str, location: &str) -> Result<String, RegistryError> {
        let link = self.link().await?;
        let url = link.base.join(location).map_err(|_| malformed(what, "a location that is no URL"))?;
        let is_ours =
            url.host_str() == link.base.host_str() && url.port_or_known_default() == link.base.port_or_known_default();
        if !is_ours && !url.path().starts_with("/v2/") {
            return Err(malformed(what, "a location at another server"));
        }
        Ok(match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn transport(host: &str, is_insecure: bool) -> Transport {
        let access = RegistryAccess { host: host.parse().unwrap(), account: None, ca_pem: None, is_insecure };
        let limits = Limits { attempts: 1, connect_timeout: Duration::from_secs(1), ..Limits::default() };
        Transport::new(access, limits).unwrap()
    }

    #[tokio::test]
    async fn locations_stay_at_the_registry() {
        let transport = transport("h.example:5000", false);
        let base = Url::parse("https://h.example:5000/").unwrap();
        *transport.link.lock().unwrap() = Some(Arc::new(Link { base, challenge: Challenge::Open }));
        for (location, expected) in [
            ("/v2/a/blobs/uploads/1?_state=x", Some("/v2/a/blobs/uploads/1?_state=x")),
            ("https://h.example:5000/elsewhere", Some("/elsewhere")),
            ("http://other.example/v2/a/blobs/uploads/1", Some("/v2/a/blobs/uploads/1")),
            ("https://evil.example/collect", None),
            ("//evil.example/collect", None),
            ("https://h.example:1/collect", None),
            ("https://[", None),
        ] {
            let found = transport.local_path("uploading", location).await.ok();
            assert_eq!(found.as_deref(), expected, "{location}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = transport(&closed.to_string(), true).link().await.unwrap_err();
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
    }
}

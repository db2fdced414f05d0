//! One daemon as the parts of the engine use it: bollard for what it does well, raw requests for the rest.
//!
//! Raw are the streams (build, pull, push), whose ends bollard misjudges, and all that carries an account: the daemon
//! wants URL-safe base64 and `POST /auth` is not in bollard. Both go through the same pooled transport.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::message::MessageStream;
use super::transport::{BASE_ADDRESS, Body, BoxError, SendError, Transport};
use super::{EngineError, RegistryAccount};
use crate::cause::Cause;

/// How long an ordinary call may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// How long a call may take for which the daemon walks its disk, or waits for a registry.
pub(super) const SLOW_ANSWER_LIMIT: Duration = Duration::from_mins(10);

const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A connection to a daemon.
#[derive(Clone)]
pub(super) struct Daemon {
    pub(super) docker: bollard::Docker,
    transport: Transport,
}

impl Daemon {
    /// Puts both ways of asking on one transport.
    pub(super) fn new(transport: Transport) -> Result<Self, EngineError> {
        let shared = transport.clone();
        let send = move |request: bollard::BollardRequest| {
            let transport = shared.clone();
            async move {
                let request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
                transport.send(request).await.map_err(|error| match error {
                    SendError::Client(error) => bollard::errors::Error::from(error),
                    SendError::Alert(err) => bollard::errors::Error::IOError { err },
                })
            }
        };
        let limit = SLOW_ANSWER_LIMIT.as_secs();
        let docker = bollard::Docker::connect_with_custom_transport(
            send,
            Some(BASE_ADDRESS),
            limit,
            bollard::API_DEFAULT_VERSION,
        );
        Ok(Self { docker: docker.map_err(|error| EngineError::from_bollard(&error))?, transport })
    }

    /// Sends a request and gives the response when the daemon took it; an error in the daemon's words otherwise.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, EngineError> {
        let response = self.transport.send(request).await.map_err(|error| match error {
            SendError::Client(error) => EngineError::lost(&error),
            SendError::Alert(error) => EngineError::lost(&error),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = within(ANSWER_LIMIT, "reading an error", read_all(response.into_body())).await?;
        Err(EngineError::answered(status, &error_text(&body)))
    }

    /// Sends a request whose answer is one JSON document.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<T, EngineError> {
        let what = format!("{} {}", request.method(), request.uri().path());
        let body = within(limit, &what, async { read_all(self.send(request).await?.into_body()).await }).await?;
        serde_json::from_slice(&body).map_err(|error| {
            EngineError::new(
                Cause::Internal,
                format!("the Docker daemon's answer to {what} was not understood: {error}"),
            )
        })
    }

    /// Sends a request whose answer is a stream of messages.
    pub(super) async fn stream(&self, request: Request<Body>) -> Result<MessageStream, EngineError> {
        Ok(MessageStream::new(self.send(request).await?.into_body()))
    }

    /// Lets an ordinary bollard call take no longer than it should.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        limit: Duration,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        within(limit, what, async { call.await.map_err(|error| EngineError::from_bollard(&error)) }).await
    }
}

/// Gives a call a time limit; going over it means that the daemon hangs.
async fn within<T>(
    limit: Duration,
    what: &str,
    call: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(EngineError::silent(what, limit.as_secs())),
    }
}

async fn read_all(body: Incoming) -> Result<Bytes, EngineError> {
    match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(EngineError::lost(error.as_ref())),
    }
}

/// The `message` of an error answer, or its whole text.
fn error_text(body: &[u8]) -> String {
    let document = serde_json::from_slice::<serde_json::Value>(body).ok();
    let message = document.as_ref().and_then(|document| document.get("message")).and_then(serde_json::Value::as_str);
    message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

/// A request to the daemon.
pub(super) struct Call(http::request::Builder);

impl Call {
    /// A request of this method for this path and query.
    pub(super) fn new(method: Method, path_and_query: &str) -> Self {
        Self(Request::builder().method(method).uri(format!("{BASE_ADDRESS}{path_and_query}")))
    }

    /// With the account for a registry, or with an empty one: the daemon insists on the header.
    pub(super) fn with_account(self, account: Option<&RegistryAccount>) -> Self {
        let document = match account {
            Some(account) => credentials(account),
            None => json!({}),
        };
        let encoded = URL_SAFE.encode(document.to_string());
        // Base64 is always a header value.
        match HeaderValue::try_from(encoded) {
            Ok(mut value) => {
                value.set_sensitive(true);
                Self(self.0.header("X-Registry-Auth", value))
            }
            Err(_) => self,
        }
    }

    /// Without a body.
    pub(super) fn empty(self) -> Result<Request<Body>, EngineError> {
        self.with_body(Full::new(Bytes::new()).map_err(BoxError::from).boxed_unsync(), "application/json")
    }

    /// With a JSON document as body.
    pub(super) fn json(self, document: &serde_json::Value) -> Result<Request<Body>, EngineError> {
        let body = Full::new(Bytes::from(document.to_string())).map_err(BoxError::from).boxed_unsync();
        self.with_body(body, "application/json")
    }

    /// With a body of another kind.
    pub(super) fn with_body(self, body: Body, content_type: &'static str) -> Result<Request<Body>, EngineError> {
        let request = self.0.header(header::CONTENT_TYPE, HeaderValue::from_static(content_type)).body(body);
        request.map_err(|error| EngineError::new(Cause::Internal, format!("no valid request for the daemon: {error}")))
    }
}

/// An account as the daemon reads it, in the header and for the login test alike.
pub(super) fn credentials(account: &RegistryAccount) -> serde_json::Value {
    // Docker Hub's accounts live under its old name.
    let address = match account.registry.as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
        other => other,
    };
    json!({
        "username": account.username,
        "password": account.password.expose_secret(),
        "serveraddress": address,
    })
}

/// Whether a bollard error says that there is no such thing.
pub(super) fn is_not_found(error: &bollard::errors::Error) -> bool {
    let missing = StatusCode::NOT_FOUND.as_u16();
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code, .. } if *status_code == missing)
}

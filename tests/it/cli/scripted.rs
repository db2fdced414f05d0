//! A service that answers as a test says and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Left, left_by, program};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path, such as `GET /api/fast-build/task/events`.
    pub line: String,
    /// Query as it was written.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: String,
    /// How many requests with this line came before it.
    pub earlier: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The line without the prefix.
    pub fn what(&self) -> String {
        self.line.replace("/api/fast-build", "")
    }
}

/// A running service.
pub struct Scripted {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    down: CancellationToken,
}

impl Scripted {
    /// Serves what `answer` gives for each request.
    pub async fn serve(answer: impl Fn(&Asked) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let down = CancellationToken::new();
        let seen = asked.clone();
        let router = Router::new().fallback(move |request: Request| {
            let (seen, answer) = (seen.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap();
                let line = format!("{} {}", head.method, head.uri.path());
                let asked = {
                    let mut seen = seen.lock().unwrap();
                    let asked = Asked {
                        earlier: seen.iter().filter(|earlier| earlier.line == line).count(),
                        line,
                        query: head.uri.query().unwrap_or_default().to_owned(),
                        headers: head.headers,
                        body: String::from_utf8_lossy(&body).into_owned(),
                    };
                    seen.push(asked.clone());
                    asked
                };
                answer(&asked)
            }
        });
        let stop = down.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop).await });
        Self { url, asked, down }
    }

    /// All that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Takes no more connections once this is cancelled.
    pub fn down(&self) -> CancellationToken {
        self.down.clone()
    }

    /// Runs a command against this service.
    pub async fn run(&self, arguments: &[&str]) -> Left {
        self.run_with(arguments, &[], "").await
    }

    /// The same with variables and standard input.
    pub async fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Left {
        let mut command = program(arguments);
        command.env("FASTBUILD_URL", &self.url).envs(variables.iter().copied());
        left_by(command, input).await
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.down.cancel();
    }
}

/// An envelope that says yes.
#[expect(clippy::needless_pass_by_value, reason = "it reads as what it answers")]
pub fn success(data: Value) -> Response {
    status(200, json!({ "code": 0, "msg": "success", "data": data }))
}

/// An envelope that says no.
pub fn refusal(message: &str) -> Response {
    status(200, json!({ "code": -1, "msg": message, "data": null }))
}

/// Any JSON under any status.
pub fn status(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// The answer for a route that is not there.
pub fn not_found() -> Response {
    status(404, json!({ "detail": "Not Found" }))
}

/// Events by number, then the end of the stream.
pub fn events(events: &[(u64, Value)]) -> Response {
    stream_of(events, false)
}

/// Events by number, and a stream that stays open.
pub fn open_events(events: &[(u64, Value)]) -> Response {
    stream_of(events, true)
}

fn stream_of(events: &[(u64, Value)], stays_open: bool) -> Response {
    let texts: Vec<String> = events
        .iter()
        .map(|(number, event)| {
            let mut event = event.clone();
            event["sequence"] = json!(number);
            event["time_micros"] = json!(number * 1_000_000);
            format!(": heartbeat\n\nid: {number}\nevent: {}\ndata: {event}\n\n", event["kind"].as_str().unwrap())
        })
        .collect();
    let texts = stream::iter(texts).map(Ok::<_, Infallible>);
    let body = if stays_open { Body::from_stream(texts.chain(stream::pending())) } else { Body::from_stream(texts) };
    ([("content-type", "text/event-stream")], body).into_response()
}

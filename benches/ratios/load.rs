//! Requests over kept connections, as many as the server answers, with the time of each.
//!
//! Bytes are compared, not parsed: the generator shares two cores with what it measures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::measure::percentile;
use super::outcome::{Outcome, fault};

/// How an answer begins that refuses what was asked: it is a 200 as well.
const REFUSAL: &[u8] = b"{\"code\":-1";

/// What a run gave.
pub struct Load {
    /// Time of every request.
    pub times: Vec<Duration>,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Load {
    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// 99th percentile in seconds.
    pub fn p99(&mut self) -> f64 {
        percentile(&mut self.times, 99).as_secs_f64()
    }
}

/// A GET request.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A POST request with a body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Sends the requests that `next` makes on this many connections, each as soon as the one before it is answered.
pub async fn run(
    port: u16,
    connections: usize,
    duration: Duration,
    next: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Outcome<Load> {
    run_paced(port, connections, duration, Duration::ZERO, next).await
}

/// The same, with at least this time from one request of a connection to its next.
pub async fn run_paced(
    port: u16,
    connections: usize,
    duration: Duration,
    pace: Duration,
    next: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Outcome<Load> {
    let next = Arc::new(next);
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let next = next.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open(port).await?;
            let mut times = Vec::new();
            while start.elapsed() < duration {
                let request = next();
                let sent = Instant::now();
                connection.ask(&request).await?;
                times.push(sent.elapsed());
                // A sleep of no time takes a millisecond.
                if let Some(left) = pace.checked_sub(sent.elapsed()) {
                    tokio::time::sleep(left).await;
                }
            }
            Outcome::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(Load { times, elapsed: start.elapsed() })
}

/// One kept connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    head: usize,
}

impl Connection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 << 10], filled: 0, head: 0 })
    }

    fn body(&self) -> &[u8] {
        &self.buffer[self.head..self.filled]
    }

    /// Sends a request and reads its answer, which must be a 200 with a length and no refusal.
    pub async fn ask(&mut self, request: &[u8]) -> Outcome<()> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let mut wanted = None;
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                return fault("the connection was closed");
            }
            self.filled += read;
            if wanted.is_none()
                && let Some(head) = self.buffer[..self.filled].windows(4).position(|four| four == b"\r\n\r\n")
            {
                self.head = head + 4;
                wanted = Some(self.head + self.length()?);
            }
            if wanted.is_some_and(|wanted| self.filled >= wanted) {
                if self.body().starts_with(REFUSAL) {
                    return fault(format!("refused: {}", String::from_utf8_lossy(self.body())));
                }
                return Ok(());
            }
        }
    }

    fn length(&self) -> Outcome<usize> {
        let head = String::from_utf8_lossy(&self.buffer[..self.head]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return fault(format!("answered {}", head.lines().next().unwrap_or_default()));
        }
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        Ok(length.ok_or("no content-length")?.parse()?)
    }
}

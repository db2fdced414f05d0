//! A watcher of a task's server-sent events.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::TestService;

/// An event as it came over the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Its number.
    pub id: u64,
    /// Its kind.
    pub kind: String,
    /// Its JSON.
    pub data: Value,
}

/// An open stream.
pub struct Watcher {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: Vec<u8>,
}

impl Watcher {
    /// Watches a task from its first event, or from the one after `last_event_id`.
    pub async fn open(service: &TestService, task_id: i64, last_event_id: Option<u64>) -> Self {
        let url = format!("{}/api/fast-build/task/events?task_id={task_id}", service.url);
        let mut request = service.client.get(url);
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { bytes: response.bytes_stream().boxed(), text: Vec::new() }
    }

    /// The next event; `None` when the stream has closed.
    pub async fn next(&mut self) -> Option<Watched> {
        loop {
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                if let Some(event) = parse(std::str::from_utf8(&block).expect("UTF-8")) {
                    return Some(event);
                }
            }
            self.text.extend(self.bytes.next().await?.expect("the stream must not break"));
        }
    }

    /// All events until the stream closes.
    pub async fn rest(mut self) -> Vec<Watched> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// An event's lines; `None` for a heartbeat.
fn parse(block: &str) -> Option<Watched> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    let data = serde_json::from_str(field("data:")?).expect("JSON");
    Some(Watched { id: field("id:")?.parse().unwrap(), kind: field("event:")?.to_owned(), data })
}

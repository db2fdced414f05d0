//! The JSON messages that a daemon streams while it pulls, builds or pushes.
//!
//! They are split on newlines here, whatever the network's cuts: a CRLF that falls between two reads, an empty line or
//! a missing newline at the end changes nothing. A line that is no JSON is skipped; the verdict never hangs on one.

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;

const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;

/// One message of a stream.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Message {
    /// A layer's id, or `moby.buildkit.trace` and `moby.image.id` for what `aux` holds.
    pub id: Option<String>,
    /// Output of the classic builder.
    pub stream: Option<String>,
    /// What is being done.
    pub status: Option<String>,
    /// An error that ended the work.
    pub error: Option<String>,
    /// The same error with its code.
    #[serde(rename = "errorDetail")]
    pub error_detail: Option<ErrorDetail>,
    /// Bytes moved.
    #[serde(rename = "progressDetail")]
    pub progress_detail: Option<ProgressDetail>,
    /// Structured data, as `id` says.
    pub aux: Option<serde_json::Value>,
}

/// An error inside a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ErrorDetail {
    /// Its text.
    pub message: String,
}

/// Bytes moved.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ProgressDetail {
    /// So far.
    pub current: Option<i64>,
    /// In all.
    pub total: Option<i64>,
}

impl Message {
    /// The error's text, where the message is one.
    pub fn error_text(&self) -> Option<&str> {
        let detail = self.error_detail.as_ref().map(|detail| detail.message.as_str()).filter(|text| !text.is_empty());
        detail.or(self.error.as_deref())
    }
}

/// Splits bytes into messages.
#[derive(Debug, Default)]
pub struct MessageSplitter {
    buffer: BytesMut,
    scanned: usize,
    has_ended: bool,
    /// Whether the line being read was too long and its rest is to be dropped.
    is_skipping: bool,
}

impl MessageSplitter {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that nothing more will come, so that a last line without newline counts.
    pub fn end(&mut self) {
        self.has_ended = true;
    }

    /// The next whole message.
    pub fn next_message(&mut self) -> Option<Message> {
        loop {
            let line = self.next_line()?;
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(message) => return Some(message),
                Err(error) => tracing::debug!("skipped a line of the daemon's stream that is no message: {error}"),
            }
        }
    }

    fn next_line(&mut self) -> Option<Bytes> {
        while let Some(position) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let line = self.buffer.split_to(self.scanned + position).freeze();
            self.buffer.advance(1);
            self.scanned = 0;
            if !std::mem::take(&mut self.is_skipping) {
                return Some(line);
            }
        }
        self.scanned = self.buffer.len();
        if self.scanned > MAX_LINE_BYTES {
            tracing::warn!("dropped a line of more than {MAX_LINE_BYTES} bytes from the daemon's stream");
            self.buffer.clear();
            self.scanned = 0;
            self.is_skipping = true;
        }
        if self.has_ended && !self.buffer.is_empty() && !self.is_skipping {
            self.scanned = 0;
            return Some(self.buffer.split().freeze());
        }
        None
    }
}

/// The messages of a response. Dropping it before its end closes the connection and so cancels the work.
pub(super) struct MessageStream {
    body: Incoming,
    splitter: MessageSplitter,
}

impl MessageStream {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, splitter: MessageSplitter::default() }
    }

    /// The next message; `None` at the end, an error when the connection broke. Safe to drop between polls.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, hyper::Error> {
        loop {
            if let Some(message) = self.splitter.next_message() {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.splitter.push(data);
                    }
                }
                Some(Err(error)) => {
                    self.splitter.end();
                    return match self.splitter.next_message() {
                        Some(message) => Ok(Some(message)),
                        None => Err(error),
                    };
                }
                None => {
                    self.splitter.end();
                    return Ok(self.splitter.next_message());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"{\"stream\":\"a\"}\r\n\r\n{\"status\":\"b\",\"id\":\"1\"}\n{\"errorDetail\":{\"code\":1,\"message\":\"c\\nd\"},\"error\":\"c\"}\r\nnot json\r\n{\"stream\":\"last\"}";

    fn read(pieces: &[&[u8]]) -> Vec<Message> {
        let mut splitter = MessageSplitter::default();
        let mut messages = Vec::new();
        for piece in pieces {
            splitter.push(piece);
            messages.extend(std::iter::from_fn(|| splitter.next_message()));
        }
        splitter.end();
        messages.extend(std::iter::from_fn(|| splitter.next_message()));
        messages
    }

    #[test]
    fn every_cut_gives_the_same_messages() {
        let whole = read(&[STREAM]);
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[2].error_text(), Some("c\nd"));
        assert_eq!(whole[3].stream.as_deref(), Some("last"));
        for first in 0..STREAM.len() {
            for second in first..STREAM.len() {
                let pieces = [&STREAM[..first], &STREAM[first..second], &STREAM[second..]];
                assert_eq!(read(&pieces), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn single_bytes_give_the_same_messages() {
        let pieces: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(read(&pieces), read(&[STREAM]));
    }

    #[test]
    fn an_endless_line_is_dropped_and_the_stream_goes_on() {
        let mut splitter = MessageSplitter::default();
        let chunk = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            splitter.push(&chunk);
            assert_eq!(splitter.next_message(), None);
            assert!(splitter.buffer.len() <= MAX_LINE_BYTES + chunk.len());
        }
        splitter.push(b"\n{\"stream\":\"after\"}\n");
        assert_eq!(splitter.next_message().and_then(|message| message.stream).as_deref(), Some("after"));
    }
}

//! Server-sent events, decoded from the bytes of a stream.

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServerEvent {
    /// Its id, to come back with.
    pub(super) id: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// Its data, lines joined.
    pub(super) data: String,
}

/// Decodes a stream that may be cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: Vec<u8>,
    event: ServerEvent,
    has_data: bool,
}

impl Decoder {
    /// Takes bytes and gives the events that they complete. What the end of a stream cuts off is no event.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<ServerEvent> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]);
            events.extend(self.take_line(line.strip_suffix('\r').unwrap_or(&line)));
        }
        events
    }

    fn take_line(&mut self, line: &str) -> Option<ServerEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment (a heartbeat), `retry`, or what is not known.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": heartbeat\n\nid: 1\r\nevent: log\r\ndata: {\"a\":\r\ndata: \"镜像\"}\r\n\r\nretry: 5\n\ndata:x\n\nid: 9\ndata: cut";

    #[test]
    fn a_stream_is_read_the_same_however_it_is_cut() {
        let event = |id: Option<&str>, name: &str, data: &str| ServerEvent {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let expected = [event(Some("1"), "log", "{\"a\":\n\"镜像\"}"), event(None, "", "x")];
        for size in 1..STREAM.len() {
            let mut decoder = Decoder::default();
            let events: Vec<_> = STREAM.as_bytes().chunks(size).flat_map(|bytes| decoder.push(bytes)).collect();
            assert_eq!(events, expected, "in pieces of {size} bytes");
        }
    }
}

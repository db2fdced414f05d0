//! The stream of a build: messages, traces of BuildKit, lines of the classic builder.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::engine::message::{Message, MessageSplitter};
use crate::engine::progress::BuildProgress;
use crate::engine::{Progress, ProgressSink};

#[derive(Default)]
struct Seen(Mutex<Vec<Progress>>);

impl ProgressSink for Seen {
    fn record(&self, event: Progress) {
        self.0.lock().expect("one thread").push(event);
    }
}

/// The first byte says how the rest arrives: odd as a trace of its own, even as the stream, cut into pieces of that size.
/// No cut changes what was sent, and no line holds another.
pub fn daemon_stream(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    let messages = if kind % 2 == 1 {
        let trace = serde_json::json!({"id": "moby.buildkit.trace", "aux": STANDARD.encode(rest)});
        serde_json::from_value(trace).into_iter().collect()
    } else {
        let pieces = read(rest.chunks(usize::from(kind / 2) + 1));
        assert_eq!(pieces, read(std::iter::once(rest)));
        pieces
    };
    let seen = Seen::default();
    let mut progress = BuildProgress::default();
    for message in &messages {
        progress.accept(message, &seen);
    }
    progress.end(&seen);
    let (cached, all) = progress.step_counts();
    assert!(cached <= all);
    let _ = (progress.failed_step(), progress.works_in_silence(), progress.image_id(), progress.error());
    for event in seen.0.into_inner().expect("one thread") {
        if let Progress::Line { text, .. } = event {
            assert!(!text.contains('\n'), "{text:?}");
        }
    }
}

fn read<'bytes>(pieces: impl Iterator<Item = &'bytes [u8]>) -> Vec<Message> {
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

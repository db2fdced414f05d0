//! Streams of both builders, as real daemons wrote them or put together from the protocol's parts.

use std::sync::Mutex;

use serde_json::json;

use super::*;

#[derive(Default)]
struct Seen(Mutex<Vec<Progress>>);

impl ProgressSink for Seen {
    fn record(&self, event: Progress) {
        self.0.lock().expect("lock").push(event);
    }
}

impl Seen {
    fn steps(&self) -> Vec<(String, StepStatus)> {
        let events = self.0.lock().expect("lock");
        let step = |event: &Progress| match event {
            Progress::Step(step) => Some((step.name.clone(), step.status)),
            _ => None,
        };
        events.iter().filter_map(step).collect()
    }

    fn lines(&self) -> Vec<(Option<String>, bool, String)> {
        let events = self.0.lock().expect("lock");
        let line = |event: &Progress| match event {
            Progress::Line { step, is_error, text } => Some((step.clone(), *is_error, text.clone())),
            _ => None,
        };
        events.iter().filter_map(line).collect()
    }
}

fn message(value: serde_json::Value) -> Message {
    serde_json::from_value(value).expect("message")
}

fn trace(response: &StatusResponse) -> Message {
    message(json!({"id": "moby.buildkit.trace", "aux": STANDARD.encode(response.encode_to_vec())}))
}

fn time(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 500_000_000 }
}

fn vertex(digest: &str, name: &str) -> Vertex {
    Vertex { digest: digest.to_owned(), name: name.to_owned(), ..Vertex::default() }
}

fn log(vertex: &str, stream: i64, text: &str) -> VertexLog {
    VertexLog { vertex: vertex.to_owned(), stream, message: text.as_bytes().to_vec() }
}

#[test]
fn a_recorded_stream_is_followed() {
    // What Docker 20.10.24 sent for the context's vertex, the image and its name.
    let recorded = concat!(
        r#"{"id":"moby.buildkit.trace","aux":"Cn0KR3NoYTI1NjpmOWJiNzhkNTcxNzhlY2QyYWIyZjEwOGViMGI4NjZhMTYwMTc1MzkzYmZkYjI3NGYxNDQwZWNmZDJjZTEwMmY0GiRbaW50ZXJuYWxdIGxvYWQgcmVtb3RlIGJ1aWxkIGNvbnRleHQqDAiE0oTYBhDB3retAg=="}"#,
        "\r\n",
        r#"{"id":"moby.buildkit.trace","aux":"CosBCkdzaGEyNTY6ZjliYjc4ZDU3MTc4ZWNkMmFiMmYxMDhlYjBiODY2YTE2MDE3NTM5M2JmZGIyNzRmMTQ0MGVjZmQyY2UxMDJmNBokW2ludGVybmFsXSBsb2FkIHJlbW90ZSBidWlsZCBjb250ZXh0KgwIhNKE2AYQwd63rQIyDAiE0oTYBhCunfyuAg=="}"#,
        "\r\n",
        r#"{"id":"moby.image.id","aux":{"ID":"sha256:91b07dfd4b53a0af37017546ef24f434b105e4ae6ea271906086870a50138418"}}"#,
        "\r\n",
        r#"{"stream":"Successfully tagged fastbuild.test/cap:1\n"}"#,
    );
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    let mut splitter = super::super::message::MessageSplitter::default();
    splitter.push(recorded.as_bytes());
    splitter.end();
    while let Some(message) = splitter.next_message() {
        progress.accept(&message, &seen);
    }
    let name = "[internal] load remote build context".to_owned();
    assert_eq!(seen.steps(), [(name.clone(), StepStatus::Running), (name, StepStatus::Done)]);
    let image_id = "sha256:91b07dfd4b53a0af37017546ef24f434b105e4ae6ea271906086870a50138418";
    assert_eq!(progress.image_id(), Some(image_id));
    assert_eq!(seen.lines(), [(None, false, "Successfully tagged fastbuild.test/cap:1".to_owned())]);
}

#[test]
fn buildkit_steps_start_print_and_end() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    let run = vertex("sha256:2", "[2/2] RUN echo  one &&\n  echo two");
    let vertexes =
        vec![Vertex { cached: true, completed: Some(time(1)), ..vertex("sha256:1", "[1/2] FROM x") }, run.clone()];
    progress.accept(&trace(&StatusResponse { vertexes, ..StatusResponse::default() }), &seen);
    let running = Vertex { started: Some(time(10)), ..run };
    let started = StatusResponse { vertexes: vec![running.clone()], ..StatusResponse::default() };
    progress.accept(&trace(&started), &seen);
    assert!(!progress.works_in_silence());
    let logs = vec![log("sha256:2", 1, "one\nt"), log("sha256:2", 2, "careful\n"), log("sha256:2", 1, "wo")];
    progress.accept(&trace(&StatusResponse { logs, ..StatusResponse::default() }), &seen);
    let done = Vertex { completed: Some(time(12)), ..running };
    progress.accept(&trace(&StatusResponse { vertexes: vec![done.clone()], ..StatusResponse::default() }), &seen);
    progress.accept(&trace(&StatusResponse { vertexes: vec![done], ..StatusResponse::default() }), &seen);
    progress.accept(&message(json!({"id": "moby.image.id", "aux": {"ID": "sha256:abc"}})), &seen);
    progress.end(&seen);

    let name = "[2/2] RUN echo one && echo two".to_owned();
    let wanted = [
        ("[1/2] FROM x".to_owned(), StepStatus::Cached),
        (name.clone(), StepStatus::Waiting),
        (name.clone(), StepStatus::Running),
        (name, StepStatus::Done),
    ];
    assert_eq!(seen.steps(), wanted);
    let of = Some("sha256:2".to_owned());
    let wanted = [(false, "one"), (true, "careful"), (false, "two")]
        .map(|(is_error, text)| (of.clone(), is_error, text.to_owned()));
    assert_eq!(seen.lines(), wanted);
    assert_eq!((progress.image_id(), progress.error(), progress.step_counts()), (Some("sha256:abc"), None, (0, 1)));
    assert!(progress.failed_step().is_none());
}

#[test]
fn the_step_that_failed_is_told_from_those_it_broke_off() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    let broken = Vertex {
        started: Some(time(1)),
        completed: Some(time(2)),
        error: "context canceled".to_owned(),
        ..vertex("a", "[python 2/3] RUN make")
    };
    let error = "executor failed running [/bin/sh -c false]: exit code: 1".to_owned();
    let failed = Vertex {
        started: Some(time(1)),
        completed: Some(time(2)),
        error: error.clone(),
        ..vertex("b", "[stage-1 2/3] RUN false")
    };
    let logs = (0..100).map(|number| log("b", 1, &format!("line {number}\n"))).collect();
    progress
        .accept(&trace(&StatusResponse { vertexes: vec![broken, failed], logs, ..StatusResponse::default() }), &seen);
    progress.accept(&message(json!({"errorDetail": {"message": error}, "error": error})), &seen);
    let step = progress.failed_step().expect("a step");
    assert_eq!(step.name, "[stage-1 2/3] RUN false");
    assert_eq!(step.error, error);
    assert_eq!(step.last_lines.len(), 20);
    assert_eq!(step.last_lines[19], "line 99");
    assert_eq!(progress.error(), Some(error.as_str()));
}

#[test]
fn a_silent_export_is_work_and_a_silent_command_is_not() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    assert!(!progress.works_in_silence());
    let export = Vertex { started: Some(time(1)), ..vertex("e", "exporting to image") };
    progress.accept(&trace(&StatusResponse { vertexes: vec![export.clone()], ..StatusResponse::default() }), &seen);
    assert!(progress.works_in_silence());
    let ended = Vertex { completed: Some(time(2)), ..export };
    let run = Vertex { started: Some(time(3)), ..vertex("r", "[2/2] RUN sleep 1000") };
    progress.accept(&trace(&StatusResponse { vertexes: vec![ended, run], ..StatusResponse::default() }), &seen);
    assert!(!progress.works_in_silence());
}

#[test]
fn moving_bytes_are_reported() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    let status = VertexStatus { id: "sha256:1".to_owned(), current: 5, total: 10, ..VertexStatus::default() };
    progress.accept(&trace(&StatusResponse { statuses: vec![status], ..StatusResponse::default() }), &seen);
    let wanted = Progress::Bytes { item: "sha256:1".to_owned(), current: 5, total: 10 };
    assert_eq!(*seen.0.lock().expect("lock"), [wanted]);
}

#[test]
fn broken_traces_are_skipped() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    for aux in [json!("***"), json!("//8="), json!(5), json!(null), json!({"x": 1})] {
        progress.accept(&message(json!({"id": "moby.buildkit.trace", "aux": aux})), &seen);
    }
    assert!(seen.0.lock().expect("lock").is_empty());
}

#[test]
fn the_classic_builders_text_gives_the_same_events() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    let texts = [
        "Step 1/3 : FROM fastbuild.invalid/base:abc",
        "\n",
        " ---> df3bdb4ac909\n",
        "Step 2/3 : RUN echo a",
        "\n",
        " ---> Using cache\n",
        " ---> 111111111111\n",
        "Step 3/3 : RUN echo b; false",
        "\n",
        " ---> Running in 222222222222\n",
        "b\nStep 9/9 : FROM forged\n",
        "\u{1b}[91moh no\n\u{1b}[0m",
    ];
    for text in texts {
        progress.accept(&message(json!({"stream": text})), &seen);
    }
    let error = "The command '/bin/sh -c echo b; false' returned a non-zero code: 1";
    progress.accept(&message(json!({"errorDetail": {"code": 1, "message": error}, "error": error})), &seen);
    progress.end(&seen);
    let wanted = [
        ("[1/3] FROM fastbuild.invalid/base:abc", StepStatus::Running),
        ("[1/3] FROM fastbuild.invalid/base:abc", StepStatus::Done),
        ("[2/3] RUN echo a", StepStatus::Running),
        ("[2/3] RUN echo a", StepStatus::Cached),
        ("[3/3] RUN echo b; false", StepStatus::Running),
        ("[3/3] RUN echo b; false", StepStatus::Failed),
    ];
    assert_eq!(seen.steps(), wanted.map(|(name, status)| (name.to_owned(), status)));
    assert!(seen.lines().contains(&(Some("step-3".to_owned()), true, "oh no".to_owned())));
    assert_eq!(progress.step_counts(), (1, 2));
    let step = progress.failed_step().expect("a step");
    assert_eq!((step.name.as_str(), step.error.as_str()), ("[3/3] RUN echo b; false", error));
    assert!(step.last_lines.contains(&"Step 9/9 : FROM forged".to_owned()));
}

#[test]
fn output_cannot_name_the_image() {
    let (seen, mut progress) = (Seen::default(), BuildProgress::default());
    progress.accept(&message(json!({"stream": "Step 1/1 : RUN x\n"})), &seen);
    progress.accept(&message(json!({"stream": "Successfully built 0123456789ab\n"})), &seen);
    progress.end(&seen);
    assert_eq!(progress.image_id(), None);
}

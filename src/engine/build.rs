//! Builds through `POST /build`: BuildKit inside the daemon, or the classic builder.
//!
//! BuildKit is asked with a session id that nobody serves: what the recipe needs is on the daemon or in the context,
//! and a session would leave a socket behind. The stream's end proves nothing; a build has succeeded when the daemon
//! named an image and an inspection finds it under every wanted name. Dropping the future cancels the build.

use std::collections::BTreeMap;

use http::{Method, Request};
use url::form_urlencoded::Serializer;

use super::context::{DOCKERFILE, Upload, upload};
use super::daemon::{Call, Daemon};
use super::diagnosis::diagnose;
use super::idle::IdleClock;
use super::progress::{BuildProgress, FailedStep};
use super::registry_words::registry_cause;
use super::transport::Body;
use super::{BuildOrder, Builder, BuiltImage, EngineError, ProgressSink, images};
use crate::cause::Cause;
use crate::image::{Digest, ImageConfig};

/// Builds an image.
pub(super) async fn build(
    daemon: &Daemon,
    order: &BuildOrder,
    sink: &dyn ProgressSink,
) -> Result<BuiltImage, EngineError> {
    let (body, upload) = upload(order.context.clone(), order.builder);
    let mut progress = BuildProgress::default();
    let streamed = follow(daemon, request(order, body)?, order, &upload, &mut progress, sink).await;
    progress.end(sink);
    if let Some(fault) = upload.take_fault() {
        return Err(fault);
    }
    if let Some(error) = progress.error() {
        return Err(build_failure(error, progress.failed_step()));
    }
    match (streamed, progress.image_id()) {
        // A connection that broke after the image was named changes nothing about the image.
        (_, Some(image_id)) => confirm(daemon, order, image_id, &progress, &upload).await,
        (Err(error), None) => Err(error),
        (Ok(()), None) => {
            let text = "the Docker daemon ended the build's stream without naming an image";
            Err(EngineError::new(Cause::DaemonLost, text))
        }
    }
}

/// Reads the stream to its end, as long as something moves.
async fn follow(
    daemon: &Daemon,
    request: Request<Body>,
    order: &BuildOrder,
    upload: &Upload,
    progress: &mut BuildProgress,
    sink: &dyn ProgressSink,
) -> Result<(), EngineError> {
    let mut clock = IdleClock::new(order.idle_timeout);
    let mut sent_bytes = 0;
    let mut moved = |progress: &BuildProgress| {
        let has_sent = upload.sent_bytes() != sent_bytes;
        sent_bytes = upload.sent_bytes();
        has_sent || progress.works_in_silence()
    };
    let Some(stream) = clock.wait(daemon.stream(request), || moved(progress)).await else {
        return Err(idle(order, progress));
    };
    let mut stream = stream?;
    loop {
        match clock.wait(stream.next(), || moved(progress)).await {
            None => return Err(idle(order, progress)),
            Some(Ok(Some(message))) => progress.accept(&message, sink),
            Some(Ok(None)) => return Ok(()),
            Some(Err(error)) => return Err(EngineError::lost(&error)),
        }
    }
}

fn request(order: &BuildOrder, body: Body) -> Result<Request<Body>, EngineError> {
    let mut query = Serializer::new(String::from("/build?"));
    query.append_pair("dockerfile", DOCKERFILE).append_pair("rm", "1").append_pair("forcerm", "1");
    for tag in &order.tags {
        query.append_pair("t", &tag.to_string());
    }
    query.append_pair("labels", &json_map(&order.labels));
    query.append_pair("buildargs", &json_map(&order.arguments));
    for entry in &order.extra_hosts {
        query.append_pair("extrahosts", entry);
    }
    if let Some(target) = &order.target {
        query.append_pair("target", target);
    }
    if let Some(network) = &order.network {
        query.append_pair("networkmode", network);
    }
    if order.no_cache {
        query.append_pair("nocache", "1");
    }
    match order.builder {
        Builder::BuildKit => {
            let session = hex::encode(rand::random::<[u8; 16]>());
            query.append_pair("version", "2").append_pair("session", &session);
        }
        Builder::Classic => {
            query.append_pair("version", "1");
            if let Some(bytes) = order.memory_bytes {
                // No swap on top of it.
                query.append_pair("memory", &bytes.to_string()).append_pair("memswap", &bytes.to_string());
            }
        }
    }
    Call::new(Method::POST, &query.finish().replacen("?&", "?", 1)).with_body(body, "application/x-tar")
}

fn json_map(map: &BTreeMap<String, String>) -> String {
    serde_json::json!(map).to_string()
}

/// Finds the image that the daemon named, and gives it the names it should have, should the stream have broken before
/// the daemon did.
async fn confirm(
    daemon: &Daemon,
    order: &BuildOrder,
    image_id: &str,
    progress: &BuildProgress,
    upload: &Upload,
) -> Result<BuiltImage, EngineError> {
    let image_id: Digest = image_id
        .parse()
        .map_err(|error| EngineError::new(Cause::Internal, format!("the built image's id: {error}")))?;
    let (mut config, mut untagged) = (None, Vec::new());
    for tag in &order.tags {
        let tagged = images::inspect(daemon, &tag.to_string()).await?;
        match tagged.filter(|config| config.image_id.as_ref() == Some(&image_id)) {
            Some(tagged) => config = Some(tagged),
            None => untagged.push(tag),
        }
    }
    if config.is_none() {
        config = images::inspect(daemon, image_id.as_str()).await?;
    }
    let Some(ImageConfig { size_bytes, .. }) = config else {
        let text = format!("the Docker daemon named the image {image_id} but does not have it");
        return Err(EngineError::new(Cause::DaemonLost, text));
    };
    for tag in untagged {
        images::tag(daemon, image_id.as_str(), tag).await?;
    }
    let (cached_steps, steps) = progress.step_counts();
    let context_bytes = upload.sent_bytes();
    Ok(BuiltImage { image_id, size_bytes, cached_steps, steps, context_bytes })
}

fn idle(order: &BuildOrder, progress: &BuildProgress) -> EngineError {
    let text = format!("nothing moved in the build for {} s", order.idle_timeout.as_secs());
    let mut error = EngineError::new(Cause::IdleTimeout, text);
    if let Some(step) = progress.failed_step() {
        error.failed_step = Some(step.name);
        error.last_lines = step.last_lines;
    }
    error
}

/// Makes an error of what the daemon said and of what the failing step printed.
fn build_failure(daemon_error: &str, step: Option<FailedStep>) -> EngineError {
    let words = EngineError::from_registry(daemon_error);
    if is_of_a_stopping_daemon(daemon_error) {
        return EngineError { cause: Cause::DaemonLost, ..words };
    }
    let Some(step) = step else {
        return match words.cause {
            Cause::Internal if daemon_error.contains("parse error") => words,
            Cause::Internal => EngineError { cause: Cause::BuildStepFailed, ..words },
            _ => words,
        };
    };
    let instruction = step.name.split_once("] ").map_or(step.name.as_str(), |(_, instruction)| instruction);
    let is_of_registry = instruction.starts_with("FROM ") || step.name.contains("load metadata for");
    let (cause, message) = if is_of_registry {
        let cause = if words.cause == Cause::Internal { Cause::BuildStepFailed } else { words.cause };
        (cause, words.message)
    } else if instruction.starts_with("RUN") {
        let error = if step.error.is_empty() { daemon_error } else { &step.error };
        let diagnosis = diagnose(&step.lines, error);
        (diagnosis.cause, step_message(diagnosis.line, error))
    } else {
        let is_full = registry_cause(daemon_error) == Some(Cause::DiskFull);
        (if is_full { Cause::DiskFull } else { Cause::BuildStepFailed }, words.message)
    };
    let scrub = |line: String| super::failure::without_url_credentials(&line);
    EngineError {
        cause,
        message: scrub(message),
        failed_step: Some(scrub(step.name)),
        last_lines: step.last_lines.into_iter().map(scrub).collect(),
    }
}

/// Nobody on our side cancels a build whose stream is still read: then the daemon is going down.
fn is_of_a_stopping_daemon(daemon_error: &str) -> bool {
    daemon_error.ends_with("context canceled")
        || daemon_error.contains("transport is closing")
        || daemon_error.contains("code = Unavailable")
}

/// The telling line and the exit code: the daemon's own text would repeat the whole script.
fn step_message(line: Option<String>, daemon_error: &str) -> String {
    let code = ["exit code: ", "non-zero code: "].into_iter().find_map(|words| {
        let (_, rest) = daemon_error.rsplit_once(words)?;
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        (digits > 0).then(|| &rest[..digits])
    });
    match (line, code) {
        (Some(line), Some(code)) => format!("{line} (exit code {code})"),
        (Some(line), None) => line,
        (None, Some(code)) => format!("the step ended with exit code {code} and printed nothing"),
        (None, None) => daemon_error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, error: &str, lines: &[&str]) -> FailedStep {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        FailedStep { name: name.to_owned(), error: error.to_owned(), last_lines: lines.clone(), lines }
    }

    #[test]
    fn a_run_step_is_told_by_its_output() {
        let error = "executor failed running [/bin/sh -c apt-get install nosuch]: exit code: 100";
        let failed =
            step("[2/2] RUN apt-get install nosuch", error, &["Reading…", "E: Unable to locate package nosuch"]);
        let error = build_failure(error, Some(failed));
        assert_eq!(error.cause, Cause::PackageNotFound);
        assert_eq!(error.message, "E: Unable to locate package nosuch (exit code 100)");
        assert_eq!(error.failed_step.as_deref(), Some("[2/2] RUN apt-get install nosuch"));
        assert_eq!(error.last_lines.len(), 2);
    }

    #[test]
    fn a_missing_file_of_the_context_is_no_missing_base() {
        let text = "failed to compute cache key: \"/x\" not found: not found";
        assert_eq!(build_failure(text, Some(step("[2/2] COPY x /", text, &[]))).cause, Cause::BuildStepFailed);
    }

    #[test]
    fn a_missing_base_is_one_on_both_builders() {
        let text = "failed to do request: Head \"https://fastbuild.invalid/v2/x\": dial tcp: lookup fastbuild.invalid: no such host";
        let failed = step("[internal] load metadata for fastbuild.invalid/base:x", text, &[]);
        assert_eq!(build_failure(text, Some(failed)).cause, Cause::BaseNotFound);
        assert_eq!(
            build_failure(text, Some(step("[1/2] FROM fastbuild.invalid/base:x", "", &[]))).cause,
            Cause::BaseNotFound
        );
    }

    #[test]
    fn a_daemon_that_stops_is_lost() {
        for text in [
            "rpc error: code = Canceled desc = context canceled",
            "rpc error: code = Unavailable desc = transport is closing",
        ] {
            assert_eq!(build_failure(text, Some(step("[2/2] RUN make", text, &[]))).cause, Cause::DaemonLost);
        }
    }

    #[test]
    fn a_full_disk_at_the_export_is_named() {
        let text = "failed to export image: write /var/lib/docker/x: no space left on device";
        assert_eq!(build_failure(text, Some(step("exporting to image", text, &[]))).cause, Cause::DiskFull);
    }

    #[test]
    fn what_belongs_to_no_step_is_still_a_failure() {
        let parse = build_failure("dockerfile parse error line 2: unknown instruction: RUM", None);
        assert_eq!(parse.cause, Cause::Internal);
        assert_eq!(build_failure("something else", None).cause, Cause::BuildStepFailed);
    }

    #[test]
    fn credentials_of_a_mirror_do_not_leave_in_a_failure() {
        let lines =
            ["Looking in indexes: https://me:secret@mirror/simple", "ERROR: No matching distribution found for x"];
        let error = build_failure(
            "exit code: 1",
            Some(step("[2/2] RUN pip install -i https://me:secret@mirror/simple x", "exit code: 1", &lines)),
        );
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

//! The build context as a tar stream.
//!
//! A blocking task reads the files and writes the archive through a short channel, so that memory stays flat however
//! large a file is. Times and owners are constant and entries are sorted: equal content gives equal bytes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::transport::{Body, BoxError};
use super::{Builder, ContextContent, ContextFile, EngineError};
use crate::cause::Cause;

/// 2000-01-01: zip files, and so wheels, know no time before 1980.
const MODIFIED_SECONDS: u64 = 946_684_800;
/// The Dockerfile's name, in a context and in a task's directory.
pub const DOCKERFILE: &str = "Dockerfile";
const CHUNK_BYTES: usize = 128 * 1024;
const CHUNKS_IN_FLIGHT: usize = 4;

/// What is known of an upload while and after it runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Upload {
    sent_bytes: Arc<AtomicU64>,
    fault: Arc<Mutex<Option<EngineError>>>,
}

impl Upload {
    /// Bytes handed to the connection so far.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    /// Why the context could not be read to its end, where that is what happened.
    pub(super) fn take_fault(&self) -> Option<EngineError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The context as a request body. Reading starts with the first poll's task and ends when the body is dropped.
///
/// A Dockerfile that takes no files travels as it is where the builder is BuildKit: it takes what is no archive for the
/// Dockerfile itself, and needs no step that unpacks it (BuildKit, `dockerui.DetectHTTPContext`).
pub(super) fn upload(mut files: Vec<ContextFile>, builder: Builder) -> (Body, Upload) {
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let upload = Upload::default();
    if builder == Builder::BuildKit
        && let [ContextFile { path, content: ContextContent::Bytes(text), .. }] = files.as_slice()
        && path == DOCKERFILE
    {
        upload.sent_bytes.store(text.len() as u64, Ordering::Relaxed);
        return (Full::new(text.clone()).map_err(|never| match never {}).boxed_unsync(), upload);
    }
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let fault = Arc::clone(&upload.fault);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write_archive(&files, ChannelWriter::new(sender.clone())) {
            // A closed channel means that nobody wants the rest; that is no fault of the context.
            if !sender.is_closed() {
                *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                let broken = io::Error::other("the build context could not be read");
                // The receiver may have gone meanwhile, which ends the upload just as well.
                let _ = sender.blocking_send(Err(broken));
            }
        }
    });
    let sent = Arc::clone(&upload.sent_bytes);
    let chunks =
        stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|chunk| (chunk, receiver)) });
    let frames = chunks.map(move |chunk: io::Result<Bytes>| {
        let chunk = chunk.map_err(BoxError::from)?;
        sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Ok(Frame::data(chunk))
    });
    (StreamBody::new(frames).boxed_unsync(), upload)
}

fn write_archive(files: &[ContextFile], writer: ChannelWriter) -> Result<(), EngineError> {
    let mut archive = tar::Builder::new(writer);
    for file in files {
        let broken = |error: io::Error| {
            EngineError::new(Cause::Internal, format!("cannot put '{}' into the build context: {error}", file.path))
        };
        match &file.content {
            ContextContent::Bytes(bytes) => {
                append(&mut archive, file, bytes.len() as u64, bytes.as_ref()).map_err(broken)?;
            }
            ContextContent::File(path) => {
                let (content, size) = open(path)?;
                append(&mut archive, file, size, content).map_err(|error| changed(path, &error))?;
            }
            ContextContent::Exact { path, digest } => {
                let (content, size) = open(path)?;
                let mut content = Hashed { content, hasher: Sha256::new() };
                append(&mut archive, file, size, &mut content).map_err(|error| changed(path, &error))?;
                if hex::encode(content.hasher.finalize()) != digest.hex() {
                    return Err(changed(path, &io::Error::other("it is another file than before; try again")));
                }
            }
        }
    }
    let writer = archive.into_inner();
    let flushed = writer.and_then(|mut writer| writer.flush());
    flushed.map_err(|error| EngineError::new(Cause::Internal, format!("cannot end the build context: {error}")))
}

fn append(
    archive: &mut tar::Builder<ChannelWriter>,
    file: &ContextFile,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size);
    header.set_mode(file.mode & 0o7777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MODIFIED_SECONDS);
    archive.append_data(&mut header, &file.path, Exactly { content, left: size })
}

fn open(path: &Path) -> Result<(File, u64), EngineError> {
    let missing = |error: io::Error| {
        EngineError::new(Cause::InstallerMissing, format!("cannot read {}: {error}", path.display()))
    };
    let file = File::open(path).map_err(missing)?;
    let metadata = file.metadata().map_err(missing)?;
    if !metadata.is_file() {
        let text = format!("{} is not a file", path.display());
        return Err(EngineError::new(Cause::InstallerMissing, text));
    }
    Ok((file, metadata.len()))
}

fn changed(path: &Path, error: &io::Error) -> EngineError {
    EngineError::new(Cause::InstallerMissing, format!("cannot send {}: {error}", path.display()))
}

/// Reads exactly as many bytes as the archive's header promised.
struct Exactly<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.content.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was sent"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Takes the digest of what is read.
struct Hashed<R> {
    content: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Collects what is written into chunks and passes them on.
struct ChannelWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk: BytesMut,
}

impl ChannelWriter {
    fn new(sender: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { sender, chunk: BytesMut::with_capacity(CHUNK_BYTES) }
    }
}

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, BytesMut::with_capacity(CHUNK_BYTES)).freeze();
        self.sender.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;

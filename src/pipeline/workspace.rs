//! Task directories: where logs, the Dockerfile and the request document of a task lie.

use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::clock::Moment;

/// Name of the request document, as the old service called it.
pub const REQUEST_FILE: &str = "Front_end_request_json";

/// The directory of task directories.
pub struct Workspaces {
    root: PathBuf,
}

impl Workspaces {
    /// Task directories under `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory of that name; names come from rows.
    pub fn directory(&self, work_dir_name: &str) -> PathBuf {
        self.root.join(work_dir_name)
    }

    /// The request document in a directory.
    pub fn request_file(&self, work_dir_name: &str) -> PathBuf {
        self.directory(work_dir_name).join(REQUEST_FILE)
    }

    /// Makes a new task's directory with its request document, which holds no secrets, and returns its name: the moment,
    /// or the next free one.
    pub async fn create(&self, now: Moment, zone: &TimeZone, request_document: &str) -> io::Result<String> {
        let (root, zone, document) = (self.root.clone(), zone.clone(), request_document.to_owned());
        let made = tokio::task::spawn_blocking(move || {
            let mut moment = now;
            loop {
                let name = moment.as_directory_name(&zone);
                let directory = root.join(&name);
                match std::fs::create_dir(&directory) {
                    Ok(()) => {
                        let written = std::fs::write(directory.join(REQUEST_FILE), &document);
                        if written.is_err() {
                            // Nothing half-done stays behind; the first error is the one to tell.
                            let _ = std::fs::remove_dir_all(&directory);
                        }
                        return written.map(|()| name);
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => moment = Moment(moment.0 + 1),
                    Err(error) => return Err(error),
                }
            }
        });
        made.await.map_err(io::Error::other)?
    }

    /// Makes sure that a task's directory is there, should somebody have removed it.
    pub async fn restore(&self, work_dir_name: &str) -> io::Result<()> {
        tokio::fs::create_dir_all(self.directory(work_dir_name)).await
    }

    /// Removes a task's directory; one that is gone is no error.
    pub async fn remove(&self, work_dir_name: &str) -> io::Result<()> {
        let directory = self.directory(work_dir_name);
        let mut removed = tokio::fs::remove_dir_all(&directory).await;
        // Something was laid into it meanwhile, such as the list of what an image holds.
        if removed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::DirectoryNotEmpty) {
            removed = tokio::fs::remove_dir_all(&directory).await;
        }
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

//! Task directories: where logs, the Dockerfile and the request document of a task lie.

use std::io;
use std::path::{Path, PathBuf};

/// Name of the request document, as the old service called it.
pub const REQUEST_FILE: &str = "Front_end_request_json";
/// Name of the Dockerfile.
pub const DOCKERFILE: &str = "Dockerfile";

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

    /// Makes a new task's directory with its request document, which holds no secrets.
    pub async fn create(&self, work_dir_name: &str, request_document: &str) -> io::Result<()> {
        let directory = self.directory(work_dir_name);
        tokio::fs::create_dir(&directory).await?;
        tokio::fs::write(directory.join(REQUEST_FILE), request_document).await
    }

    /// Makes sure that a task's directory is there, should somebody have removed it.
    pub async fn restore(&self, work_dir_name: &str) -> io::Result<()> {
        tokio::fs::create_dir_all(self.directory(work_dir_name)).await
    }

    /// Removes a task's directory; one that is gone is no error.
    pub async fn remove(&self, work_dir_name: &str) -> io::Result<()> {
        match tokio::fs::remove_dir_all(self.directory(work_dir_name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

//! How much room there is where this service and its Docker server write.
//!
//! The Docker server's disk can be measured only when it is this machine's: a daemon tells how much it uses, never how
//! much is left.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::engine::Endpoint;

const DOCKER: &str = "docker";

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free_bytes: u64,
    /// Bytes in all.
    pub size_bytes: u64,
}

/// The room where a file or directory lies. One system call that may wait for a slow disk.
pub fn space(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Space { free_bytes: bytes(found.f_bavail), size_bytes: bytes(found.f_blocks) })
}

/// A disk by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// `task`, `database` or `docker`.
    pub name: &'static str,
    /// Its room.
    pub space: Space,
}

/// How much must be free.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watermarks {
    /// On the disks of task directories and database.
    pub own_bytes: u64,
    /// On the Docker server's, where it can be measured.
    pub docker_bytes: u64,
}

/// A disk below its watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowDisk {
    /// `task`, `database` or `docker`.
    pub name: &'static str,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Bytes that must be.
    pub needed_bytes: u64,
}

impl LowDisk {
    /// Bytes to free.
    pub fn missing_bytes(&self) -> u64 {
        self.needed_bytes.saturating_sub(self.free_bytes)
    }
}

/// The disks that fill up.
pub struct Disks {
    task_dir: PathBuf,
    database_dir: PathBuf,
    docker_root: Mutex<Option<PathBuf>>,
    watermarks: Watermarks,
}

impl Disks {
    /// The disks of these directories.
    pub fn new(task_dir: &Path, database: &Path, watermarks: Watermarks) -> Self {
        let database_dir = database.parent().unwrap_or(Path::new(".")).to_owned();
        Self { task_dir: task_dir.to_owned(), database_dir, docker_root: Mutex::default(), watermarks }
    }

    /// The first disk that is below its watermark.
    pub async fn low(&self) -> Option<LowDisk> {
        self.measure().await.into_iter().find_map(|disk| self.lowness(disk))
    }

    /// The Docker server's disk, when that is below its watermark: often all are one file system and low at once.
    pub async fn low_docker(&self) -> Option<LowDisk> {
        let disk = self.measure().await.into_iter().find(|disk| disk.name == DOCKER)?;
        self.lowness(disk)
    }

    fn lowness(&self, Disk { name, space }: Disk) -> Option<LowDisk> {
        let needed_bytes = if name == DOCKER { self.watermarks.docker_bytes } else { self.watermarks.own_bytes };
        let free_bytes = space.free_bytes;
        (free_bytes < needed_bytes).then_some(LowDisk { name, free_bytes, needed_bytes })
    }

    /// Takes up where a daemon keeps its data; only behind a socket is that a directory of this machine.
    pub fn note_docker_root(&self, endpoint: &Endpoint, root_directory: &str) {
        let is_local = matches!(endpoint, Endpoint::Unix(_)) && root_directory.starts_with('/');
        let root = is_local.then(|| PathBuf::from(root_directory));
        *self.docker_root.lock().unwrap_or_else(PoisonError::into_inner) = root;
    }

    /// The room on each disk that can be measured. One that thinks holds up nobody else.
    pub async fn measure(&self) -> Vec<Disk> {
        let docker_root = self.docker_root.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let own = [("task", Some(self.task_dir.clone())), ("database", Some(self.database_dir.clone()))];
        let places: Vec<_> = own.into_iter().chain([(DOCKER, docker_root)]).collect();
        let measured = tokio::task::spawn_blocking(move || {
            let disk = |(name, path): (&'static str, Option<PathBuf>)| Some(Disk { name, space: space(&path?).ok()? });
            places.into_iter().filter_map(disk).collect()
        });
        measured.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_and_a_missing_one_is_an_error() {
        let space = space(Path::new("/")).unwrap();
        assert!(space.size_bytes > 0 && space.free_bytes <= space.size_bytes, "{space:?}");
        assert!(super::space(Path::new("/no/such/place")).is_err());
    }

    #[tokio::test]
    async fn a_daemon_elsewhere_is_not_measured() {
        let directory = tempfile::tempdir().unwrap();
        let disks = Disks::new(directory.path(), &directory.path().join("x.sqlite3"), Watermarks::default());
        let root = directory.path().display().to_string();
        let names = async || disks.measure().await.iter().map(|disk| disk.name).collect::<Vec<_>>();
        disks.note_docker_root(&Endpoint::Tcp { host: "h".to_owned(), port: 1 }, &root);
        assert_eq!(names().await, ["task", "database"]);
        disks.note_docker_root(&Endpoint::Unix("/x.sock".into()), &root);
        assert_eq!(names().await, ["task", "database", "docker"]);
        disks.note_docker_root(&Endpoint::Unix("/x.sock".into()), "/not/of/this/machine");
        assert_eq!(names().await, ["task", "database"]);
        assert_eq!(disks.low().await, None);
    }

    #[tokio::test]
    async fn a_disk_below_its_watermark_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().display().to_string();
        let low = async |own_bytes, docker_bytes| {
            let database = directory.path().join("x.sqlite3");
            let disks = Disks::new(directory.path(), &database, Watermarks { own_bytes, docker_bytes });
            disks.note_docker_root(&Endpoint::Unix("/x.sock".into()), &root);
            let docker = disks.low_docker().await;
            assert!(docker.is_none_or(|low| (low.name, low.needed_bytes) == ("docker", docker_bytes)), "{docker:?}");
            (disks.low().await.map(|low| low.name), docker.is_some())
        };
        assert_eq!(low(1, 1).await, (None, false));
        assert_eq!(low(u64::MAX, 1).await, (Some("task"), false));
        assert_eq!(low(1, u64::MAX).await, (Some("docker"), true));
        // One file system below every watermark: the first is named, and the Docker server's is low all the same.
        assert_eq!(low(u64::MAX, u64::MAX).await, (Some("task"), true));
    }
}

//! A Docker daemon of a test's own, which can be killed, stopped, started again, emptied, and put on a small disk.
//!
//! Beside the lab's daemon and without touching it: own bridge, own directories under /run, no firewall rules. Needs root,
//! as the lab's second daemon does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::disk::SmallDisk;
use super::wait_for;

const PROGRAM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The daemon; dropping it ends it and takes away all it made.
pub struct OwnDaemon {
    /// Short, because the path of a unix socket may have 107 bytes.
    directory: PathBuf,
    bridge: String,
    child: Option<std::process::Child>,
    disk: Option<SmallDisk>,
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", PROGRAM_PATH).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl OwnDaemon {
    /// Starts one, its data on a disk of this size where one is given.
    pub async fn start(disk_bytes: Option<u64>) -> Self {
        let number: u8 = rand::random::<u8>() % 100 + 100;
        let name = hex::encode(rand::random::<[u8; 3]>());
        let directory = PathBuf::from(format!("/run/fastbuild-test-{name}"));
        std::fs::create_dir_all(directory.join("data")).expect("root makes a directory under /run");
        std::fs::write(directory.join("daemon.json"), "{}").unwrap();
        let bridge = format!("fbt{name}");
        let address = format!("172.30.{number}.1/24");
        assert!(run("ip", &["link", "add", &bridge, "type", "bridge"]), "the bridge {bridge} cannot be made");
        let mut daemon = Self { directory, bridge, child: None, disk: None };
        assert!(run("ip", &["address", "add", &address, "dev", &daemon.bridge]));
        assert!(run("ip", &["link", "set", &daemon.bridge, "up"]));
        daemon.disk = disk_bytes.map(|bytes| SmallDisk::mount(&daemon.directory.join("data"), bytes));
        daemon.start_again().await;
        daemon
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    /// Starts it over the same data and waits until it answers.
    pub async fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = std::fs::File::options().create(true).append(true).open(self.directory.join("log")).unwrap();
        let path = |name: &str| self.directory.join(name).display().to_string();
        let mut command = Command::new("dockerd");
        command.env("PATH", PROGRAM_PATH).args(["--config-file", &path("daemon.json"), "--host", &self.host()]);
        command.args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")]);
        command.args(["--iptables=false", "--ip6tables=false", "--bridge", &self.bridge]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().expect("dockerd"));
        wait_for("a daemon of the test's own", Duration::from_mins(2), || async { self.answers().await.then_some(()) })
            .await;
    }

    async fn answers(&self) -> bool {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let Ok(mut stream) = tokio::net::UnixStream::connect(self.socket()).await else { return false };
        if stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n").await.is_err() {
            return false;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.is_ok() && answer.starts_with("HTTP/1.0 200")
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it as an upgrade does.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        assert!(run("kill", &["-TERM", &child.id().to_string()]));
        let ended = tokio::task::spawn_blocking(move || child.wait());
        tokio::time::timeout(Duration::from_mins(1), ended).await.expect("dockerd stops").unwrap().unwrap();
    }

    /// Takes all it has: images, layers, build cache. It must not run.
    pub fn wipe(&self) {
        assert!(self.child.is_none(), "it runs");
        end_containerd(&self.directory);
        unmount_below(&self.directory);
        let data = self.directory.join("data");
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::create_dir(&data).unwrap();
    }
}

/// Containers and the daemon itself leave mounts behind.
fn unmount_below(directory: &Path) {
    let script = format!("grep -o ' {}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l", directory.display());
    run("sh", &["-c", &script]);
}

/// A killed daemon leaves its containerd behind.
fn end_containerd(directory: &Path) {
    let file = directory.join("exec/containerd/containerd.pid");
    let Ok(pid) = std::fs::read_to_string(file) else { return };
    let pid = pid.trim();
    let is_ours = std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*directory.to_string_lossy()));
    if is_ours {
        run("kill", &["-KILL", pid]);
        let start = std::time::Instant::now();
        while Path::new(&format!("/proc/{pid}")).exists() && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for OwnDaemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            run("kill", &["-TERM", &child.id().to_string()]);
            let _ = child.wait();
        }
        end_containerd(&self.directory);
        // Nothing can be done about what stays: the next one has another name.
        self.disk = None;
        run("ip", &["link", "delete", &self.bridge]);
        unmount_below(&self.directory);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

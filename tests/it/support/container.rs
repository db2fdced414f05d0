//! A container of an image, as a scientist would run it, by Docker's own command line.

use std::process::Output;
use std::time::Duration;

use tokio::process::Command;

use super::wait_for;
use crate::lab;

fn program() -> String {
    std::env::var("DOCKER").unwrap_or_else(|_| "/usr/bin/docker".to_owned())
}

fn host() -> String {
    format!("unix://{}", lab::docker_socket().display())
}

/// The command line of Docker.
pub async fn docker(arguments: &[&str]) -> Output {
    Command::new(program()).env("DOCKER_HOST", host()).args(arguments).output().await.expect("docker runs")
}

/// What a command of Docker prints; it must succeed.
pub async fn docker_text(arguments: &[&str]) -> String {
    let output = docker(arguments).await;
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A running container; `remove` ends it.
pub struct Container {
    /// Its id.
    pub id: String,
}

impl Container {
    /// Runs an image in the background with further arguments for its start program.
    pub async fn run(image: &str, arguments: &[&str]) -> Self {
        let mut line = vec!["run", "--detach", image];
        line.extend(arguments);
        Self { id: docker_text(&line).await }
    }

    /// What a command in the container prints, and whether it succeeded.
    pub async fn try_exec(&self, command: &[&str]) -> (bool, String) {
        let mut line = vec!["exec", &self.id];
        line.extend(command);
        let output = docker(&line).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// What a command in the container prints; it must succeed.
    pub async fn exec(&self, command: &[&str]) -> String {
        let (is_well, text) = self.try_exec(command).await;
        assert!(is_well, "{command:?}: {text}\n{}", self.logs().await);
        text
    }

    /// What the container printed.
    pub async fn logs(&self) -> String {
        let output = docker(&["logs", &self.id]).await;
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Its address on the daemon's bridge.
    pub async fn address(&self) -> String {
        docker_text(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &self.id]).await
    }

    /// Waits until a port answers.
    pub async fn wait_for_port(&self, port: u16) {
        let address = self.address().await;
        wait_for(&format!("port {port} of the container"), Duration::from_mins(1), || async {
            tokio::net::TcpStream::connect((address.as_str(), port)).await.ok().map(drop)
        })
        .await;
    }

    /// Logs in as root by SSH and runs a command; whether it succeeded, and what it printed.
    pub async fn ssh(&self, password: &str, command: &str) -> (bool, String) {
        let output = Command::new("sshpass")
            .args(["-p", password, "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "PubkeyAuthentication=no", "-o", "LogLevel=ERROR"])
            .arg(format!("root@{}", self.address().await))
            .arg(command)
            .output()
            .await
            .expect("sshpass runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Whether JupyterLab lets this password in.
    pub async fn jupyter_accepts(&self, password: &str) -> bool {
        let client = reqwest::Client::builder()
            .no_proxy()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let url = format!("http://{}:8888/login", self.address().await);
        let page = client.get(&url).send().await.unwrap();
        let xsrf = page.cookies().find(|cookie| cookie.name() == "_xsrf").map(|cookie| cookie.value().to_owned());
        let form = [("password", password.to_owned()), ("_xsrf", xsrf.unwrap_or_default())];
        let is_redirected = client.post(&url).form(&form).send().await.unwrap().status().as_u16() == 302;
        let contents = format!("http://{}:8888/api/contents", self.address().await);
        let is_let_in = client.get(contents).send().await.unwrap().status().is_success();
        assert_eq!(is_redirected, is_let_in, "what the login says and what the server lets see");
        is_let_in
    }

    /// The command lines of its processes.
    pub async fn processes(&self) -> Vec<String> {
        let script = r#"for file in /proc/[0-9]*/cmdline; do tr '\0' ' ' <"$file" 2>/dev/null && echo; done; true"#;
        self.exec(&["sh", "-c", script]).await.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// Waits for a file and reads it.
    pub async fn wait_for_file(&self, path: &str, last_line: &str) -> String {
        wait_for(&format!("{path} in the container"), Duration::from_secs(30), || async {
            let (is_there, text) = self.try_exec(&["cat", path]).await;
            (is_there && text.lines().last() == Some(last_line)).then_some(text)
        })
        .await
    }

    /// Stops it; how long that took.
    pub async fn stop(&self) -> Duration {
        let start = std::time::Instant::now();
        docker_text(&["stop", "--time", "20", &self.id]).await;
        start.elapsed()
    }

    /// Removes it.
    pub async fn remove(mut self) {
        let id = std::mem::take(&mut self.id);
        docker_text(&["rm", "--force", "--volumes", &id]).await;
    }
}

/// A test that fails leaves no container behind.
impl Drop for Container {
    fn drop(&mut self) {
        if !self.id.is_empty() {
            let mut command = std::process::Command::new(program());
            // Nothing can be done about a container that is gone already.
            let _ = command.env("DOCKER_HOST", host()).args(["rm", "--force", "--volumes", &self.id]).output();
        }
    }
}

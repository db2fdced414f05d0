//! A headless Chromium, driven over `WebDriver`. `scripts/browser.sh` installs it; without it these tests fail.
//!
//! It runs in an empty profile and asks nobody but the service under test.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::wait_for;

const LIMIT: Duration = Duration::from_secs(20);

/// How a browser presents itself.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// `zh-CN` or `en`.
    pub language: &'static str,
    /// Width in CSS pixels.
    pub width: u32,
    /// Whether the system is dark.
    pub is_dark: bool,
}

/// A desktop in English.
pub const DESKTOP: Look = Look { language: "en", width: 1280, is_dark: false };

/// A browser with one window.
pub struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Opens one.
    pub async fn open(look: Look) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let port = free_port();
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "/usr/bin/chromedriver".to_owned());
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver; install it with scripts/browser.sh");
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        wait_for("chromedriver", LIMIT, || async { client.get(format!("{url}/status")).send().await.ok().map(drop) })
            .await;
        let made =
            client.post(format!("{url}/session")).json(&capabilities(look, profile.path())).send().await.unwrap();
        let answer: Value = made.json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer:#}"));
        let browser = Self { driver, session: format!("{url}/session/{id}"), client, profile };
        let scheme = if look.is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        let metrics = json!({"width": look.width, "height": 860, "deviceScaleFactor": 1, "mobile": look.width < 600});
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        browser
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        let sent = self.client.post(format!("{}{path}", self.session)).json(&body).send().await.unwrap();
        let answer: Value = sent.json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path} {body}: {answer:#}");
        answer["value"].clone()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) {
        self.command("/url", json!({"url": url})).await;
    }

    /// Runs the body of a function in the page; what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until an expression is truthy in the page; its value.
    pub async fn until(&self, what: &str, limit: Duration, expression: &str) -> Value {
        let script = format!("return ({expression})");
        let value = wait_for(what, limit, || async {
            let value = self.run(&script).await;
            let is_falsy =
                matches!(&value, Value::Null | Value::Bool(false)) || value == json!("") || value == json!(0);
            (!is_falsy).then_some(value)
        });
        value.await
    }

    /// The text of the first element that a selector finds; empty without one.
    pub async fn text(&self, selector: &str) -> String {
        let selector = Value::from(selector);
        let text = self.run(&format!("return document.querySelector({selector})?.innerText ?? ''")).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.command("/element", json!({"using": "css selector", "value": selector})).await;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        id.expect("an element").to_owned()
    }

    /// Clicks as a person does.
    pub async fn click(&self, selector: &str) {
        let id = self.find(selector).await;
        // The driver would scroll it just below the window's edge, where the bar covers it.
        let centre = format!("document.querySelector({}).scrollIntoView({{block: 'center'}})", Value::from(selector));
        self.run(&centre).await;
        self.command(&format!("/element/{id}/click"), json!({})).await;
    }

    /// Types into a field as a person does.
    pub async fn fill(&self, selector: &str, text: &str) {
        let id = self.find(selector).await;
        self.command(&format!("/element/{id}/clear"), json!({})).await;
        self.command(&format!("/element/{id}/value"), json!({"text": text})).await;
    }

    /// Presses keys in whatever has the focus.
    pub async fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.command("/actions", body).await;
    }

    /// What the console of the browser complained about since the last time.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.command("/se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let is_bad = |entry: &Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.iter().filter(|entry| is_bad(entry)).map(|entry| entry["message"].to_string()).collect()
    }

    /// How many pixels the page is wider than its window.
    pub async fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.run(script).await.as_i64().unwrap()
    }

    /// Takes a picture of the whole page for people to look at.
    pub async fn picture(&self, name: &str) -> PathBuf {
        self.shoot(name, true).await
    }

    /// Takes a picture of what the window shows.
    pub async fn picture_of_window(&self, name: &str) -> PathBuf {
        self.shoot(name, false).await
    }

    async fn shoot(&self, name: &str, whole_page: bool) -> PathBuf {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        let shot = self
            .devtools("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": whole_page}))
            .await;
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let path = directory.join(format!("{name}.png"));
        std::fs::write(&path, png).unwrap();
        path
    }

    /// Closes it.
    pub async fn close(mut self) {
        let closed = self.client.delete(&self.session).send().await;
        assert!(closed.is_ok_and(|answer| answer.status().is_success()), "the browser closes");
        self.driver.kill().await.unwrap();
        self.profile.close().unwrap();
    }
}

fn capabilities(look: Look, profile: &Path) -> Value {
    let binary = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ];
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    arguments.push(format!("--user-data-dir={}", profile.join("profile").display()));
    arguments.push(format!("--lang={}", look.language));
    arguments.push(format!("--window-size={},860", look.width.max(500)));
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": binary,
            "args": arguments,
            "prefs": {"intl.accept_languages": look.language}
        }
    }}})
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

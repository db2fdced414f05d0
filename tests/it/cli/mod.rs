//! The command line as a person and a script use it: the real program against a service that answers by script.

mod commands;
mod configuring;
mod following;
mod scripted;
mod site;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Longer than any command needs that is not stuck.
const LIMIT: Duration = Duration::from_mins(1);

/// What a command left behind.
#[derive(Debug)]
struct Left {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The program, with an environment of its own.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fastbuild"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Runs a command to its end.
async fn left_by(mut command: Command, input: &str) -> Left {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing may have closed its end.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = timeout(LIMIT, child.wait_with_output()).await.expect("the command is stuck").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let left = Left { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!left.stdout.contains('\u{1b}') && !left.stderr.contains('\u{1b}'), "colour without a terminal: {left:?}");
    left
}

async fn run(arguments: &[&str]) -> Left {
    left_by(program(arguments), "").await
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

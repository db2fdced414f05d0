//! The command line: `serve` (the default) and what talks to a running service over its REST API.
//!
//! Results go to standard output, everything else to standard error. Exit codes are a promise to scripts: 0 done, 1 the
//! task failed, 2 wrong use or a refused request, 3 no service, 130 interrupted.

mod answer;
mod cancel;
mod clean;
mod configure;
mod connection;
mod encrypt;
mod failure;
mod follow;
mod health;
mod import_old;
mod inspect;
mod log_page;
mod logs;
mod outcome;
mod output;
mod password;
mod poll;
mod preview;
mod rebuild;
mod rotate_keys;
mod sbom;
mod serve;
mod server_events;
mod submit;
mod table;
mod task_argument;
mod tasks;
mod token;
mod view;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use rustix::fs::Mode;

use crate::settings::{Settings, SettingsError, load};
use connection::{Connection, ConnectionArguments};
use failure::ClientError;

const DEFAULT_SETTINGS_FILE: &str = "config.toml";

/// Turns a JSON request into a container image and pushes it to Harbor.
#[derive(Debug, Parser)]
#[command(name = "fastbuild", version, about, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: SettingsArguments,
}

const EXAMPLES: &str = "\
Examples:
  fastbuild serve --config config.toml
  fastbuild submit request.json --follow
  fastbuild --help, fastbuild submit --help

Exit codes: 0 done, 1 the task failed, 2 wrong use or a refused request, 3 no service, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default).
    Serve(SettingsArguments),
    /// Send a build request.
    Submit(submit::SubmitArguments),
    /// Show the Dockerfile of a build request; nothing is built.
    Preview(preview::PreviewArguments),
    /// Show what an image has: OS, package manager, Python, conda, sshd, JupyterLab.
    Inspect(inspect::InspectArguments),
    /// List tasks, newest first.
    Tasks(tasks::TasksArguments),
    /// Print the logs of a task.
    Logs(logs::LogsArguments),
    /// Print what is installed in the image that a task pushed, as CycloneDX.
    Sbom(sbom::SbomArguments),
    /// End a task before its time.
    Cancel(cancel::CancelArguments),
    /// Build the request of an earlier task again.
    Rebuild(rebuild::RebuildArguments),
    /// Remove what is old and needed by nobody, by the settings of the section `retention`.
    Clean(clean::CleanArguments),
    /// Tell the service its own address, its Harbor and its Docker server, all tested first.
    Configure(configure::ConfigureArguments),
    /// Encrypt a password as the platform does, for webSSHSecret and jupyterLabSecret.
    Encrypt(encrypt::EncryptArguments),
    /// Make, list and revoke the tokens that callers show.
    Token(token::TokenArguments),
    /// Take over tasks, images and configuration from the database of an old service.
    ImportOld(import_old::ImportArguments),
    /// Seal every stored secret under a new key and retire the old one; the service must be stopped.
    RotateKeys(rotate_keys::RotateArguments),
    /// Print the completion script of a shell.
    #[command(after_help = "Example: fastbuild completions bash > /etc/bash_completion.d/fastbuild")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Ask a running service whether it is alive; exit code 0 when it is.
    Healthcheck(health::HealthArguments),
    /// Print the OpenAPI document.
    Openapi,
}

/// Which settings are used.
#[derive(Debug, Clone, Args)]
struct SettingsArguments {
    /// Settings file; `config.toml` in this directory when there is one, else defaults.
    #[arg(long, short, env = "FASTBUILD_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsArguments {
    /// The settings and the file they come from.
    fn load(self) -> Result<(Settings, Option<PathBuf>), SettingsError> {
        let file = self.config.or_else(|| Some(PathBuf::from(DEFAULT_SETTINGS_FILE)).filter(|path| path.exists()));
        let settings = load(file.as_deref(), std::env::vars())?;
        Ok((settings, file))
    }
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    // What it writes, secrets and logs among it, is nobody else's business.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let line = CommandLine::parse();
    match line.command {
        None => serve::run(line.serve),
        Some(Command::Serve(arguments)) => serve::run(arguments),
        Some(Command::Submit(it)) => client(&it.connection.clone(), |to| async move { submit::run(&to, it).await }),
        Some(Command::Preview(it)) => client(&it.connection.clone(), |to| async move { preview::run(&to, it).await }),
        Some(Command::Inspect(it)) => client(&it.connection.clone(), |to| async move { inspect::run(&to, it).await }),
        Some(Command::Tasks(it)) => client(&it.connection.clone(), |to| async move { tasks::run(&to, it).await }),
        Some(Command::Logs(it)) => client(&it.connection.clone(), |to| async move { logs::run(&to, it).await }),
        Some(Command::Sbom(it)) => client(&it.connection.clone(), |to| async move { sbom::run(&to, it).await }),
        Some(Command::Cancel(it)) => client(&it.connection.clone(), |to| async move { cancel::run(&to, it).await }),
        Some(Command::Clean(it)) => client(&it.connection.clone(), |to| async move { clean::run(&to, it).await }),
        Some(Command::Rebuild(it)) => client(&it.connection.clone(), |to| async move { rebuild::run(&to, it).await }),
        Some(Command::Configure(it)) => {
            client(&it.connection.clone(), |to| async move { configure::run(&to, it).await })
        }
        Some(Command::Encrypt(arguments)) => encrypt::run(arguments),
        Some(Command::Token(arguments)) => token::run(arguments),
        Some(Command::ImportOld(arguments)) => import_old::run(arguments),
        Some(Command::RotateKeys(arguments)) => rotate_keys::run(arguments),
        Some(Command::Completions { shell }) => print_completions(shell),
        Some(Command::Healthcheck(arguments)) => health::run(arguments),
        Some(Command::Openapi) => serve::print_openapi(),
    }
}

/// Runs a command that talks to a service.
fn client<F: Future<Output = Result<ExitCode, ClientError>>>(
    arguments: &ConnectionArguments,
    work: impl FnOnce(Connection) -> F,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let outcome = runtime.block_on(async { work(Connection::new(arguments)?).await });
    outcome.unwrap_or_else(|error| error.report(arguments.json, arguments.language()))
}

fn print_completions(shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut CommandLine::command(), "fastbuild", &mut std::io::stdout());
    ExitCode::SUCCESS
}

/// Says on standard error why the program ends.
#[expect(clippy::print_stderr, reason = "this is the command line")]
fn complain(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("fastbuild: {error}");
    let mut source = error.source();
    while let Some(inner) = source {
        eprintln!("  because: {inner}");
        source = inner.source();
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_help_text_is_as_agreed() {
        let mut whole = String::new();
        let mut command = CommandLine::command();
        command.build();
        whole.push_str(&command.render_long_help().to_string());
        for command in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let name = command.get_name().to_owned();
            let _ = write!(whole, "\n==== {name}\n\n{}", command.render_long_help());
        }
        insta::assert_snapshot!(whole);
    }
}

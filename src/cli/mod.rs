//! The command line: `serve` (the default) and what talks to a running service.

mod health;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Turns a JSON request into a container image and pushes it to Harbor.
#[derive(Debug, Parser)]
#[command(name = "fastbuild", version, about, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default).
    Serve(ServeArguments),
    /// Ask a running service whether it is alive; exit code 0 when it is.
    Healthcheck {
        /// Address of the service.
        #[arg(long, env = "FASTBUILD_URL", default_value = "http://127.0.0.1:48001")]
        url: String,
    },
    /// Print the OpenAPI document.
    Openapi,
}

/// How the service is started.
#[derive(Debug, Args)]
struct ServeArguments {
    /// Settings file; `config.toml` in this directory when there is one, else defaults.
    #[arg(long, short, env = "FASTBUILD_CONFIG")]
    config: Option<PathBuf>,
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    match line.command {
        None => serve::run(line.serve.config),
        Some(Command::Serve(arguments)) => serve::run(arguments.config),
        Some(Command::Healthcheck { url }) => health::run(&url),
        Some(Command::Openapi) => serve::print_openapi(),
    }
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

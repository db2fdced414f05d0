//! The command line of FastBuild.

use std::process::ExitCode;

fn main() -> ExitCode {
    fastbuild::cli::main()
}

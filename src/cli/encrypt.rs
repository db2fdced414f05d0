//! `fastbuild encrypt`: a password as the platform would send it.

use std::process::ExitCode;

use clap::Args;

use super::connection::locale_language;
use super::failure::ClientError;
use super::{SettingsArguments, complain, output, password};
use crate::secret::PlatformCipher;

const EXAMPLES: &str = "\
Examples:
  fastbuild encrypt
  printf %s 'the password' | fastbuild encrypt --config config.toml

The password is asked for, or read from standard input. Key and IV are those of [aes] in the settings.";

/// With which key.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EncryptArguments {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(super) fn run(arguments: EncryptArguments) -> ExitCode {
    let settings = match arguments.settings.load() {
        Ok((settings, _)) => settings,
        Err(error) => return complain(&error),
    };
    let cipher = match PlatformCipher::new(&settings.aes.key, &settings.aes.iv) {
        Ok(cipher) => cipher,
        Err(error) => return complain(&error),
    };
    let printed = password::asked("Password: ")
        .and_then(|plain| output::line(&cipher.encrypt(&plain)).map_err(ClientError::from));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(false, locale_language()),
    }
}

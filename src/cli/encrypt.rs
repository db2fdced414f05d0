//! `fastbuild encrypt`: a password as the platform would send it.

use std::process::ExitCode;

use clap::Args;

use super::connection::locale_language;
use super::{SettingsArguments, complain, output, password};
use crate::secret::PlatformCipher;

const EXAMPLES: &str = "\
Examples:
  fastbuild encrypt
  printf %s 'the password' | fastbuild encrypt --config config.toml
  FASTBUILD__AES__STRONG_KEY=… fastbuild encrypt --strong

The password is asked for, or read from standard input. Key and IV are those of [aes] in the settings.";

/// With which key.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EncryptArguments {
    /// The better form, v2: and AES-256-GCM, under the strong key of [aes].
    #[arg(long)]
    strong: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(super) fn run(arguments: EncryptArguments) -> ExitCode {
    let settings = match arguments.settings.load() {
        Ok((settings, _)) => settings,
        Err(error) => return complain(&error),
    };
    let cipher = match PlatformCipher::from_settings(&settings.aes) {
        Ok(cipher) => cipher,
        Err(error) => return complain(&error),
    };
    let plain = match password::asked("Password: ") {
        Ok(plain) => plain,
        Err(error) => return error.report(false, locale_language()),
    };
    let text = if arguments.strong { cipher.encrypt_strong(&plain) } else { Ok(cipher.encrypt(&plain)) };
    match text {
        Ok(text) => match output::line(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error),
        },
        Err(error) => complain(&error),
    }
}

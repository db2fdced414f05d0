//! Whether a mirror file belongs to an OS release, by the numbers in its name.

use super::SourceInstaller;

/// Whether the numbers in an apt or yum file's name occur in the image's OS version: `ubuntu-18.04.list` fits
/// `18.04.6 LTS (Bionic Beaver)`. Of a `.repo` only the first number counts, up to its dot; a name without numbers fits any version,
/// and so does every pip and conda file.
pub fn fits(installer: SourceInstaller, file: &str, os_version: &str) -> bool {
    let stem = without_architectures(file);
    let wanted = numbers(&stem);
    let present = numbers(os_version);
    match installer {
        SourceInstaller::Apt => wanted.iter().all(|number| present.iter().any(|version| is_part(number, version))),
        // Repositories belong to a major release: `Centos-vault-8.5.2111.repo` serves release 8.
        SourceInstaller::Yum => wanted.first().is_none_or(|number| {
            let major = number.split('.').next().unwrap_or_default();
            present.iter().any(|version| is_part(major, version))
        }),
        SourceInstaller::Pip | SourceInstaller::Conda => true,
    }
}

/// `20.04` is part of `20.04.6`, `8` of `8.10`, but `1` not of `18`.
fn is_part(number: &str, version: &str) -> bool {
    version.strip_prefix(number).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Digits with single dots between them.
fn numbers(text: &str) -> Vec<String> {
    let is_number_character = |character: char| character.is_ascii_digit() || character == '.';
    text.split(|character| !is_number_character(character))
        .map(|run| run.trim_matches('.'))
        .filter(|run| !run.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// Names of architectures hold numbers that say nothing about the release.
fn without_architectures(file: &str) -> String {
    ["x86_64", "amd64", "aarch64", "arm64", "i386", "i686"]
        .iter()
        .fold(file.to_ascii_lowercase(), |name, architecture| name.replace(architecture, ""))
}

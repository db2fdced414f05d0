//! The Python that pip works on, and where its pip comes from.

use super::choices::{PythonChoice, python_version};
use super::python_source::has_old_openssl;
use crate::image::ImageDescriptor;

/// The Python whose pip is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// Absolute path.
    pub(super) path: String,
    /// Major and minor version, where known.
    pub(super) version: Option<(u32, u32)>,
    /// Where its pip comes from.
    pub(super) pip: PipOrigin,
    /// Whether its OpenSSL is older than 1.1.1.
    pub(super) has_old_openssl: bool,
}

/// Where a Python's pip comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PipOrigin {
    /// Ours or the user's to replace.
    Own,
    /// The distribution's package: it has no record of its files and cannot be uninstalled, only covered.
    Distribution,
    /// It has none.
    Missing,
}

impl Interpreter {
    /// The Python that was chosen. `has_installer` says whether a get-pip.py brings pip.
    pub(super) fn new(choice: &PythonChoice, descriptor: &ImageDescriptor, has_installer: bool) -> Self {
        let details = &descriptor.details;
        let distribution_openssl_is_old = has_old_openssl(descriptor);
        match choice {
            PythonChoice::Source { tarball, prefix } => Self {
                path: format!("{prefix}/bin/python"),
                version: python_version(tarball.as_str()).as_deref().and_then(minor),
                pip: PipOrigin::Own,
                has_old_openssl: distribution_openssl_is_old,
            },
            PythonChoice::Distribution => Self {
                path: "/usr/bin/python3".to_owned(),
                version: None,
                pip: PipOrigin::Distribution,
                has_old_openssl: distribution_openssl_is_old,
            },
            PythonChoice::Present | PythonChoice::None => Self {
                path: details.python3_path.clone(),
                version: minor(&numbers(&details.python3_version)),
                pip: if lacks_distribution_pip(descriptor, has_installer) || is_distributions(&details.pip3_location) {
                    PipOrigin::Distribution
                } else if details.pip3_version.is_empty() {
                    PipOrigin::Missing
                } else {
                    PipOrigin::Own
                },
                has_old_openssl: is_old_openssl(&details.python3_openssl).unwrap_or(distribution_openssl_is_old),
            },
        }
    }
}

/// Whether the image's Python is the distribution's and has no pip, and no get-pip.py will bring one.
pub(super) fn lacks_distribution_pip(descriptor: &ImageDescriptor, has_installer: bool) -> bool {
    let details = &descriptor.details;
    let is_distributions = details.python3_path.starts_with("/usr/bin/") || details.python3_path.starts_with("/bin/");
    is_distributions && details.pip3_version.is_empty() && !has_installer
}

fn is_distributions(pip_location: &str) -> bool {
    pip_location.starts_with("/usr/lib/") || pip_location.starts_with("/usr/lib64/")
}

fn minor(numbers: &[u32]) -> Option<(u32, u32)> {
    Some((*numbers.first()?, *numbers.get(1)?))
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// `OpenSSL 1.1.1k  FIPS 25 Mar 2021` → not older than 1.1.1; nothing when it says no version.
fn is_old_openssl(text: &str) -> Option<bool> {
    let version = text.strip_prefix("OpenSSL ")?.split_whitespace().next()?;
    let mut numbers = version.split('.').map(|part| {
        part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap_or_default()
    });
    let version = [numbers.next()?, numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()];
    Some(version < [1, 1, 1])
}

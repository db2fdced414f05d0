//! Raw fields → [`BuildRequest`]: every text is parsed into its type, and every refused one is named.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::section::Text;
use super::wire::{Install, Installer, Wire};
use super::{
    AbsolutePath, BuildRequest, CallbackUrl, CondaPackage, CondaPackages, FieldError, FileName, Location, OsInstaller,
    OsPackage, OsPackages, PipPackages, PipRequirement, PythonFromSource, Reason, RefusedField, RequestError,
    SourceChoice, json,
};
use crate::image::ImageReference;
use crate::secret::PlatformCipher;

const DEFAULT_PYTHON_PREFIX: &str = "/usr/local/dros/python";
const MAX_LINE_CHARACTERS: usize = 1_024;
const MAX_DESCRIPTION_CHARACTERS: usize = 65_536;
const MAX_URL_BYTES: usize = 2_048;
/// PAM takes no more, the terminating zero included.
const MAX_PASSWORD_BYTES: usize = 511;
const MAX_SOFTWARE: usize = 2_000;

/// Where a request's passwords come from.
enum Passwords<'a> {
    /// From the document, as the platform encrypted them.
    Encrypted(&'a PlatformCipher),
    /// From elsewhere; the document's secret fields hold `***`.
    Kept { ssh: Option<SecretString>, jupyter: Option<SecretString> },
}

impl BuildRequest {
    /// Reads a request's body, in either shape.
    pub fn parse(body: &[u8], cipher: &PlatformCipher) -> Result<Self, RequestError> {
        Self::read(body, Passwords::Encrypted(cipher))
    }

    /// Reads a saved document, whose secret fields hold `***`, with the passwords that were kept apart from it.
    pub fn parse_saved(
        document: &[u8],
        ssh_password: Option<SecretString>,
        jupyter_password: Option<SecretString>,
    ) -> Result<Self, RequestError> {
        Self::read(document, Passwords::Kept { ssh: ssh_password, jupyter: jupyter_password })
    }

    fn read(body: &[u8], passwords: Passwords<'_>) -> Result<Self, RequestError> {
        let document = json::read(body).map_err(|error| RequestError::Invalid(vec![*error]))?;
        let wire = Wire::read(&document).map_err(RequestError::Invalid)?;
        let mut judge = Judge { refused: Vec::new() };
        match judge.request(&wire, passwords) {
            Some(request) if judge.refused.is_empty() => Ok(request),
            _ => Err(RequestError::Refused(judge.refused)),
        }
    }
}

/// Collects what is refused.
struct Judge {
    refused: Vec<RefusedField>,
}

impl Judge {
    fn request(&mut self, wire: &Wire, passwords: Passwords<'_>) -> Option<BuildRequest> {
        let task_name = self.line(&wire.task_name);
        let target = self.target(&wire.target, wire.tag.as_ref());
        let description = self.description(wire.description.as_ref());
        let callback_url = self.callback_url(&wire.callback_url);
        let base = self.take(&wire.base_image, |text| image(text.trim()));
        let maintainer = self.line(&wire.maintainer);
        let python = self.python(&wire.python);
        let os_packages = self.os_packages(&wire.os_packages);
        let pip = self.pip(&wire.pip);
        let conda = self.conda(&wire.conda);
        let (ssh_password, jupyter_password) = match passwords {
            Passwords::Encrypted(cipher) => {
                (self.password(&wire.ssh_secrets, cipher), self.password(&wire.jupyter_secrets, cipher))
            }
            Passwords::Kept { ssh, jupyter } => (ssh, jupyter),
        };
        Some(BuildRequest {
            task_name: task_name?,
            target: target?,
            description: description?,
            callback_url,
            base: base?,
            maintainer: maintainer?,
            python,
            os_packages,
            pip,
            conda,
            ssh_password,
            jupyter_password,
            force: wire.force,
            refresh_after_seconds: wire.refresh_after_seconds,
            plain_pip: wire.plain_pip,
        })
    }

    fn refuse(&mut self, location: &Location, error: FieldError) {
        self.refused.push(error.at(location.clone()));
    }

    fn take<T>(&mut self, text: &Text, read: impl FnOnce(&str) -> Result<T, FieldError>) -> Option<T> {
        read(&text.value).map_err(|error| self.refuse(&text.location, error)).ok()
    }

    /// The parsed form of a text unless it is blank.
    fn take_filled<T>(&mut self, text: &Text, read: impl FnOnce(&str) -> Result<T, FieldError>) -> Option<T> {
        if text.value.trim().is_empty() { None } else { self.take(text, |text| read(text.trim())) }
    }

    /// Free text on one line.
    fn line(&mut self, text: &Text) -> Option<String> {
        self.take(text, |value| {
            let is_break = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
            match value {
                value if value.contains(is_break) => Err(FieldError::new(Reason::ControlCharacter, value)),
                value if value.chars().count() > MAX_LINE_CHARACTERS => Err(FieldError::new(Reason::TooLong, value)),
                value => Ok(value.to_owned()),
            }
        })
    }

    fn description(&mut self, text: Option<&Text>) -> Option<String> {
        let Some(text) = text else {
            return Some(String::new());
        };
        self.take(text, |value| {
            let is_other = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
            match value {
                value if value.contains(is_other) => Err(FieldError::new(Reason::ControlCharacter, value)),
                value if value.chars().count() > MAX_DESCRIPTION_CHARACTERS => {
                    Err(FieldError::new(Reason::TooLong, value))
                }
                value => Ok(value.to_owned()),
            }
        })
    }

    /// The image to make. The console may send the tag in a field of its own; a tag in the name counts first.
    fn target(&mut self, name: &Text, tag: Option<&Text>) -> Option<ImageReference> {
        let reference = self.take(name, |text| image(text.trim()))?;
        if reference.digest().is_some() {
            self.refuse(&name.location, FieldError::new(Reason::TargetDigest, &name.value));
            return None;
        }
        if reference.tag().is_some() {
            return Some(reference);
        }
        if let Some(tag) = tag.filter(|tag| !tag.value.trim().is_empty()) {
            return self.take(tag, |tag| image(&format!("{reference}:{}", tag.trim())));
        }
        self.refuse(&name.location, FieldError::new(Reason::TargetTag, &name.value));
        None
    }

    fn callback_url(&mut self, text: &Text) -> Option<CallbackUrl> {
        self.take_filled(text, |text| {
            let refuse = || FieldError::new(Reason::CallbackUrl, text);
            // The URL standard mends `http:/x`, `http:///x` and `http:\\x`; nobody who writes these means them.
            let has_authority = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']));
            if text.len() > MAX_URL_BYTES || text.contains(char::is_control) || !has_authority {
                return Err(refuse());
            }
            let url = Url::parse(text).map_err(|_| refuse())?;
            let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
            let is_anonymous = url.username().is_empty() && url.password().is_none();
            if is_http && is_anonymous { Ok(CallbackUrl::new(text, url)) } else { Err(refuse()) }
        })
    }

    fn python(&mut self, install: &Install) -> Option<PythonFromSource> {
        let tarball = self.installer(install)?;
        let prefix = match &install.directory {
            Some(text) if !text.value.trim().is_empty() => self.take(text, |text| text.trim().parse()),
            _ => DEFAULT_PYTHON_PREFIX.parse::<AbsolutePath>().ok(),
        };
        let prefix = prefix?;
        is_wanted(install).then_some(PythonFromSource { tarball, prefix })
    }

    fn os_packages(&mut self, part: &Installer) -> OsPackages {
        let installer = self.take_filled(&part.name, |name| match name.to_ascii_lowercase().as_str() {
            "apt" | "apt-get" => Ok(OsInstaller::Apt),
            "yum" | "dnf" => Ok(OsInstaller::Yum),
            _ => Err(FieldError::new(Reason::OsInstaller, name)),
        });
        OsPackages { installer, source: self.source(part), software: self.software(part, OsPackage::parse) }
    }

    fn pip(&mut self, part: &Installer) -> PipPackages {
        PipPackages {
            installer: self.installer(&part.install),
            upgrade: is_wanted(&part.install),
            source: self.source(part),
            software: self.software(part, PipRequirement::parse),
        }
    }

    fn conda(&mut self, part: &Installer) -> CondaPackages {
        let python_version = part.python_version.iter().find(|text| !text.value.trim().is_empty());
        CondaPackages {
            installer: self.installer(&part.install),
            update: is_wanted(&part.install),
            source: self.source(part),
            software: self.software(part, CondaPackage::parse),
            python_version: python_version.and_then(|text| self.take(text, |text| text.trim().parse())),
        }
    }

    /// The installer file that is named, the first of a list.
    fn installer(&mut self, install: &Install) -> Option<FileName> {
        let target = install.target.iter().find(|text| !text.value.trim().is_empty())?;
        self.take(target, |text| text.trim().parse())
    }

    /// The mirror file. A type without a file is what a console sends when nobody chose one.
    fn source(&mut self, part: &Installer) -> Option<SourceChoice> {
        let mirror = self.take_filled(&part.source_type, str::parse::<FileName>);
        let file = self.take_filled(&part.source_file, str::parse::<FileName>);
        match (mirror, file) {
            (Some(mirror), Some(file)) => Some(SourceChoice { mirror, file }),
            (None, Some(file)) if part.source_type.value.trim().is_empty() => {
                self.refuse(&part.source_type.location, FieldError::new(Reason::SourceIncomplete, file.as_str()));
                None
            }
            _ => None,
        }
    }

    /// Packages in their order, without repetitions and without rows that were left empty.
    fn software<T: PartialEq>(
        &mut self,
        part: &Installer,
        read: impl Fn(&str, &str) -> Result<T, FieldError>,
    ) -> Vec<T> {
        if part.software.len() > MAX_SOFTWARE {
            self.refuse(&part.software_location, FieldError::new(Reason::TooMany, &part.software.len().to_string()));
            return Vec::new();
        }
        let mut software = Vec::with_capacity(part.software.len());
        for (name, version) in &part.software {
            let version_text = version.as_ref().map_or("", |version| version.value.trim());
            if name.value.trim().is_empty() && version_text.is_empty() {
                continue;
            }
            match read(name.value.trim(), version_text) {
                Ok(package) if software.contains(&package) => {}
                Ok(package) => software.push(package),
                Err(error) => {
                    // The name alone is fine: then it was the version.
                    let is_version = read(name.value.trim(), "").is_ok();
                    let blamed = version.as_ref().filter(|_| is_version).unwrap_or(name);
                    self.refuse(&blamed.location, error);
                }
            }
        }
        software
    }

    /// The first of the places that holds a password; empty everywhere means not wanted.
    fn password(&mut self, places: &[Text], cipher: &PlatformCipher) -> Option<SecretString> {
        for text in places {
            let Ok(password) = cipher.decrypt(&text.value) else {
                self.refuse(&text.location, FieldError::secret(Reason::Undecryptable));
                return None;
            };
            let plain = password.expose_secret();
            if plain.contains(['\0', '\n', '\r']) {
                self.refuse(&text.location, FieldError::secret(Reason::Password));
                return None;
            }
            if plain.len() > MAX_PASSWORD_BYTES {
                self.refuse(&text.location, FieldError::secret(Reason::TooLong));
                return None;
            }
            if !plain.is_empty() {
                return Some(password);
            }
        }
        None
    }
}

/// `update`, or whether an installer file is named where it is absent.
fn is_wanted(install: &Install) -> bool {
    install.update.unwrap_or_else(|| install.target.iter().any(|text| !text.value.trim().is_empty()))
}

fn image(text: &str) -> Result<ImageReference, FieldError> {
    let reference: ImageReference = text.parse().map_err(|_| FieldError::new(Reason::ImageName, text))?;
    if reference.is_reserved() { Err(FieldError::new(Reason::ReservedName, text)) } else { Ok(reference) }
}

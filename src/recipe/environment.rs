//! The image's environment for people: sessions of sshd do not inherit it from the container.
//!
//! Login shells read `/etc/profile.d`, other sessions `/etc/environment` through PAM. Both hold what the image's `ENV`
//! holds anyway.

use super::draft::Draft;
use super::shell::word;
use crate::image::{ImageDescriptor, OsFamily};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What belongs to a session, not to an image.
const OF_THE_SESSION: [&str; 9] = ["HOME", "HOSTNAME", "LOGNAME", "OLDPWD", "PWD", "SHELL", "SHLVL", "TERM", "USER"];
const SYSTEM_DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Variables by which an image chooses where pip finds packages.
pub(super) const PIP_SOURCES: [&str; 5] =
    ["PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX"];
const MAX_VALUE_BYTES: usize = 1_000;

/// The image's variables in order.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    variables: Vec<(String, String)>,
    /// Names that differ from the base's.
    changed: Vec<String>,
}

impl Environment {
    /// The base's variables.
    pub(super) fn new(base: &[String]) -> Self {
        let variables = base.iter().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        Self { variables: variables.collect(), changed: Vec::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: String) {
        if self.get(name) == Some(value.as_str()) {
            return;
        }
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value));
        self.changed.push(name.to_owned());
    }

    /// `PATH`, Docker's default where the base has none.
    pub(super) fn path(&self) -> &str {
        self.get("PATH").filter(|path| !path.is_empty()).unwrap_or(DEFAULT_PATH)
    }

    /// What a build step exports so that package managers find their tools: `None` when `PATH` names all directories
    /// of the system, as most bases' does. dpkg refuses to work without those of `sbin`.
    pub(super) fn system_path(&self) -> Option<String> {
        let is_missing =
            |directory: &&str| self.path().split(':').all(|named| named.trim_end_matches('/') != *directory);
        let missing: Vec<&str> = SYSTEM_DIRECTORIES.into_iter().filter(is_missing).collect();
        (!missing.is_empty()).then(|| format!("export PATH=\"$PATH:{}\"", missing.join(":")))
    }

    /// Empties those of the base's variables that stand above pip's own files, so that a chosen mirror counts. pip
    /// ignores empty ones.
    pub(super) fn clear_pip_sources(&mut self) {
        for name in PIP_SOURCES {
            if self.get(name).is_some_and(|value| !value.is_empty()) {
                self.set(name, String::new());
            }
        }
    }

    /// Puts directories before and after those of `PATH`, each once.
    pub(super) fn extend_path(&mut self, first: &[String], last: &[String]) {
        let old: Vec<&str> = self.path().split(':').collect();
        let is_named = |directory: &&str| first.iter().chain(last).any(|named| named == directory);
        let kept = old.iter().filter(|directory| !is_named(directory) && !directory.is_empty()).copied();
        let all: Vec<&str> =
            first.iter().map(String::as_str).chain(kept).chain(last.iter().map(String::as_str)).collect();
        let path = all.join(":");
        self.set("PATH", path);
    }

    /// A UTF-8 locale, unless the base chose one. Old glibc of the Red Hat family has no `C.UTF-8`.
    pub(super) fn provide_locale(&mut self, descriptor: &ImageDescriptor) {
        if self.get("LANG").is_some() || self.get("LC_ALL").is_some() {
            return;
        }
        let is_red_hat = descriptor.details.family == Some(OsFamily::RedHat);
        let is_old = super::python_source::has_old_openssl(descriptor);
        self.set("LANG", if is_red_hat && is_old { "en_US.UTF-8" } else { "C.UTF-8" }.to_owned());
    }

    /// Variables that the Dockerfile must set.
    pub(super) fn changes(&self) -> Vec<(String, String)> {
        let is_changed = |(name, _): &&(String, String)| self.changed.contains(name);
        self.variables.iter().filter(is_changed).cloned().collect()
    }

    /// Writes the variables where sessions read them.
    pub(super) fn write(&self, draft: &mut Draft) {
        let mut profile = String::from("# FastBuild: the image's environment for login shells.\n");
        let mut plain = String::from("# FastBuild begin\n");
        let path = ("PATH".to_owned(), self.path().to_owned());
        let others = self.variables.iter().filter(|(name, _)| name != "PATH");
        for (name, value) in others.chain([&path]) {
            if !is_variable(name) || OF_THE_SESSION.contains(&name.as_str()) || value.len() > MAX_VALUE_BYTES {
                continue;
            }
            profile.extend([format!("export {name}={}\n", word(value))]);
            // PAM reads a line as it stands: no quotes, no comments, no line breaks.
            if !value.starts_with(['"', '\'', ' ']) && !value.contains('#') && !value.chars().any(char::is_control) {
                plain.extend([format!("{name}={value}\n")]);
            }
        }
        plain.push_str("# FastBuild end\n");
        draft.copy("environment/profile.sh", 0o644, profile, "/etc/profile.d/00-fastbuild.sh");
        let (mount, path) = draft.bind("environment/environment", plain);
        draft.run(
            vec![mount],
            [
                "touch /etc/environment".to_owned(),
                "sed -i '/^# FastBuild begin$/,/^# FastBuild end$/d' /etc/environment".to_owned(),
                format!("cat {} >> /etc/environment", word(&path)),
            ],
        );
    }
}

fn is_variable(name: &str) -> bool {
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    starts_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

//! Records → what is installed. A value that is no name, version or path is left out and counted.

use std::collections::{BTreeMap, BTreeSet};

use super::package_url::PackageUrl;
use super::python::{distribution, normal_name};
use super::records::{Record, path, word};

/// What is installed in an image.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// `ID` of os-release, `VERSION_ID` and `PRETTY_NAME`; empty where it does not tell.
    pub(super) os_id: String,
    pub(super) os_version: String,
    pub(super) os_title: String,
    /// Packages by their package URL.
    pub(super) packages: BTreeMap<String, Package>,
    /// Records left out because they hold what no name, version or path may hold.
    pub(super) refused: usize,
    /// Package databases that are there and could not be read, such as `rpm`.
    pub(super) unread: BTreeSet<String>,
}

/// An installed package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    /// `dpkg`, `rpm`, `apk`, `python` or `conda`.
    pub(super) manager: &'static str,
    pub(super) name: String,
    /// Empty where it is not told.
    pub(super) version: String,
    /// Where it lies: directories of Python metadata and of conda environments; none for packages of the OS.
    pub(super) locations: BTreeSet<String>,
}

/// A package of dpkg or apk, told line by line.
#[derive(Default)]
struct Stanza<'output> {
    manager: &'static str,
    name: &'output str,
    version: &'output str,
    architecture: &'output str,
    state: &'output str,
}

/// Reads what the script told.
pub(super) fn read(records: &[Record<'_>]) -> Inventory {
    let mut inventory = Inventory::default();
    // What the package URLs of the OS name comes first, wherever it was printed.
    for record in records.iter().filter(|record| record.key == "os") {
        inventory.take_os(record.values.first().copied().unwrap_or_default());
    }
    let environments: Vec<&str> = records
        .iter()
        .filter(|record| record.key == "environment")
        .filter_map(|record| record.values.first().copied())
        .collect();
    let mut stanza = Stanza::default();
    for record in records {
        match (record.key, record.values.as_slice()) {
            ("dpkg", [field, value]) => inventory.take_line(&mut stanza, "dpkg", field, value),
            ("apk", [field, value]) => inventory.take_line(&mut stanza, "apk", field, value),
            ("rpm", [name, epoch, version, release, architecture]) => {
                inventory.take_rpm(name, epoch, [version, release], architecture);
            }
            ("python", [place, name, version]) => inventory.take_python(&environments, place, name, version),
            ("conda", [prefix, file]) => inventory.take_conda(prefix, file),
            ("unread", ["rpm"]) => inventory.unread.extend(["rpm".to_owned()]),
            ("os" | "environment", _) => {}
            _ => inventory.refused += 1,
        }
    }
    inventory.take_stanza(&stanza);
    inventory
}

impl Inventory {
    fn take_os(&mut self, line: &str) {
        let Some((key, value)) = line.split_once('=') else { return };
        let value = value.trim_matches(['"', '\'']);
        let field = match key {
            "ID" => &mut self.os_id,
            "VERSION_ID" => &mut self.os_version,
            "PRETTY_NAME" => {
                let title: String = value.chars().filter(|letter| !letter.is_control()).take(100).collect();
                self.os_title = title;
                return;
            }
            _ => return,
        };
        word(value).unwrap_or_default().clone_into(field);
    }

    fn take_line<'output>(
        &mut self,
        stanza: &mut Stanza<'output>,
        manager: &'static str,
        field: &str,
        value: &'output str,
    ) {
        // apk tells the version behind the name as dpkg does; a name begins the next package in both.
        if field == "name" || stanza.manager != manager {
            self.take_stanza(stanza);
            *stanza = Stanza { manager, ..Stanza::default() };
        }
        match field {
            "name" => stanza.name = value,
            "version" => stanza.version = value,
            "architecture" => stanza.architecture = value,
            "state" => stanza.state = value,
            _ => {}
        }
    }

    fn take_stanza(&mut self, stanza: &Stanza<'_>) {
        if stanza.manager.is_empty() {
            return;
        }
        // `want flag status`; packages without a state are those of images made without dpkg.
        let status = stanza.state.split(' ').nth(2).unwrap_or("installed");
        if matches!(status, "not-installed" | "config-files") {
            return;
        }
        let (Some(name), Some(version)) = (word(stanza.name), word(stanza.version)) else {
            self.refused += 1;
            return;
        };
        let kind = if stanza.manager == "apk" { "apk" } else { "deb" };
        let url = self
            .os_package_url(kind, &name.to_lowercase(), version)
            .with("arch", word(stanza.architecture).unwrap_or_default());
        let url = url.with("distro", &self.distribution());
        self.add(url, stanza.manager, name, version, None);
    }

    fn take_rpm(&mut self, name: &str, epoch: &str, [version, release]: [&str; 2], architecture: &str) {
        // Keys of signatures lie in the database as if they were packages.
        if name == "gpg-pubkey" {
            return;
        }
        let epoch = if epoch == "(none)" { "" } else { epoch };
        let is_number = epoch.bytes().all(|byte| byte.is_ascii_digit());
        let (Some(name), Some(version), Some(release), true) = (word(name), word(version), word(release), is_number)
        else {
            self.refused += 1;
            return;
        };
        let version = format!("{version}-{release}");
        let url = self.os_package_url("rpm", name, &version).with("arch", word(architecture).unwrap_or_default());
        let url = url.with("distro", &self.distribution()).with("epoch", epoch);
        let version = if epoch.is_empty() { version } else { format!("{epoch}:{version}") };
        self.add(url, "rpm", name, &version, None);
    }

    fn take_python(&mut self, environments: &[&str], place: &str, name: &str, version: &str) {
        // conda unpacks each package once beside its environments; only what is linked into one is installed.
        let is_cached =
            environments.iter().any(|prefix| place.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("/pkgs/")));
        if is_cached {
            return;
        }
        let (Some(place), Some((name, version))) = (path(place), distribution(place, name, version)) else {
            self.refused += 1;
            return;
        };
        let url = PackageUrl::new("pypi", "", &normal_name(name), version);
        self.add(url, "python", name, version, Some(place));
    }

    fn take_conda(&mut self, prefix: &str, file: &str) {
        // name-version-build.json: neither version nor build holds a dash.
        let mut parts = file.strip_suffix(".json").unwrap_or_default().rsplitn(3, '-');
        let (build, version, name) = (parts.next(), parts.next(), parts.next());
        let (Some(prefix), Some(build), Some(version), Some(name)) =
            (path(prefix), build.and_then(word), version.and_then(word), name.and_then(word))
        else {
            self.refused += 1;
            return;
        };
        let url = PackageUrl::new("conda", "", &name.to_lowercase(), version).with("build", build);
        self.add(url, "conda", name, version, Some(prefix));
    }

    fn os_package_url(&self, kind: &str, name: &str, version: &str) -> PackageUrl {
        PackageUrl::new(kind, &self.os_id.to_lowercase(), name, version)
    }

    fn distribution(&self) -> String {
        match (self.os_id.as_str(), self.os_version.as_str()) {
            (id, "") => id.to_owned(),
            (id, version) => format!("{id}-{version}"),
        }
    }

    fn add(&mut self, url: PackageUrl, manager: &'static str, name: &str, version: &str, location: Option<&str>) {
        let fresh = || Package { manager, name: name.to_owned(), version: version.to_owned(), ..Package::default() };
        let package = self.packages.entry(url.into_text()).or_insert_with(fresh);
        package.locations.extend(location.map(str::to_owned));
    }
}

#[cfg(test)]
mod tests;

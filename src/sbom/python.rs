//! Name and version of a Python distribution, from its metadata or the name of its directory.

use super::records::word;

/// The name as package indexes compare it: lower case, underscores as dashes.
pub(super) fn normal_name(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// Name and version: as the metadata says, else as `name-version.dist-info`, `name-version-py3.11.egg-info` and
/// `name-version-py3.8.egg/EGG-INFO` say. The version is empty where neither tells. `None` for what is no name.
pub(super) fn distribution<'record>(
    place: &'record str,
    name: &'record str,
    version: &'record str,
) -> Option<(&'record str, &'record str)> {
    let (of_place, version_of_place) = of_place(place);
    let name = word(if name.is_empty() { of_place } else { name })?;
    let version = if version.is_empty() { version_of_place } else { version };
    Some((name, if version.is_empty() { version } else { word(version)? }))
}

fn of_place(place: &str) -> (&str, &str) {
    let place = place.strip_suffix("/EGG-INFO").unwrap_or(place);
    let file = place.rsplit('/').next().unwrap_or_default();
    let stem = [".dist-info", ".egg-info", ".egg"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or_default();
    let mut parts = stem.split('-');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_counts_and_the_directory_helps_out() {
        for (place, name, version, expected) in [
            (
                "/s/typing_extensions-4.9.0.dist-info",
                "typing-extensions",
                "4.9.0",
                Some(("typing-extensions", "4.9.0")),
            ),
            ("/s/numpy-1.26.4.dist-info", "", "", Some(("numpy", "1.26.4"))),
            ("/s/six-1.16.0-py3.11.egg-info", "", "", Some(("six", "1.16.0"))),
            ("/s/foo-2.0-py3.8.egg/EGG-INFO", "", "", Some(("foo", "2.0"))),
            ("/src/mine.egg-info", "", "", Some(("mine", ""))),
            ("/s/a-1.dist-info", "bad\u{1b}name", "1", None),
            ("/s/a-1.dist-info", "a", "1 2", None),
            ("/s/.dist-info", "", "", None),
            ("/s/EGG-INFO", "", "", None),
        ] {
            assert_eq!(distribution(place, name, version), expected, "{place}");
        }
        assert_eq!(normal_name("Typing_Extensions"), "typing-extensions");
    }
}

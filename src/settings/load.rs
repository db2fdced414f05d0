//! Reading the settings: the file, the environment over it, relative paths made absolute.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Settings;

const ENVIRONMENT_PREFIX: &str = "FASTBUILD__";
const SECRET_KEYS: [&str; 4] = ["aes.key", "aes.iv", "aes.strong_key", "callback.signing_secrets"];
const SECRET_REASON: &str = "a value of another kind is expected; what is there is not shown, because it is a secret";

/// Why the settings cannot be used. Each says which file or variable to change.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("line {line} of {path} is not valid TOML: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1. It is not shown: it may hold a key.
        line: usize,
        /// The parser's words.
        reason: String,
    },
    /// A key is unknown or its value is of another kind.
    #[error("setting '{key}' (in {origin} or FASTBUILD__… variables): {reason}")]
    Value {
        /// Dotted key.
        key: String,
        /// The file, or `the environment`.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable names no setting.
    #[error("the variable {0} must be FASTBUILD__SECTION__KEY")]
    Variable(String),
}

/// Reads settings from `path` (absent: defaults) with `variables` over it.
pub fn load(
    path: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let mut table = match path {
        Some(path) => read(path)?,
        None => Table::new(),
    };
    for (name, value) in variables {
        overlay(&mut table, &name, &value)?;
    }
    let origin = path.map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
    let mut settings: Settings = serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let (key, origin) = (error.path().to_string(), origin.clone());
        // The parser's words repeat the value.
        let is_secret = SECRET_KEYS.iter().any(|secret| key.starts_with(secret));
        let reason = if is_secret { SECRET_REASON } else { error.inner().message() }.to_owned();
        SettingsError::Value { key, origin, reason }
    })?;
    let root = match path.and_then(Path::parent) {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    settle_paths(&mut settings, &std::path::absolute(&root).unwrap_or(root));
    check(&settings).map_err(|(key, reason)| SettingsError::Value { key: key.to_owned(), origin, reason })?;
    Ok(settings)
}

/// Values of the right kind with which nothing would work: the key and the reason.
fn check(settings: &Settings) -> Result<(), (&'static str, String)> {
    let refuse = |key, reason: &str| Err((key, reason.to_owned()));
    if settings.build.max_concurrent == 0 {
        return refuse("build.max_concurrent", "must be at least 1, or no task would ever start");
    }
    let largest = settings.build.max_image_size_gb;
    if !(largest.is_finite() && largest > 0.0) {
        return refuse("build.max_image_size_gb", "must be more than 0, or every image would be too large");
    }
    let public_url = &settings.fb.public_url;
    let is_http = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if !public_url.is_empty() && !url::Url::parse(public_url).is_ok_and(is_http) {
        return refuse("fb.public_url", "must be an http or https URL such as https://fastbuild.example.cn, or empty");
    }
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&settings.log.filter) {
        return Err(("log.filter", format!("{error}; such as \"fastbuild=debug,info\"")));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Table, SettingsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        SettingsError::Syntax { path: path.to_owned(), line, reason: error.message().to_owned() }
    })
}

/// Puts `FASTBUILD__SECTION__KEY=value` over the file. A value that reads as TOML is taken as such, all else as text.
fn overlay(table: &mut Table, name: &str, value: &str) -> Result<(), SettingsError> {
    let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { return Ok(()) };
    let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let [section, key] = keys.as_slice() else { return Err(SettingsError::Variable(name.to_owned())) };
    let section = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(section) = section else { return Err(SettingsError::Variable(name.to_owned())) };
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    // A key of digits is a text all the same, and so is a date.
    let is_text_setting =
        matches!(key.as_str(), "key" | "iv" | "strong_key" | "time_zone" | "host" | "public_url" | "file" | "header");
    let value = match parsed {
        Some(value) if !is_text_setting || value.is_str() => value,
        _ => Value::String(value.to_owned()),
    };
    section.insert(key.clone(), value);
    Ok(())
}

fn settle_paths(settings: &mut Settings, root: &Path) {
    let base = root.join(&settings.fb.base_dir);
    let settle = |path: &mut PathBuf, default: &str| {
        *path = if path.as_os_str().is_empty() { base.join(default) } else { root.join(&*path) };
    };
    settle(&mut settings.fb.source_dir, "source");
    settle(&mut settings.fb.task_dir, "task");
    settle(&mut settings.fb.tools_dir, "tools");
    settle(&mut settings.fb.tls_dir, "tls");
    // An old service's SQLAlchemy URL: three slashes and a relative path, four and an absolute one.
    let mut file = PathBuf::from(settings.db.file.strip_prefix("sqlite:///").unwrap_or(&settings.db.file));
    settle(&mut file, "fastbuild.sqlite3");
    let mut key_file = std::mem::take(&mut settings.db.key_file);
    settle(&mut key_file, &file.with_added_extension("key").to_string_lossy());
    settings.db.file = file.to_string_lossy().into_owned();
    settings.db.key_file = key_file;
    for file in [&mut settings.tls.cert_file, &mut settings.tls.key_file] {
        if !file.as_os_str().is_empty() {
            *file = root.join(&*file);
        }
    }
    settings.fb.base_dir = base;
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_shipped_file_is_the_defaults() {
        let shipped = load(Some(Path::new("config.toml")), []).unwrap();
        let defaults = load(None, []).unwrap();
        assert_eq!(format!("{shipped:?}"), format!("{defaults:?}"));
        assert_eq!(shipped.aes.key.expose_secret(), defaults.aes.key.expose_secret());
    }

    #[test]
    fn the_environment_wins() {
        let given = [("FASTBUILD__FB__PORT", "48002"), ("FASTBUILD__AES__IV", "1234567890123456"), ("PATH", "x")];
        let settings = load(Some(Path::new("config.toml")), variables(&given)).unwrap();
        assert_eq!(settings.fb.port, 48002);
        assert_eq!(settings.aes.iv, "1234567890123456");
    }

    #[test]
    fn an_old_database_url_is_a_path() {
        for (url, file) in [("sqlite:////srv/a.db", "/srv/a.db"), ("/srv/b.db", "/srv/b.db")] {
            let settings = load(None, variables(&[("FASTBUILD__DB__FILE", url)])).unwrap();
            assert_eq!(settings.db.file, file);
        }
    }

    #[test]
    fn no_error_shows_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        for text in [
            "[aes]\nkey = canary\n",
            "[aes]\nkey = \"canary\n",
            "[aes]\nkey = [\"canary\"]\n",
            "[callback]\nsigning_secrets = \"canary\"\n",
        ] {
            std::fs::write(&file, text).unwrap();
            let error = load(Some(&file), []).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            assert!(
                ["line 2 of", "aes.key", "callback.signing_secrets"]
                    .iter()
                    .any(|part| error.to_string().contains(part)),
                "{error}"
            );
        }
        let given = [("FASTBUILD__CALLBACK__SIGNING_SECRETS", "canary"), ("FASTBUILD__AES__STRONG_KEY", "canary")];
        for (name, value) in given {
            let outcome = load(None, variables(&[(name, value)]));
            assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (name, value, part) in [
            ("FASTBUILD__FB__PORT", "seventy", "fb.port"),
            ("FASTBUILD__FB__PROT", "1", "prot"),
            ("FASTBUILD__PORT", "1", "FASTBUILD__PORT"),
            ("FASTBUILD__FB__TIME_ZONE", "Mars/Base", "Mars/Base"),
            ("FASTBUILD__FB__PUBLIC_URL", "not a url", "fb.public_url"),
            ("FASTBUILD__LOG__FILTER", "fastbuild=nonsense[[", "log.filter"),
            ("FASTBUILD__BUILD__MAX_CONCURRENT", "0", "build.max_concurrent"),
            ("FASTBUILD__BUILD__MAX_IMAGE_SIZE_GB", "-1", "build.max_image_size_gb"),
        ] {
            let message = load(None, variables(&[(name, value)])).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let missing = load(Some(Path::new("no-such.toml")), []).unwrap_err().to_string();
        assert!(missing.contains("no-such.toml"), "{missing}");
    }
}

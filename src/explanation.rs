//! What happened to a task that failed, as data: stored as it is, and said in the language of whoever reads it.
//!
//! A row or a journal that was written before holds plain text, which stays as it is. What a daemon, a registry or a
//! package manager said is quoted in its own words.

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Explanation {
    /// A text with its values.
    Said(Box<Said>),
    /// A text as somebody else wrote it, in whichever language.
    Plain(String),
}

/// A text of the catalogue with the values that belong into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Said {
    /// Words of the daemon, the registry or a package manager.
    Quoted {
        /// They.
        words: String,
    },
    /// A fault of ours; the words are for administrators.
    Internal {
        /// What could not be done.
        what: String,
    },
    /// The source file is for another release.
    SourceMismatch {
        /// The file's name.
        file: String,
        /// The image's distribution and version.
        os: String,
    },
    /// apt was asked for where there is yum, or the other way round.
    OtherInstaller {
        /// What the request names.
        wanted: String,
        /// What the image has.
        found: String,
        /// The image's distribution and version.
        os: String,
    },
    /// The installer runs on another machine.
    OtherArchitecture {
        /// The installer's name.
        installer: String,
        /// The architecture in its name.
        built_for: String,
        /// The image's.
        architecture: String,
    },
    /// Something must be installed and there is nothing to install it with.
    InstallerMissing {
        /// What needs it.
        needed: String,
        /// Which file.
        file: String,
        /// Where it should lie.
        directory: String,
    },
    /// The base image has no package manager that we know.
    NoPackageManager {
        /// The image's distribution and version.
        os: String,
    },
    /// A build from the base image would take files that are not there.
    OnBuild {
        /// The instruction.
        trigger: String,
    },
    /// A value of the base image cannot stand in a Dockerfile.
    Unwritable {
        /// Which one, and why.
        words: String,
    },
    /// A file of the catalogue is gone.
    FileMissing {
        /// What it would be, such as `apt source` or `python`.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A file of the catalogue is larger than allowed.
    FileTooLarge {
        /// Its name.
        name: String,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The base image was removed while the task ran, and its registry has another one under its name.
    BaseReplaced {
        /// The image.
        image: String,
    },
    /// Nothing of the image can run a script.
    NoShell {
        /// The image.
        image: String,
        /// What the daemon said.
        found: String,
    },
    /// The image has neither apt nor yum nor dnf.
    UnsupportedBase {
        /// The image.
        image: String,
        /// What was found.
        found: String,
    },
    /// The inspection did not come to its end.
    InspectionCutOff {
        /// The image.
        image: String,
        /// Exit code of the script.
        exit_code: i64,
        /// Last line of its standard error.
        last_line: String,
    },
    /// The daemon could not run the inspection.
    InspectionRefused {
        /// The image.
        image: String,
        /// The daemon's words.
        words: String,
    },
    /// A stage took too long.
    StageTimeout {
        /// The stage.
        stage: String,
        /// Its limit.
        seconds: u64,
    },
    /// A pull or a push showed no sign of life.
    StageSilent {
        /// The stage.
        stage: String,
        /// For how long.
        seconds: u64,
    },
    /// A stage did not end although its limit had passed.
    StageStuck {
        /// The stage.
        stage: String,
        /// How long after its limit it was given up.
        seconds: u64,
    },
    /// The task took too long.
    TaskTimeout,
    /// The image is larger than allowed.
    ImageTooLarge {
        /// Its size in GB, two digits.
        size: String,
        /// The limit in GB.
        limit: String,
    },
    /// Others gave the target's name to another image on the daemon, again and again, or removed the built one.
    NameTaken {
        /// The name.
        image: String,
    },
    /// Somebody cancelled the task.
    Cancelled,
    /// Restarts interrupted the task again and again.
    Restless {
        /// How often.
        interruptions: i64,
    },
    /// Parts of the site are not configured any more.
    NotConfigured {
        /// Their names.
        parts: String,
    },
    /// An old service had not ended the task.
    TakenOver {
        /// The state in which it was left.
        state: String,
    },
}

impl Explanation {
    /// Somebody else's words.
    pub fn quoted(words: impl Into<String>) -> Self {
        Said::Quoted { words: words.into() }.into()
    }

    /// Somebody else's words, where it is nothing but them.
    pub fn quoted_words(&self) -> Option<&str> {
        match self {
            Self::Said(said) => match &**said {
                Said::Quoted { words } => Some(words),
                _ => None,
            },
            Self::Plain(_) => None,
        }
    }

    /// The form in which a row keeps it.
    pub fn to_stored(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Said(said) => serde_json::to_string(said).unwrap_or_default(),
        }
    }

    /// What a row keeps; text that is none of ours is plain.
    pub fn from_stored(text: &str) -> Self {
        serde_json::from_str(text).map_or_else(|_| Self::Plain(text.to_owned()), |said| Self::Said(Box::new(said)))
    }
}

impl From<Said> for Explanation {
    fn from(said: Said) -> Self {
        Self::Said(Box::new(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back() {
        let said = Explanation::from(Said::StageTimeout { stage: "push".to_owned(), seconds: 3 });
        assert_eq!(said.to_stored(), r#"{"say":"stage_timeout","stage":"push","seconds":3}"#);
        for explanation in [said, Said::Cancelled.into(), Explanation::quoted("{\"say\":\"cancelled\"}")] {
            assert_eq!(Explanation::from_stored(&explanation.to_stored()), explanation);
            let line = serde_json::to_string(&explanation).unwrap();
            assert_eq!(serde_json::from_str::<Explanation>(&line).unwrap(), explanation);
        }
    }

    #[test]
    fn what_an_older_version_wrote_stays_as_it_is() {
        for text in ["E: Unable to locate package nope", "", "{", "{\"say\":\"unheard of\"}", "[1]", "\"text\""] {
            assert_eq!(Explanation::from_stored(text), Explanation::Plain(text.to_owned()));
        }
        let event: Explanation = serde_json::from_str("\"the stage push took long\"").unwrap();
        assert_eq!(event, Explanation::Plain("the stage push took long".to_owned()));
    }
}

//! What a recipe has to say about itself: what was chosen and why, and what may surprise.

/// A remark for people; `language` has its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// sshd makes the image start as root.
    StartsAsRoot {
        /// Who the base runs as.
        user: String,
    },
    /// conda is installed.
    CondaInstalled {
        /// From this file.
        file: String,
        /// Under this directory.
        prefix: &'static str,
    },
    /// The conda environment is made.
    CondaEnvironment {
        /// Its name.
        environment: &'static str,
    },
    /// apt reads a mirror file.
    AptMirror {
        /// Mirror and file.
        file: String,
        /// Where the base's own sources are.
        aside: &'static str,
    },
    /// yum reads a mirror file.
    YumMirror {
        /// Mirror and file.
        file: String,
    },
    /// Another tool reads a mirror file.
    ToolMirror {
        /// The tool.
        tool: String,
        /// Mirror and file.
        file: String,
        /// Where it lies in the image.
        destination: String,
    },
    /// Python is built from source.
    PythonBuilt {
        /// From this tarball.
        file: String,
        /// Under this directory.
        prefix: String,
    },
    /// A big installer is sent to the Docker server once.
    TravelsOnce {
        /// The file.
        file: String,
        /// Its size in bytes.
        size_bytes: u64,
        /// The image that holds it there.
        image: String,
    },
    /// uv installs the pip packages.
    Uv,
    /// The image gets a start script.
    StartScript {
        /// Its path.
        script: &'static str,
        /// What it starts.
        services: String,
    },
    /// The base serves what is asked for already.
    ServesAlready,
    /// A Python that the distribution's OpenSSL is too old for.
    OldOpenSsl {
        /// The tarball.
        file: String,
        /// The distribution and version.
        os: String,
    },
}

impl std::fmt::Display for Remark {
    /// As logs say it, in English.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&crate::language::remark(self, crate::language::Language::English))
    }
}

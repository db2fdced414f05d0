//! The instructions that recipes use.

use crate::image::ImageReference;

/// A whole Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// Instructions in order; the first other than a comment is a `From`.
    pub instructions: Vec<Instruction>,
}

/// Which builder reads the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// BuildKit, as old as the one in Docker 20.10: mounts, no heredocs.
    BuildKit,
    /// The first-generation builder: mounts become plain steps.
    Classic,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// A line for people. Line breaks become lines of their own; `# syntax=` and other directives stay comments.
    Comment(String),
    /// `FROM`: a new stage.
    From {
        /// What the stage starts from.
        origin: Origin,
        /// The stage's name: lower-case letters, digits, `.`, `_`, `-`.
        alias: Option<String>,
    },
    /// `RUN`.
    Run {
        /// What is there while the step runs and in no layer.
        mounts: Vec<Mount>,
        /// What runs.
        command: Command,
    },
    /// `COPY`.
    Copy {
        /// Where from; absent means the build context.
        from: Option<Origin>,
        /// Paths in the context, or absolute paths in the origin; no patterns.
        sources: Vec<String>,
        /// Path in the image; ends in `/` for a directory.
        destination: String,
    },
    /// `ENV` with literal values.
    Env(Vec<(String, String)>),
    /// `LABEL` with literal values.
    Label(Vec<(String, String)>),
    /// `USER`, literal.
    User(String),
    /// `WORKDIR`, literal.
    Workdir(String),
    /// `SHELL`: what runs [`Command::Steps`] from here on.
    Shell(Vec<String>),
    /// `ENTRYPOINT` in exec form. An empty list resets it.
    Entrypoint(Vec<String>),
    /// `CMD` in exec form. An empty list resets it.
    Cmd(Vec<String>),
    /// `EXPOSE`, TCP.
    Expose(u16),
    /// `STOPSIGNAL`: what `docker stop` sends, such as `SIGTERM`.
    StopSignal(&'static str),
}

/// What a stage, a copy or a mount takes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An image.
    Image(ImageReference),
    /// An earlier stage's name.
    Stage(String),
    /// The empty image; only for `From`.
    Scratch,
}

/// What a `RUN` executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Shell commands, each run when the one before succeeded (`&&`). One may be a list (`a || b`) or span lines.
    Steps(Vec<String>),
    /// A program and its arguments, without a shell.
    Exec(Vec<String>),
}

impl Command {
    /// Shell commands joined with `&&`.
    pub fn steps<T: Into<String>>(steps: impl IntoIterator<Item = T>) -> Self {
        Self::Steps(steps.into_iter().map(Into::into).collect())
    }
}

/// What is mounted while a `RUN` works. On the classic builder a cache is an empty directory that is removed in the
/// same step, a bind mount a `COPY` before it whose result is removed in the step (the bytes stay in the lower layer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// A directory that the daemon keeps between builds.
    Cache {
        /// Who shares it: letters, digits and `. _ : / -`.
        id: String,
        /// Absolute path; must not exist in the base with files that matter.
        target: String,
        /// What builds at the same time do.
        sharing: Sharing,
    },
    /// A file or directory of the context or of another stage, read-only.
    Bind {
        /// Where from; absent means the build context.
        from: Option<Origin>,
        /// Path there.
        source: String,
        /// Absolute path.
        target: String,
    },
    /// All of an image or stage, to look at. The builder does not take a digest of it, which for a big image would take
    /// longer than the step; what the step writes there is lost. BuildKit only.
    Whole {
        /// What it is.
        of: Origin,
        /// Absolute path.
        target: String,
    },
}

/// How builds that run at the same time use one cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Together.
    Shared,
    /// Each its own when another is in use.
    Private,
    /// One after the other.
    Locked,
}

//! A base image → its [`ImageDescriptor`].
//!
//! One probe container runs one POSIX script under a mark that is new each time; what it prints is read with limits, as
//! the words of a stranger. Images without a shell or with another package manager than apt, yum and dnf end in
//! `UNSUPPORTED_BASE`, which names what was found.

mod mirrors;
mod operating_system;
mod parse;
mod records;
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cause::Cause;
use crate::engine::{Engine, EngineError, ProbeOrder, ProbeOutput};
use crate::image::{ImageConfig, ImageDescriptor, ImageReference};

pub use script::START_SCRIPT;

/// What a probe container may use.
#[derive(Debug, Clone)]
pub struct ProbeLimits {
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Processes.
    pub pids: u64,
    /// Time.
    pub timeout: Duration,
    /// Output in bytes.
    pub output_bytes: usize,
    /// Labels of its container.
    pub labels: BTreeMap<String, String>,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            pids: 128,
            timeout: Duration::from_mins(1),
            output_bytes: 1 << 20,
            labels: BTreeMap::new(),
        }
    }
}

/// Why an image could not be inspected.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InspectError {
    /// Nothing of it can run a script.
    #[error("{image} has no shell /bin/sh that runs here: {found}")]
    NoShell {
        /// The image.
        image: String,
        /// What the daemon said.
        found: String,
    },
    /// It has neither apt nor yum nor dnf.
    #[error("{image} is not supported: it is {found}; FastBuild needs apt, yum or dnf")]
    Unsupported {
        /// The image.
        image: String,
        /// Distribution and package managers that were found.
        found: String,
    },
    /// The script did not come to its end.
    #[error("the inspection of {image} ended early (exit code {exit_code}): {last_line}")]
    Incomplete {
        /// The image.
        image: String,
        /// Exit code of the script.
        exit_code: i64,
        /// Last line it printed to standard error.
        last_line: String,
    },
    /// The daemon could not run the probe.
    #[error("{image} could not be inspected")]
    Engine {
        /// The image.
        image: String,
        /// The daemon's words.
        #[source]
        source: EngineError,
    },
}

impl InspectError {
    /// The cause for people and machines.
    pub fn cause(&self) -> Cause {
        match self {
            Self::NoShell { .. } | Self::Unsupported { .. } => Cause::UnsupportedBase,
            Self::Incomplete { .. } => Cause::Internal,
            Self::Engine { source, .. } => source.cause,
        }
    }
}

/// Words of daemons and runtimes for a program that the image does not have or that this machine cannot run.
const NO_SHELL_WORDS: [&str; 5] = [
    "no such file or directory",
    "executable file not found",
    "exec format error",
    "permission denied",
    "not found in $path",
];

/// Inspects an image that is on the daemon.
pub async fn inspect(
    engine: &dyn Engine,
    name: &ImageReference,
    config: &ImageConfig,
    limits: &ProbeLimits,
) -> Result<ImageDescriptor, InspectError> {
    let mark = script::new_mark();
    let image = config.image_id.as_ref().map_or_else(|| name.to_string(), ToString::to_string);
    let order = ProbeOrder {
        image,
        entrypoint: vec!["/bin/sh".to_owned(), "-c".to_owned(), script::text(&mark)],
        memory_bytes: limits.memory_bytes,
        pids: limits.pids,
        timeout: limits.timeout,
        output_limit_bytes: limits.output_bytes,
        labels: limits.labels.clone(),
    };
    let output = engine.probe(&order).await.map_err(|source| refused_probe(name, source))?;
    read_probe(&output, &mark, name, config)
}

/// Whether a probe was refused because the image has no shell that runs here, and not by a daemon that cannot run
/// anything.
pub(crate) fn is_without_shell(refused: &EngineError) -> bool {
    let words = refused.message.to_ascii_lowercase();
    let about_program = words.contains("exec") || words.contains("/bin/sh") || words.contains("oci runtime");
    about_program && NO_SHELL_WORDS.iter().any(|word| words.contains(word))
}

fn refused_probe(name: &ImageReference, source: EngineError) -> InspectError {
    if is_without_shell(&source) {
        InspectError::NoShell { image: name.to_string(), found: source.message }
    } else {
        InspectError::Engine { image: name.to_string(), source }
    }
}

fn read_probe(
    output: &ProbeOutput,
    mark: &str,
    name: &ImageReference,
    config: &ImageConfig,
) -> Result<ImageDescriptor, InspectError> {
    let records = records::read(&output.stdout, mark);
    if !records.is_complete() {
        let last_line = records::clean(output.stderr.lines().last().unwrap_or_default());
        if matches!(output.exit_code, 126 | 127) && records.is_empty() {
            return Err(InspectError::NoShell { image: name.to_string(), found: last_line });
        }
        return Err(InspectError::Incomplete { image: name.to_string(), exit_code: output.exit_code, last_line });
    }
    let descriptor = parse::descriptor(&records, name, config);
    if descriptor.details.family.is_none() {
        let found = operating_system::describe(&records, &descriptor);
        return Err(InspectError::Unsupported { image: name.to_string(), found });
    }
    Ok(descriptor)
}

#[cfg(test)]
mod tests;

//! Why a build step failed, read from what apt, yum, dnf, pip, uv and conda print.
//!
//! Only the tail of a step's output is looked at. The order of the rules carries the knowledge: an index that could
//! not be fetched makes every package unknown, so a dead mirror is named before a missing package.

use crate::cause::Cause;

/// A cause and the line that tells it best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) cause: Cause,
    pub(super) line: Option<String>,
}

/// Words in lower case, and the cause they stand for; the first rule with a matching line wins.
const RULES: &[(Cause, &[&str])] = &[
    (
        Cause::DiskFull,
        &["no space left on device", "you don't have enough free space", "disk quota exceeded", "at least", "errno 28"],
    ),
    (
        Cause::OutOfMemory,
        &[
            "cannot allocate memory",
            "signal: killed",
            "killed signal terminated",
            "out of memory",
            "memoryerror",
            "std::bad_alloc",
        ],
    ),
    (
        Cause::MirrorUnreachable,
        &[
            "could not resolve",
            "couldn't resolve host",
            "temporary failure resolving",
            "temporary failure in name resolution",
            "name or service not known",
            "failed to lookup address",
            "failed to fetch",
            "could not connect",
            "couldn't connect to server",
            "failed to connect to",
            "cannot retrieve repository metadata",
            "cannot retrieve",
            "cannot find a valid baseurl",
            "failed to download metadata for repo",
            "cannot prepare internal mirrorlist",
            "cannot download repomd.xml",
            "no more mirrors to try",
            "all mirrors were tried",
            "connection refused",
            "connection timed out",
            "connection reset by peer",
            "connectionreseterror",
            "max retries exceeded",
            "read timed out",
            "readtimeouterror",
            "connecttimeouterror",
            "no route to host",
            "network is unreachable",
            "error sending request for url",
            "condahttperror",
            "condasslerror",
            "http 000 connection failed",
            "certificate verify failed",
            "sslcertverificationerror",
            "certificate verification failed",
            "does not have a release file",
            "is not signed",
            "no_pubkey",
            "expkeysig",
            "the following signatures were invalid",
            "the following signatures couldn't be verified",
            "gpg check failed",
            "hash sum mismatch",
        ],
    ),
    (
        Cause::PackageNotFound,
        &[
            "unable to locate package",
            "has no installation candidate",
            "couldn't find any package by",
            "no match for argument",
            "unable to find a match",
            "no matching distribution found",
            "could not find a version that satisfies",
            "packagesnotfounderror",
            "resolvepackagenotfound",
            "nothing provides requested",
            "was not found in the package registry",
            "was not found in the provided package locations",
            "there is no version of",
            "there are no versions of",
        ],
    ),
    (
        Cause::PackageConflict,
        &[
            "unmet dependencies",
            "held broken packages",
            "resolutionimpossible",
            "conflicting dependencies",
            "unsatisfiableerror",
            "no solution found",
            "conflicting requests",
            "but none of the providers can be installed",
            "conflicts with file from package",
            "conflicts between attempted installs",
            "nothing provides",
            ", but you have ",
            "which is incompatible",
        ],
    ),
];

/// pip and others report a try that failed although a later one succeeds.
const MERE_WARNINGS: &[&str] = &["warning: retrying (", "trying other mirror", "trying next mirror"];

/// Finds the cause of a failed step in its last lines and in the builder's own error text.
pub(super) fn diagnose(lines: &[String], builder_error: &str) -> Diagnosis {
    let lower: Vec<String> = lines.iter().map(|line| line.to_lowercase()).collect();
    let only_tried_again = |line: &str| MERE_WARNINGS.iter().any(|words| line.contains(words));
    // Without any version to choose from, pip never saw the index: then the warnings before are the reason.
    let saw_no_index = lower.iter().any(|line| line.contains("(from versions: none)"));
    for (cause, words) in RULES {
        let found = lower.iter().rposition(|line| {
            let counts = saw_no_index || *cause != Cause::MirrorUnreachable || !only_tried_again(line);
            counts && words.iter().any(|word| line.contains(word)) && speaks_of(*cause, line)
        });
        if let Some(index) = found {
            return Diagnosis { cause: *cause, line: Some(lines[index].trim().to_owned()) };
        }
        if *cause == Cause::OutOfMemory && was_killed(&lower, builder_error) {
            let line = "a process was killed (exit code 137), most likely for want of memory".to_owned();
            return Diagnosis { cause: *cause, line: Some(line) };
        }
        if let Some(index) = lower.iter().rposition(|line| quoted_package_is_missing(*cause, line)) {
            return Diagnosis { cause: *cause, line: Some(lines[index].trim().to_owned()) };
        }
    }
    Diagnosis { cause: Cause::BuildStepFailed, line: error_line(lines) }
}

/// Words that need company to mean something.
fn speaks_of(cause: Cause, line: &str) -> bool {
    // rpm: "installing package x needs 12MB on the / filesystem", "At least 12MB more space needed on the / filesystem."
    cause != Cause::DiskFull || !line.contains("at least") || line.contains("more space needed")
}

fn was_killed(lines: &[String], builder_error: &str) -> bool {
    builder_error.contains("exit code: 137")
        || builder_error.contains("non-zero code: 137")
        || lines.iter().rev().take(3).any(|line| line.trim() == "killed" || line.ends_with(" killed"))
}

/// `Version '9' for 'curl' was not found` of apt, `No package curl available.` of yum.
fn quoted_package_is_missing(cause: Cause, line: &str) -> bool {
    cause == Cause::PackageNotFound
        && ((line.contains("version '") && line.contains("' for '") && line.contains("' was not found"))
            || (line.contains("no package ") && line.contains(" available")))
}

/// The last line that calls itself an error, else the last line that says anything.
fn error_line(lines: &[String]) -> Option<String> {
    let is_error = |line: &&String| {
        let line = line.trim_start().to_lowercase();
        line.starts_with("error")
            || line.starts_with("e: ")
            || line.starts_with("fatal")
            || line.contains(": not found")
    };
    let line = lines.iter().rev().find(is_error).or_else(|| lines.iter().rev().find(|line| !line.trim().is_empty()));
    line.map(|line| line.trim().to_owned())
}

#[cfg(test)]
#[path = "diagnosis_tests.rs"]
mod tests;

//! Real output of the installers, and the cause that each must give.

use super::*;

const OUTPUTS: &[(Cause, &str)] = &[
    (
        Cause::PackageNotFound,
        "Reading package lists...\nBuilding dependency tree...\nE: Unable to locate package nosuch",
    ),
    (
        Cause::PackageNotFound,
        "Package oldlib is not available, but is referred to by another package.\nE: Package 'oldlib' has no installation candidate",
    ),
    (Cause::PackageNotFound, "Reading state information...\nE: Version '9.9' for 'curl' was not found"),
    (Cause::PackageNotFound, "No package nosuch available.\nError: Nothing to do"),
    (Cause::PackageNotFound, "No match for argument: nosuch\nError: Unable to find a match: nosuch"),
    (
        Cause::PackageNotFound,
        "ERROR: Could not find a version that satisfies the requirement numpy==99 (from versions: 1.26.0, 2.0.1)\nERROR: No matching distribution found for numpy==99",
    ),
    (
        Cause::PackageNotFound,
        "ERROR: Could not find a version that satisfies the requirement nosuch (from versions: none)\nERROR: No matching distribution found for nosuch",
    ),
    (
        Cause::PackageNotFound,
        "PackagesNotFoundError: The following packages are not available from current channels:\n\n  - nosuch",
    ),
    (
        Cause::PackageNotFound,
        "LibMambaUnsatisfiableError: Encountered problems while solving:\n  - nothing provides requested nosuch 9.9",
    ),
    (
        Cause::PackageNotFound,
        "  × No solution found when resolving dependencies:\n  ╰─▶ Because nosuch was not found in the package registry and you require nosuch, we can conclude that your requirements are unsatisfiable.",
    ),
    (
        Cause::PackageNotFound,
        "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of numpy==99 and you require numpy==99, we can conclude that your requirements are unsatisfiable.",
    ),
    (
        Cause::PackageConflict,
        "The following packages have unmet dependencies:\n a : Depends: b (= 1) but 2 is to be installed\nE: Unable to correct problems, you have held broken packages.",
    ),
    (
        Cause::PackageConflict,
        "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io/",
    ),
    (
        Cause::PackageConflict,
        "UnsatisfiableError: The following specifications were found to be incompatible with each other:",
    ),
    (
        Cause::PackageConflict,
        "  × No solution found when resolving dependencies:\n  ╰─▶ Because a==1 depends on c<2 and b==1 depends on c>=2, we can conclude that a==1 and b==1 are incompatible.",
    ),
    (
        Cause::PackageConflict,
        "Error: \n Problem: package a-1.noarch requires b = 2, but none of the providers can be installed\n  - conflicting requests",
    ),
    (
        Cause::MirrorUnreachable,
        "Err:1 http://mirror.example bookworm InRelease\n  Temporary failure resolving 'mirror.example'\nW: Failed to fetch http://mirror.example/dists/bookworm/InRelease\nW: Some index files failed to download.\nE: Unable to locate package curl",
    ),
    (
        Cause::MirrorUnreachable,
        "E: Failed to fetch http://m/x.deb  Could not connect to m:80 (10.0.0.1). - connect (111: Connection refused)",
    ),
    (
        Cause::MirrorUnreachable,
        "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip>: Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/numpy/\nERROR: Could not find a version that satisfies the requirement numpy (from versions: none)\nERROR: No matching distribution found for numpy",
    ),
    (
        Cause::MirrorUnreachable,
        "Error: Failed to download metadata for repo 'baseos': Cannot prepare internal mirrorlist: Curl error (6): Couldn't resolve host name",
    ),
    (Cause::MirrorUnreachable, "Error: Cannot retrieve repository metadata (repomd.xml) for repository: base."),
    (
        Cause::MirrorUnreachable,
        "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='m', port=443): Read timed out.",
    ),
    (Cause::MirrorUnreachable, "CondaHTTPError: HTTP 000 CONNECTION FAILED for url <https://m/linux-64/repodata.json>"),
    (
        Cause::MirrorUnreachable,
        "error: Failed to fetch: `http://m/simple/numpy/`\n  Caused by: error sending request for url (http://m/simple/numpy/)",
    ),
    (Cause::DiskFull, "E: You don't have enough free space in /var/cache/apt/archives/."),
    (Cause::DiskFull, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
    (Cause::DiskFull, "Error Summary\n  Disk Requirements:\n   At least 812MB more space needed on the / filesystem."),
    (Cause::OutOfMemory, "gcc: fatal error: Killed signal terminated program cc1plus\nKilled"),
    (Cause::OutOfMemory, "OSError: [Errno 12] Cannot allocate memory"),
    (Cause::BuildStepFailed, "configure: checking\nconfigure: error: no acceptable C compiler found in $PATH"),
    (Cause::BuildStepFailed, ""),
];

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn real_output_has_its_cause() {
    for (cause, text) in OUTPUTS {
        let found = diagnose(&lines(text), "executor failed running [/bin/sh -c x]: exit code: 1");
        assert_eq!(found.cause, *cause, "{text}\n{found:?}");
    }
}

#[test]
fn the_telling_line_is_named() {
    let found = diagnose(&lines("E: Unable to locate package nosuch\nsome more"), "exit code: 100");
    assert_eq!(found.line.as_deref(), Some("E: Unable to locate package nosuch"));
    let found = diagnose(&lines("compiling\nerror: bad things\nmake: leaving"), "exit code: 2");
    assert_eq!(found.line.as_deref(), Some("error: bad things"));
}

#[test]
fn a_retry_that_was_overcome_does_not_hide_a_missing_package() {
    let text = "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError(\"Read timed out.\")': /simple/x/\n\
                ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1.0, 2.0)\n\
                ERROR: No matching distribution found for x==9";
    assert_eq!(diagnose(&lines(text), "exit code: 1").cause, Cause::PackageNotFound);
}

#[test]
fn exit_code_137_is_want_of_memory() {
    for error in [
        "executor failed running [/bin/sh -c x]: exit code: 137",
        "The command '/bin/sh -c x' returned a non-zero code: 137",
    ] {
        assert_eq!(diagnose(&lines("working"), error).cause, Cause::OutOfMemory);
    }
}

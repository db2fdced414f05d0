//! The systemd unit stays as closed as it is.

use std::process::Command;

const UNIT: &str = "packaging/fastbuild.service";

/// Directives that must stand in the unit as they are here.
const HARDENING: [&str; 30] = [
    "User=fastbuild",
    "Group=fastbuild",
    "UMask=0077",
    "StateDirectoryMode=0700",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "PrivateUsers=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
];

#[test]
fn the_unit_is_hardened() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = std::fs::read_to_string(root.join(UNIT)).unwrap();
    for directive in HARDENING {
        assert!(unit.lines().any(|line| line == directive), "{UNIT} lacks {directive}");
    }
    // Exposure from 0 to 10, in tenths; 1.2 when this was written.
    let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", UNIT];
    match Command::new("systemd-analyze").args(arguments).current_dir(root).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
            eprintln!("unit: {}", text.lines().last().unwrap_or_default());
        }
        Err(error) => eprintln!("unit: systemd-analyze was not run: {error}"),
    }
}

#[test]
fn the_units_recipe_names_one_database_for_service_and_commands() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = std::fs::read_to_string(root.join(UNIT)).unwrap();
    assert!(unit.lines().any(|line| line == "Environment=FASTBUILD__FB__BASE_DIR=/var/lib/fastbuild"));
    let step = unit.lines().find_map(|line| line.strip_prefix("#   sed -i ")).expect("the step that names it");
    let (expression, _) = step.rsplit_once(' ').unwrap();
    let output = Command::new("sh").args(["-c", &format!("sed {expression} config.toml")]).current_dir(root).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.toml"), text).unwrap();
    let settings = fastbuild::settings::load(Some(&directory.path().join("config.toml")), []).unwrap();
    assert_eq!(settings.db.file, "/var/lib/fastbuild/fastbuild.sqlite3");
}

#[test]
fn the_scrape_example_shows_a_token() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = std::fs::read_to_string(root.join("packaging/prometheus/fastbuild.rules.yml")).unwrap();
    assert!(rules.contains("#       authorization: {credentials_file: /etc/prometheus/fastbuild.token}"));
}

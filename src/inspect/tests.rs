use super::*;
use crate::image::{OsFamily, PackageTool};

fn read(lines: &str) -> Result<ImageDescriptor, InspectError> {
    let mut stdout = String::from("noise of a profile\nM\tbegin\t1\n");
    for line in lines.lines() {
        stdout.extend([format!("M\t{}\n", line.trim_start().replacen(' ', "\t", 1))]);
    }
    stdout.push_str("M\tend\t1\n");
    let output = ProbeOutput { exit_code: 0, stdout, stderr: String::new() };
    let name = "harbor.example.cn/base/image:1".parse().unwrap();
    read_probe(&output, "M", &name, &ImageConfig::default())
}

fn os(lines: &str) -> (String, String) {
    let descriptor = read(&format!("package_tool apt-get\npackage_tool yum\n{lines}")).unwrap();
    (descriptor.os.name, descriptor.os.version)
}

#[test]
fn names_and_versions_are_those_of_the_contract() {
    let cases = [
        ("ID=ubuntu", "VERSION=\"18.04.6 LTS (Bionic Beaver)\"", "Ubuntu", "18.04.6 LTS (Bionic Beaver)"),
        ("ID=debian", "VERSION=\"12 (bookworm)\"", "Debian", "12 (bookworm)"),
        ("ID=\"centos\"", "VERSION=\"7 (Core)\"", "Centos", "7 (Core)"),
        ("ID=\"rocky\"", "VERSION=\"9.4 (Blue Onyx)\"", "Rocky", "9.4 (Blue Onyx)"),
        ("ID=\"almalinux\"", "VERSION=\"8.10 (Cerulean Leopard)\"", "Alma", "8.10 (Cerulean Leopard)"),
        ("ID=\"rhel\"", "VERSION=\"9.3 (Plow)\"", "RHEL", "9.3 (Plow)"),
        ("ID=\"openEuler\"", "VERSION=\"22.03 (LTS-SP3)\"", "openEuler", "22.03 (LTS-SP3)"),
        ("ID=\"anolis\"", "VERSION=\"8.9\"", "Anolis", "8.9"),
        ("ID=\"kylin\"", "VERSION=\"V10 (Lance)\"", "Kylin", "V10 (Lance)"),
    ];
    for (id, version, name, text) in cases {
        assert_eq!(os(&format!("os-release {id}\nos-release {version}")), (name.to_owned(), text.to_owned()));
    }
}

#[test]
fn an_image_older_than_os_release_is_read_by_its_redhat_release() {
    let (name, version) = os("redhat-release CentOS release 6.10 (Final)");
    assert_eq!((name.as_str(), version.as_str()), ("Centos", "6.10 (Final)"));
}

#[test]
fn an_unknown_release_of_a_known_family_is_supported() {
    let descriptor = read("os-release ID=mystery\nos-release NAME=Mystery\npackage_tool dnf").unwrap();
    assert_eq!(descriptor.details.family, Some(OsFamily::RedHat));
    assert_eq!(descriptor.details.package_tool, Some(PackageTool::Dnf));
    assert_eq!((descriptor.os.name.as_str(), descriptor.package_manager.name.as_str()), ("Mystery", "dnf"));
}

#[test]
fn pythons_and_pips_are_listed_as_the_tools_print_them() {
    let descriptor = read(
        "package_tool apt-get
         package_version.apt apt 2.6.1 (amd64)
         address.apt deb [signed-by=/x] https://mirrors.aliyun.com/ubuntu/ focal main
         address.apt URIs: http://mirrors.163.com/debian
         address.pip index-url = https://pypi.tuna.tsinghua.edu.cn/simple
         address.apt deb http://aliyun.com.evil.example/debian x main
         command.python3 /usr/bin/python3
         python.version /usr/bin/python3\t3.11.2
         python.managed /usr/bin/python3\t1
         python.pip /usr/bin/python3\t23.0.1
         python.pip_from /usr/bin/python3\t/usr/lib/python3/dist-packages/pip
         command.pip3 /usr/bin/pip3
         interpreter.pip3 /usr/bin/python3",
    )
    .unwrap();
    assert_eq!(descriptor.python.version, ["python3(Python 3.11.2)"]);
    assert_eq!(descriptor.pip.version, ["pip3(pip 23.0.1 from /usr/lib/python3/dist-packages/pip (python 3.11))"]);
    assert_eq!(descriptor.pip.source.unwrap(), ["tsinghua"]);
    assert_eq!(descriptor.package_manager.source, ["aliyun", "163"]);
    assert_eq!(descriptor.package_manager.version, "apt 2.6.1 (amd64)");
    assert!(descriptor.details.externally_managed);
    assert_eq!(descriptor.details.pip3_version, "23.0.1");
}

#[test]
fn the_json_has_the_keys_and_types_of_the_captured_answer() {
    let descriptor =
        read("os-release ID=ubuntu\nos-release VERSION=\"20.04.6 LTS (Focal Fossa)\"\npackage_tool apt-get").unwrap();
    let json = serde_json::to_value(&descriptor).unwrap();
    let expected: serde_json::Value = serde_json::from_str(
        r#"{"image_name":"","kernel":{"name":"Linux","available":true,"version":""},"os":{"name":"Ubuntu","available":true,"version":""},
        "package_manager":{"source":[],"name":"apt","available":true,"version":""},"pip":{"source":[],"name":"pip","available":true,"version":[]},
        "conda":{"source":[],"environments":[],"name":"conda","available":false,"version":""},"python":{"name":"python","available":true,"version":[]},
        "image_id":"","sshd":{"name":"sshd","available":false,"version":""},"jupyter_lab":{"name":"jupyterlab","available":false,"version":""}}"#,
    )
    .unwrap();
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (part, value) in expected.as_object().unwrap() {
        if value.is_object() {
            assert_eq!(keys(&json[part]), keys(value), "{part}");
            assert_eq!(json[part]["version"].is_array(), value["version"].is_array(), "{part}");
        }
    }
}

#[test]
fn another_family_is_refused_with_what_was_found() {
    let refused =
        read("os-release ID=alpine\nos-release NAME=\"Alpine Linux\"\nos-release VERSION_ID=3.20.3\npackage_tool apk");
    let error = refused.unwrap_err();
    assert_eq!(error.cause(), Cause::UnsupportedBase);
    let text = error.to_string();
    assert!(text.contains("Alpine Linux 3.20.3 with apk"), "{text}");
}

#[test]
fn an_image_without_a_shell_is_told_from_a_broken_daemon() {
    let name: ImageReference = "base:1".parse().unwrap();
    let words = "OCI runtime create failed: exec: \"/bin/sh\": stat /bin/sh: no such file or directory: unknown";
    let error = refused_probe(&name, EngineError::new(Cause::Internal, words));
    assert!(matches!(error, InspectError::NoShell { .. }), "{error}");
    assert_eq!(error.cause(), Cause::UnsupportedBase);
    let lost = EngineError::new(Cause::DaemonLost, "connect: no such file or directory");
    assert_eq!(refused_probe(&name, lost).cause(), Cause::DaemonLost);
}

#[test]
fn output_without_its_end_is_not_believed() {
    let output = ProbeOutput {
        exit_code: 137,
        stdout: "M\tbegin\t1\nM\tpackage_tool\tapt-get\n".to_owned(),
        stderr: "Killed\n".to_owned(),
    };
    let name = "base:1".parse().unwrap();
    let error = read_probe(&output, "M", &name, &ImageConfig::default()).unwrap_err();
    assert!(matches!(error, InspectError::Incomplete { exit_code: 137, .. }), "{error}");
}

#[test]
fn hostile_values_are_cut_and_cleaned() {
    let long = "x".repeat(100_000);
    let lines = format!(
        "package_tool apt-get\nos-release ID=ubuntu\nos-release VERSION=\"{long}\u{1b}[2J\"\nkernel \u{202e}evil\u{7}"
    );
    let descriptor = read(&lines).unwrap();
    assert!(descriptor.os.version.chars().count() <= 512);
    assert_eq!(descriptor.kernel.version, "evil");
    let flood = "M\tbegin\t1\n".to_owned() + &"M\tos-release\tA=1\n".repeat(100_000);
    assert!(!records::read(&flood, "M").is_complete());
    assert_eq!(records::read("X\tbegin\t1\nM\nM\tonly\n\t\t\n", "M").first("begin"), None);
}

#[test]
fn the_script_runs_in_this_machines_shell_and_ends() {
    let mark = script::new_mark();
    assert_ne!(mark, script::new_mark());
    let run = std::process::Command::new("/bin/sh").args(["-c", &script::text(&mark)]).output().unwrap();
    let records = records::read(&String::from_utf8_lossy(&run.stdout), &mark);
    assert!(records.is_complete(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(records.first("kernel").is_some_and(|kernel| kernel.starts_with("Linux ")));
    assert!(!String::from_utf8_lossy(&run.stdout).contains("@MARK@"));
}

//! Text that wants to be an instruction, an option, a command or another path.

use std::str::FromStr as _;

use proptest::prelude::*;

use super::*;
use crate::request::{AbsolutePath, CondaPackage, FileName, OsPackage, PipRequirement, VersionText};

const HOSTILE: [&str; 74] = [
    "vim;id",
    "vim && id",
    "vim|id",
    "vim`id`",
    "vim$(id)",
    "vim${IFS}x",
    "vim\nRUN id",
    "vim\rid",
    "vim\tid",
    "vim id",
    "vim\0",
    "vim\\",
    "vim\\\nRUN id",
    "'vim'",
    "\"vim\"",
    "vim'",
    "vim\"",
    "vim>x",
    "vim<x",
    "vim>>/etc/passwd",
    "-y",
    "--allow-unauthenticated",
    "-oDPkg::Pre-Invoke::=id",
    "-e .",
    "-r /etc/passwd",
    "--index-url=http://x",
    "vim-",
    "vim+",
    "vim#",
    "#vim",
    "vim # x",
    "vim/../x",
    "../vim",
    "..",
    ".",
    "/etc/passwd",
    "./vim.deb",
    "/tmp/x.whl",
    "~root/x",
    "http://x/y.whl",
    "vim @ http://x/y.whl",
    "git+https://x/y",
    "file:///etc/passwd",
    "vim*",
    "vim?",
    "v[im",
    "{vim,id}",
    "vim}",
    "(vim)",
    "vim!",
    "!vim",
    "vim%x",
    "vim^",
    "^vim",
    "vim,id",
    "vim@latest",
    "@group",
    "vim:",
    ":vim",
    "vim:i386:x",
    "vím",
    "vim\u{2028}RUN id",
    "vim\u{a0}id",
    "\u{feff}vim",
    "vim\u{202e}",
    "ｖｉｍ",
    "vim\u{85}id",
    "=-1",
    "==",
    "vim==1.0==2.0;id",
    "vim>=1;os.system('id')",
    "vim;python_version<'3'#",
    "vim[extra;id]",
    "vim\u{7f}",
];

#[test]
fn hostile_names_are_refused_with_the_field_named() {
    let parts = ["package_manager_installer_config", "pip_installer_config", "conda_installer_config"];
    for text in HOSTILE {
        for part in parts {
            let pointer = format!("{TOOLS}/{part}/software_list");
            for entry in [json!({"name": text}), json!({"name": "fine", "version": text})] {
                let document = with(console(), &pointer, json!([{"name": "first"}, entry]));
                match parse(&document) {
                    Err(error) => assert!(error.to_string().contains(&format!("{part}.software_list[1]")), "{error}"),
                    Ok(request) => {
                        let written: Vec<String> = (request.os_packages.software.iter())
                            .map(|package| format!("{}={:?}", package.name, package.version))
                            .chain(request.pip.software.iter().map(ToString::to_string))
                            .chain(request.conda.software.iter().map(ToString::to_string))
                            .collect();
                        panic!("{text:?} was accepted by {part} as {written:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn hostile_files_directories_and_images_are_refused_with_the_field_named() {
    let tools = "dockerfile_json.image_installer_config";
    for text in HOSTILE.iter().filter(|text| !matches!(**text, "vim-" | "vim+")) {
        let mut document = console();
        for (pointer, value) in [
            ("/dockerfile_json/base_image".to_owned(), json!(text)),
            ("/image_data/target_image_name".to_owned(), json!(format!("127.0.0.1/a/{text}:v1"))),
            (format!("{TOOLS}/python_env/target"), json!(text)),
            (format!("{TOOLS}/python_env/update"), json!(true)),
            (format!("{TOOLS}/pip_installer_config/install/target"), json!([text])),
            (format!("{TOOLS}/pip_installer_config/source"), json!({"type": text, "file_name": "pip.conf"})),
            (format!("{TOOLS}/conda_installer_config/source"), json!({"type": "ali", "file_name": text})),
        ] {
            document = with(document, &pointer, value);
        }
        let found: Vec<String> =
            refused(&document).iter().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
        for field in [
            "image_data.target_image_name".to_owned(),
            "dockerfile_json.base_image".to_owned(),
            format!("{tools}.python_env.target"),
            format!("{tools}.pip_installer_config.install.target[0]"),
            format!("{tools}.pip_installer_config.source.type"),
            format!("{tools}.conda_installer_config.source.file_name"),
        ] {
            assert!(found.contains(&field), "{text:?} was accepted as {field}; refused: {found:?}");
        }
    }
}

#[test]
fn python_goes_into_a_directory_of_its_own() {
    for path in [
        "",
        "/",
        "relative",
        "/etc",
        "/etc/python",
        "/usr",
        "/usr/bin",
        "/usr/lib/python3",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/bin/python",
        "/opt",
        "/root",
        "/home",
        "/tmp/x",
        "/var/lib/x",
        "/proc/1",
        "/opt/../etc",
        "/opt/./x",
        "/opt/a b",
        "/opt/x;id",
        "/opt/$HOME",
        "/opt/x\n",
        "/opt/-x",
        "//etc",
        "/bin/../opt/x",
        "/opt/x`id`",
        "/lib64/x",
    ] {
        assert!(path.parse::<AbsolutePath>().is_err(), "{path:?} was accepted");
    }
    for (path, normal) in [
        ("/usr/local/dros/python", "/usr/local/dros/python"),
        ("/opt//python3.7/", "/opt/python3.7"),
        ("/python", "/python"),
        ("/home/jovyan/py", "/home/jovyan/py"),
    ] {
        assert_eq!(path.parse::<AbsolutePath>().unwrap().as_str(), normal);
    }
    let python = json!({"present": "", "target": "Python-3.7.14.tgz", "install_loc": "/etc"});
    let document = with(console(), &format!("{TOOLS}/python_env"), python);
    assert_eq!(refused(&document), ["dockerfile_json.image_installer_config.python_env.install_loc: InstallDirectory"]);
}

#[test]
fn maintainers_are_one_line_of_anything() {
    for text in
        ["me\nRUN id", "me\rid", "me\0", "me\u{85}x", "me\u{2028}x", "me\u{2029}x", "me\u{1b}[31m", "\u{7f}", "me\t"]
    {
        let document = with(console(), "/dockerfile_json/maintainer", json!(text));
        assert_eq!(refused(&document), ["dockerfile_json.maintainer: ControlCharacter"], "{text:?}");
    }
    for text in ["", "张三 \"quoted\" $HOME `id` \\", "a@b.c; DROP TABLE", "1001"] {
        let document = with(console(), "/dockerfile_json/maintainer", json!(text));
        assert_eq!(parse(&document).unwrap().maintainer, text);
    }
}

#[test]
fn callbacks_are_plain_web_addresses() {
    for text in [
        "ftp://x/y",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://x",
        "http://",
        "http:///x",
        "//x/y",
        "x/y",
        "http://u:p@x/",
        "http://u@x/",
        "http://x/\nHost: y",
        "http://[::1",
        "http://a b/",
        "unix:/var/run/docker.sock",
        "127.0.0.1:80/x",
    ] {
        let document = with(console(), "/image_data/callback_url", json!(text));
        assert_eq!(refused(&document), ["image_data.callback_url: CallbackUrl"], "{text:?}");
    }
    for text in
        ["http://127.0.0.1:8080/cb?x=1", "https://platform.example.cn/a", "http://[::1]:80/", " http://10.0.0.1/ "]
    {
        assert!(
            parse(&with(console(), "/image_data/callback_url", json!(text))).unwrap().callback_url.is_some(),
            "{text:?}"
        );
    }
}

#[test]
fn lists_and_texts_have_limits() {
    let many: Vec<Value> = (0..2_001).map(|index| json!({"name": format!("p{index}")})).collect();
    let document = with(console(), &format!("{TOOLS}/pip_installer_config/software_list"), json!(many));
    let field = "dockerfile_json.image_installer_config.pip_installer_config.software_list";
    assert_eq!(refused(&document), [format!("{field}: TooMany")]);
    let document = with(console(), "/dockerfile_json/maintainer", json!("x".repeat(1_025)));
    assert_eq!(refused(&document), ["dockerfile_json.maintainer: TooLong"]);
    let nested = format!("a; {}os_name == 'x'{}", "(".repeat(200), ")".repeat(200));
    assert!(PipRequirement::parse(&nested, "").is_err());
    assert!(VersionText::from_str(&"1".repeat(256)).is_err());
}

/// Text made of the pieces that injections are made of, and any text at all.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "vim",
        "1",
        "1.0",
        "-",
        "--",
        "=",
        "==",
        ">=",
        "<",
        "~=",
        "!",
        ",",
        ".",
        "..",
        "/",
        "../",
        "::",
        ":",
        "@",
        "[x]",
        "[",
        "]",
        "(",
        ")",
        ";",
        "; ",
        "&&",
        "|",
        "$(id)",
        "`",
        "$",
        "'",
        "\"",
        "\\",
        "\n",
        "\r",
        "\t",
        " ",
        "\0",
        "#",
        "*",
        "+",
        "_",
        "~",
        "^",
        "python_version",
        " < ",
        "'3'",
        "\"3.9\"",
        " and ",
        " in ",
        "http://x",
        "-r",
        "{",
        "}",
        "\u{2028}",
        "é",
    ]);
    prop_oneof![3 => prop::collection::vec(pieces, 1..7).prop_map(|pieces| pieces.concat()), 1 => any::<String>()]
}

/// Whether a text can stand unquoted in a list file: no option, no second line, no second command, no climbing path.
fn is_harmless(text: &str) -> bool {
    !text.starts_with('-')
        && text.chars().all(|character| character.is_ascii_graphic())
        && !text.contains(['\'', '"', '`', '$', ';', '\\', '&', '|', '#', '(', ')', '{', '}', '?', '%'])
        && text.split('/').all(|segment| segment != ".." && !segment.starts_with('-'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn whatever_is_accepted_is_harmless(name in text(), version in text()) {
        for accepted in [
            name.parse::<FileName>().map(|name| name.to_string()).ok(),
            name.parse::<AbsolutePath>().map(|path| path.to_string()).ok(),
            name.parse::<VersionText>().map(|version| version.to_string()).ok(),
            CondaPackage::parse(&name, &version).map(|package| package.to_string()).ok(),
        ].into_iter().flatten() {
            prop_assert!(is_harmless(&accepted), "{accepted:?}");
        }
        if let Ok(package) = OsPackage::parse(&name, &version) {
            let version = package.version.map_or_else(|| "0".to_owned(), |version| version.to_string());
            prop_assert!(is_harmless(package.name.as_str()) && is_harmless(&version), "{} {version}", package.name);
            prop_assert!(!package.name.as_str().contains(['=', '<', '>', '*', '/', '!']) && !version.contains(['=', '<', '>', '*', '/', '!']));
            prop_assert!(!version.ends_with(['-', '+', '^']));
        }
    }

    #[test]
    fn whatever_requirement_is_accepted_is_one_harmless_line(name in text(), version in text()) {
        if let Ok(requirement) = PipRequirement::parse(&name, &version) {
            let written = requirement.to_string();
            let head = written.split("; ").next().unwrap_or_default();
            prop_assert!(is_harmless(head), "{head:?}");
            prop_assert!(!head.contains(['@', '/', ':']), "{head:?}");
            prop_assert!(!written.contains(['\n', '\r', '\'', '`', '$', '\\', '#', '\0']), "{written:?}");
            prop_assert_eq!(written.matches(';').count(), usize::from(requirement.marker().is_some()));
            // Its own text reads as the same requirement.
            prop_assert_eq!(PipRequirement::parse(&written, ""), Ok(requirement));
        }
    }

    #[test]
    fn any_text_in_any_field_is_refused_or_harmless(value in text(), field in 0..10_usize) {
        let pip = format!("{TOOLS}/pip_installer_config");
        let pointers = [
            "/image_data/task_name".to_owned(), "/image_data/target_image_name".to_owned(), "/image_data/callback_url".to_owned(),
            "/image_data/webSSHSecret".to_owned(), "/dockerfile_json/base_image".to_owned(), "/dockerfile_json/maintainer".to_owned(),
            format!("{TOOLS}/python_env/target"), format!("{TOOLS}/package_manager_installer_config/installer_name"),
            format!("{pip}/source/type"), format!("{pip}/source/file_name"),
        ];
        if let Ok(request) = parse(&with(console(), &pointers[field], json!(value))) {
            prop_assert!(is_harmless(&request.target.to_string()) && is_harmless(&request.base.to_string()));
            prop_assert!(!request.maintainer.contains(char::is_control) && !request.task_name.contains(char::is_control));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(BuildRequest::parse(&bytes, &cipher()).is_err());
    }
}

//! What was rendered is parsed back by somebody else's parser and must be the same instructions.

use parse_dockerfile::{Command as ParsedCommand, Flag, Instruction as Parsed, Source};
use proptest::prelude::*;

use super::escape::is_shell_form;
use super::*;

fn image() -> Origin {
    Origin::Image("fastbuild.invalid/base:abc".parse().unwrap())
}

fn render(instructions: Vec<Instruction>) -> Result<String, RenderError> {
    Dockerfile { instructions }.render(Dialect::BuildKit)
}

/// Takes off quotes and backslashes as Docker's word splitting does, and refuses what it would expand.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let word = words.last_mut().unwrap();
        match character {
            '\\' => match characters.next().unwrap() {
                escaped @ ('"' | '$' | '\\') => word.push(escaped),
                '\n' if !quoted => {}
                other => panic!("stray backslash before {other:?} in {text:?}"),
            },
            '"' => quoted = !quoted,
            '$' => panic!("{text:?} would be expanded"),
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
            other => word.push(other),
        }
    }
    assert!(!quoted, "open quote in {text:?}");
    words.retain(|word| !word.is_empty());
    words
}

fn pairs(text: &str) -> Vec<(String, String)> {
    words(text)
        .into_iter()
        .map(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect()
}

fn command(command: &ParsedCommand<'_>) -> Result<Vec<String>, String> {
    match command {
        ParsedCommand::Exec(list) => Ok(list.value.iter().map(|item| item.value.to_string()).collect()),
        ParsedCommand::Shell(text) => Err(text.value.replace("\\\n", "")),
        other => panic!("unknown command form {other:?}"),
    }
}

fn flags(options: &[Flag<'_>]) -> Vec<String> {
    options.iter().map(|flag| format!("{}={}", flag.name.value, flag.value.as_ref().unwrap().value)).collect()
}

/// What an instruction should read as: keyword, flags, arguments.
type Reading = (&'static str, Vec<String>, Vec<String>);

fn read_back(parsed: &Parsed<'_>) -> Reading {
    let flat = |pairs: Vec<(String, String)>| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect();
    match parsed {
        Parsed::From(from) => {
            let alias = from.as_.as_ref().map(|(_, alias)| alias.value.to_string());
            ("FROM", flags(&from.options), [from.image.value.to_string()].into_iter().chain(alias).collect())
        }
        Parsed::Run(run) => {
            assert!(run.here_docs.is_empty());
            match command(&run.arguments) {
                Ok(list) => ("RUN exec", flags(&run.options), list),
                Err(text) => ("RUN shell", flags(&run.options), vec![text]),
            }
        }
        Parsed::Copy(copy) => {
            let path = |source: &Source<'_>| match source {
                Source::Path(path) => path.value.to_string(),
                other => panic!("unknown source {other:?}"),
            };
            let paths = copy.src.iter().map(path).chain([copy.dest.value.to_string()]).collect();
            ("COPY", flags(&copy.options), paths)
        }
        Parsed::Env(env) => ("ENV", Vec::new(), flat(pairs(&env.arguments.value))),
        Parsed::Label(label) => ("LABEL", Vec::new(), flat(pairs(&label.arguments.value))),
        Parsed::User(user) => ("USER", Vec::new(), words(&user.arguments.value)),
        Parsed::Workdir(path) => ("WORKDIR", Vec::new(), words(&path.arguments.value)),
        Parsed::Shell(shell) => {
            ("SHELL", Vec::new(), shell.arguments.iter().map(|item| item.value.to_string()).collect())
        }
        Parsed::Entrypoint(entrypoint) => ("ENTRYPOINT", Vec::new(), command(&entrypoint.arguments).unwrap()),
        Parsed::Cmd(cmd) => ("CMD", Vec::new(), command(&cmd.arguments).unwrap()),
        Parsed::Expose(expose) => {
            ("EXPOSE", Vec::new(), expose.arguments.iter().map(|port| port.value.to_string()).collect())
        }
        other => panic!("nobody wrote {other:?}"),
    }
}

/// The expected reading; nothing for comments. Lists of shell steps are compared when they stand as they are.
fn expected(instruction: &Instruction) -> Option<Reading> {
    let flat = |pairs: &[(String, String)]| {
        pairs.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect::<Vec<_>>()
    };
    let origin = |origin: &Origin| match origin {
        Origin::Image(image) => image.to_string(),
        Origin::Stage(name) => name.clone(),
        Origin::Scratch => "scratch".to_owned(),
    };
    Some(match instruction {
        Instruction::Comment(_) => return None,
        Instruction::From { origin: from, alias } => {
            ("FROM", Vec::new(), [origin(from)].into_iter().chain(alias.clone()).collect())
        }
        Instruction::Run { mounts, command } => {
            let mounts = mounts
                .iter()
                .map(|mount| match mount {
                    Mount::Cache { id, target, .. } => {
                        format!("mount=type=cache,id={id},target={target},sharing=locked")
                    }
                    Mount::Bind { from, source, target } => {
                        let from = from.as_ref().map_or(String::new(), |from| format!("from={},", origin(from)));
                        format!("mount=type=bind,{from}source={source},target={target}")
                    }
                    Mount::Whole { of, target } => format!("mount=type=bind,rw,from={},target={target}", origin(of)),
                })
                .collect();
            match command {
                Command::Exec(list) => ("RUN exec", mounts, list.clone()),
                Command::Steps(steps) if is_shell_form(steps) => ("RUN shell", mounts, vec![steps[0].clone()]),
                Command::Steps(steps) => {
                    ("RUN exec", mounts, vec!["/bin/sh".to_owned(), "-c".to_owned(), steps[0].clone()])
                }
            }
        }
        Instruction::Copy { from, sources, destination } => {
            let from = from.iter().map(|from| format!("from={}", origin(from))).collect();
            ("COPY", from, sources.iter().cloned().chain([destination.clone()]).collect())
        }
        Instruction::Env(pairs) => ("ENV", Vec::new(), flat(pairs)),
        Instruction::Label(pairs) => ("LABEL", Vec::new(), flat(pairs)),
        Instruction::User(user) => ("USER", Vec::new(), vec![user.clone()]),
        Instruction::Workdir(path) => ("WORKDIR", Vec::new(), vec![path.clone()]),
        Instruction::Shell(list) => ("SHELL", Vec::new(), list.clone()),
        Instruction::Entrypoint(list) => ("ENTRYPOINT", Vec::new(), list.clone()),
        Instruction::Cmd(list) => ("CMD", Vec::new(), list.clone()),
        Instruction::Expose(port) => ("EXPOSE", Vec::new(), vec![port.to_string()]),
        Instruction::StopSignal(signal) => ("STOPSIGNAL", Vec::new(), vec![(*signal).to_owned()]),
    })
}

/// Values made of what Dockerfiles and shells interpret.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        " ",
        "\"",
        "'",
        "\\",
        "\\\\",
        "$",
        "${HOME}",
        "$(id)",
        "`id`",
        "#",
        "# syntax=x",
        "=",
        "\\n",
        "<<EOF",
        "&&",
        "||",
        ";",
        "[",
        "]",
        "[\"x\"]",
        "--mount=type=bind",
        "RUN id",
        "FROM x",
        "/",
        ",",
        "é",
        "\t",
    ]);
    prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat())
}

/// Hostile values on one line that are not blank.
fn hostile_line() -> impl Strategy<Value = String> {
    hostile().prop_map(|value| format!("x{}", value.replace('\t', "")))
}

/// Anything, line breaks and control characters included, for what stands in JSON.
fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![hostile(), any::<String>(), hostile().prop_map(|value| format!("{value}\nRUN id\r\n\u{2028}{value}"))]
}

fn instruction() -> impl Strategy<Value = Instruction> {
    let list = || prop::collection::vec(hostile_text(), 1..4);
    let mounts = prop::sample::subsequence(
        vec![
            Mount::Cache { id: "apt-12:a/b".into(), target: "/var/cache/x".into(), sharing: Sharing::Locked },
            Mount::Bind { from: None, source: "files/list.txt".into(), target: "/tmp/list.txt".into() },
            Mount::Bind {
                from: Some(Origin::Stage("python".into())),
                source: "/opt/x".into(),
                target: "/mnt/x".into(),
            },
            Mount::Whole { of: Origin::Stage("python".into()), target: "/mnt/whole".into() },
        ],
        0..=4,
    );
    let pairs = || prop::collection::vec(("[a-z][a-z0-9_]{0,6}", hostile_line()), 1..4);
    prop_oneof![
        hostile_text().prop_map(Instruction::Comment),
        Just(Instruction::From { origin: Origin::Stage("python".into()), alias: None }),
        Just(Instruction::From { origin: image(), alias: None }),
        (
            mounts,
            prop_oneof![list().prop_map(Command::Exec), hostile_text().prop_map(|step| Command::Steps(vec![step]))]
        )
            .prop_map(|(mounts, command)| Instruction::Run { mounts, command }),
        Just(Instruction::Copy {
            from: Some(Origin::Stage("python".into())),
            sources: vec!["/opt/a".into(), "/opt/b".into()],
            destination: "/opt/".into(),
        }),
        pairs().prop_map(Instruction::Env),
        pairs().prop_map(Instruction::Label),
        hostile_line().prop_map(Instruction::User),
        hostile_line().prop_map(Instruction::Workdir),
        list().prop_map(Instruction::Shell),
        list().prop_map(Instruction::Entrypoint),
        list().prop_map(Instruction::Cmd),
        any::<u16>().prop_map(Instruction::Expose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn renders_what_reads_back_the_same(body in prop::collection::vec(instruction(), 0..6)) {
        let from = Instruction::From { origin: image(), alias: Some("python".into()) };
        let instructions: Vec<_> = [from].into_iter().chain(body).collect();
        let text = render(instructions.clone()).unwrap();
        let parsed = parse_dockerfile::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert!(parsed.parser_directives.syntax.is_none() && parsed.parser_directives.escape.is_none());
        let found: Vec<_> = parsed.instructions.iter().map(read_back).collect();
        let wanted: Vec<_> = instructions.iter().filter_map(expected).collect();
        prop_assert_eq!(found, wanted, "{}", text);
    }

    #[test]
    fn values_of_one_line_are_refused_with_line_breaks(value in hostile_line(), mark in prop::sample::select(vec!['\n', '\r', '\0', '\t', '\u{85}', '\u{2028}'])) {
        let value = format!("{value}{mark}RUN id");
        for instruction in [
            Instruction::Label(vec![("a".into(), value.clone())]),
            Instruction::Env(vec![("A".into(), value.clone())]),
            Instruction::User(value.clone()),
            Instruction::Workdir(value.clone()),
        ] {
            let refused = matches!(render(vec![instruction]), Err(RenderError::ControlCharacter { .. }));
            prop_assert!(refused, "{:?} was written", value);
        }
    }
}

#[test]
fn comments_are_never_directives() {
    let comment = Instruction::Comment("syntax=docker/dockerfile:1\n escape = `\ncheck=skip=all\nFROM x=y".to_owned());
    let text = render(vec![comment, Instruction::From { origin: image(), alias: None }]).unwrap();
    assert_eq!(
        text,
        "# - syntax=docker/dockerfile:1\n# -  escape = `\n# - check=skip=all\n# FROM x=y\n\nFROM fastbuild.invalid/base:abc\n"
    );
    let parsed = parse_dockerfile::parse(&text).unwrap();
    assert!(parsed.parser_directives.syntax.is_none() && parsed.instructions.len() == 1);
}

#[test]
fn names_and_paths_keep_to_their_grammar() {
    let copy = |path: &str| Instruction::Copy { from: None, sources: vec![path.to_owned()], destination: "/x".into() };
    for path in
        ["", "a b", "$x", "*", "a?", "[x]", "../x", "a/../../x", "-x", "--from=y", "a\nRUN id", "\"x\"", "<<EOF", "é"]
    {
        assert!(matches!(render(vec![copy(path)]), Err(RenderError::Path { .. })), "{path:?} was written");
    }
    for name in ["", "A", "1a", "a b", "a=b", "scratch", "context", "a\n", "-a"] {
        let from = Instruction::From { origin: image(), alias: Some(name.to_owned()) };
        assert!(matches!(render(vec![from]), Err(RenderError::Name { .. })), "{name:?} was written");
    }
    for name in ["", "a b", "a=b", "a\"", "$a", "-a", "a\n"] {
        let pair = vec![(name.to_owned(), String::new())];
        for instruction in [Instruction::Label(pair.clone()), Instruction::Env(pair.clone())] {
            assert!(matches!(render(vec![instruction]), Err(RenderError::Name { .. })), "{name:?} was written");
        }
    }
    for target in ["/", "//", "relative", "/a,readonly", "/a b", ""] {
        let mount = Mount::Bind { from: None, source: "f".into(), target: target.into() };
        let run = Instruction::Run { mounts: vec![mount], command: Command::steps(["true"]) };
        assert!(matches!(render(vec![run]), Err(RenderError::Path { .. })), "{target:?} was written");
    }
    for empty in [
        Instruction::Label(vec![]),
        Instruction::Run { mounts: vec![], command: Command::Steps(vec![]) },
        Instruction::Run { mounts: vec![], command: Command::Exec(vec![]) },
        Instruction::User(String::new()),
        Instruction::Shell(vec![]),
    ] {
        assert!(matches!(render(vec![empty.clone()]), Err(RenderError::Empty { .. })), "{empty:?} was written");
    }
    assert_eq!(
        render(vec![Instruction::Cmd(vec![]), Instruction::Entrypoint(vec![])]).unwrap(),
        "CMD []\nENTRYPOINT []\n"
    );
}

/// Runs rendered steps as a builder would: the text behind `RUN` in a shell, or the exec form.
fn run_steps(steps: &[&str]) -> (bool, String) {
    let run = Instruction::Run { mounts: vec![], command: Command::steps(steps.iter().copied()) };
    let text = render(vec![Instruction::From { origin: image(), alias: None }, run]).unwrap();
    let parsed = parse_dockerfile::parse(&text).unwrap();
    let Parsed::Run(run) = &parsed.instructions[1] else { panic!("{text}") };
    let list = match command(&run.arguments) {
        Ok(list) => list,
        Err(script) => vec!["/bin/sh".to_owned(), "-c".to_owned(), script],
    };
    let output = std::process::Command::new(&list[0]).args(&list[1..]).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_failed_step_ends_the_run_whatever_the_others_are() {
    for (steps, succeeds, said) in [
        (&["false", "true || echo caught"][..], false, ""),
        (&["false", "echo a; echo b"], false, ""),
        (&["echo a", "{ false || true; }", "echo b"], true, "a\nb\n"),
        (&["echo a", "false || true", "echo b"], true, "a\nb\n"),
        (&["echo a # hidden", "echo b"], true, "a\nb\n"),
        (&["false", "if true; then\n  echo caught\nfi"], false, ""),
        (&["if true; then\n  echo a\nfi", "echo b"], true, "a\nb\n"),
        (&["echo a;", "echo b"], true, "a\nb\n"),
        (&["sleep 0 &", "echo b 2>&1"], true, "b\n"),
        (&["cat <<EOF\nhere\nEOF", "echo b"], true, "here\nb\n"),
        (&["echo 'a;b' | tr ';' '|'", "echo '#'"], true, "a|b\n#\n"),
        (&["[ 1 = 1 ]", "-x || echo b"], true, "b\n"),
    ] {
        assert_eq!(run_steps(steps), (succeeds, said.to_owned()), "{steps:?}");
    }
}

#[test]
fn mounts_become_plain_steps_for_the_classic_builder() {
    let mounts = vec![
        Mount::Cache { id: "pip".into(), target: "/root/.cache/pip".into(), sharing: Sharing::Shared },
        Mount::Bind { from: None, source: "files/list.txt".into(), target: "/tmp/list.txt".into() },
        Mount::Bind { from: Some(Origin::Stage("python".into())), source: "/opt/x".into(), target: "/mnt/x".into() },
    ];
    let steps = Instruction::Run {
        mounts: mounts.clone(),
        command: Command::steps(["pip install -r /tmp/list.txt", "true || false"]),
    };
    let exec = Instruction::Run { mounts, command: Command::Exec(vec!["pip".into(), "check".into()]) };
    let dockerfile = Dockerfile { instructions: vec![steps, exec] };
    insta::assert_snapshot!(dockerfile.render(Dialect::Classic).unwrap(), @r#"
    COPY files/list.txt /tmp/list.txt
    COPY --from=python /opt/x /mnt/x
    RUN mkdir -p /root/.cache/pip \
     && pip install -r /tmp/list.txt \
     && { true || false; } \
     && rm -rf /root/.cache/pip /tmp/list.txt /mnt/x
    COPY files/list.txt /tmp/list.txt
    COPY --from=python /opt/x /mnt/x
    RUN ["/bin/sh", "-c", "mkdir -p /root/.cache/pip && \"$@\" && rm -rf /root/.cache/pip /tmp/list.txt /mnt/x", "sh", "pip", "check"]
    "#);
    insta::assert_snapshot!(dockerfile.render(Dialect::BuildKit).unwrap(), @r#"
    RUN --mount=type=cache,id=pip,target=/root/.cache/pip,sharing=shared \
        --mount=type=bind,source=files/list.txt,target=/tmp/list.txt \
        --mount=type=bind,from=python,source=/opt/x,target=/mnt/x \
        pip install -r /tmp/list.txt \
     && { true || false; }
    RUN --mount=type=cache,id=pip,target=/root/.cache/pip,sharing=shared \
        --mount=type=bind,source=files/list.txt,target=/tmp/list.txt \
        --mount=type=bind,from=python,source=/opt/x,target=/mnt/x \
        ["pip", "check"]
    "#);
}

//! Instructions → text.

use super::escape::{ends_its_line, exec_form, is_command_list, is_one_line, is_shell_form, quoted};
use super::{Command, Dialect, Dockerfile, Instruction, Mount, Origin, Sharing};

/// A value that no Dockerfile can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A line break or control character where none can be written.
    #[error("{instruction} cannot hold a line break or control character: {value:?}")]
    ControlCharacter {
        /// The instruction's keyword.
        instruction: &'static str,
        /// The value.
        value: String,
    },
    /// A name outside its grammar: stage, variable, label or cache id.
    #[error("{value:?} is no name for {instruction}")]
    Name {
        /// The instruction's keyword.
        instruction: &'static str,
        /// The name.
        value: String,
    },
    /// A path with characters that a Dockerfile would interpret.
    #[error("{value:?} is no path for {instruction}: letters, digits and . _ + - @ : = ~ / only")]
    Path {
        /// The instruction's keyword.
        instruction: &'static str,
        /// The path.
        value: String,
    },
    /// Nothing to write.
    #[error("{instruction} has no value")]
    Empty {
        /// The instruction's keyword.
        instruction: &'static str,
    },
}

impl Dockerfile {
    /// The text for one of the builders, ending in a line break.
    pub fn render(&self, dialect: Dialect) -> Result<String, RenderError> {
        let mut text = String::new();
        for instruction in &self.instructions {
            if matches!(instruction, Instruction::From { .. }) && !text.is_empty() && !text.ends_with("\n\n") {
                text.push('\n');
            }
            text.push_str(&instruction.render(dialect)?);
        }
        Ok(text)
    }
}

impl Instruction {
    fn render(&self, dialect: Dialect) -> Result<String, RenderError> {
        let line = match self {
            Self::Comment(text) => return Ok(comment(text)),
            Self::From { origin, alias } => {
                let origin = origin_name("FROM", origin)?;
                match alias {
                    Some(alias) => format!("FROM {origin} AS {}", stage_name("FROM", alias)?),
                    None => format!("FROM {origin}"),
                }
            }
            Self::Run { mounts, command } => match dialect {
                Dialect::BuildKit => run(mounts, command)?,
                Dialect::Classic => run_classic(mounts, command)?,
            },
            Self::Copy { from, sources, destination } => copy(from.as_ref(), sources, destination)?,
            Self::Env(pairs) => assignments("ENV", pairs, is_variable_name)?,
            Self::Label(pairs) => assignments("LABEL", pairs, is_label_name)?,
            Self::User(user) => format!("USER {}", literal("USER", user)?),
            Self::Workdir(path) => format!("WORKDIR {}", literal("WORKDIR", path)?),
            Self::Shell(arguments) if arguments.is_empty() => return Err(RenderError::Empty { instruction: "SHELL" }),
            Self::Shell(arguments) => format!("SHELL {}", exec_form(arguments)),
            Self::Entrypoint(arguments) => format!("ENTRYPOINT {}", exec_form(arguments)),
            Self::Cmd(arguments) => format!("CMD {}", exec_form(arguments)),
            Self::Expose(port) => format!("EXPOSE {port}"),
            Self::StopSignal(signal) => format!("STOPSIGNAL {signal}"),
        };
        Ok(line + "\n")
    }
}

/// `# word=value` at the top of a file is a directive to the parser, whatever the spacing; a dash before it keeps such a
/// line a comment.
fn comment(text: &str) -> String {
    let is_directive = |line: &str| {
        let word: String = line.chars().take_while(|character| *character != '=').collect();
        line.contains('=') && word.trim().chars().all(|character| character.is_ascii_alphanumeric())
    };
    let mut lines = String::new();
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let line: String = line.chars().filter(|character| !character.is_control()).collect();
        let mark = if is_directive(&line) { "- " } else { "" };
        lines.push_str(format!("# {mark}{line}").trim_end());
        lines.push('\n');
    }
    lines
}

fn run(mounts: &[Mount], command: &Command) -> Result<String, RenderError> {
    let mut flags = String::new();
    for mount in mounts {
        flags.push_str(&mount_flag(mount)?);
        flags.push_str(" \\\n    ");
    }
    Ok(format!("RUN {flags}{}", command_text(command)?))
}

fn run_classic(mounts: &[Mount], command: &Command) -> Result<String, RenderError> {
    let mut lines = String::new();
    let mut caches = Vec::new();
    let mut targets = Vec::new();
    for mount in mounts {
        match mount {
            Mount::Cache { target, .. } => {
                caches.push(absolute("RUN", target)?);
                targets.push(target.as_str());
            }
            Mount::Bind { from, source, target } => {
                absolute("RUN", target)?;
                lines.push_str(&copy(from.as_ref(), std::slice::from_ref(source), target)?);
                lines.push('\n');
                targets.push(target.as_str());
            }
            Mount::Whole { target, .. } => {
                return Err(RenderError::Path { instruction: "RUN", value: target.clone() });
            }
        }
    }
    let before = (!caches.is_empty()).then(|| format!("mkdir -p {}", caches.join(" ")));
    let after = (!targets.is_empty()).then(|| format!("rm -rf {}", targets.join(" ")));
    let command = match command {
        Command::Steps(steps) => {
            if steps.is_empty() {
                return Err(RenderError::Empty { instruction: "RUN" });
            }
            Command::Steps(before.into_iter().chain(steps.iter().cloned()).chain(after).collect())
        }
        Command::Exec(arguments) if targets.is_empty() => Command::Exec(arguments.clone()),
        Command::Exec(arguments) => {
            let around: Vec<String> = before.into_iter().chain(["\"$@\"".to_owned()]).chain(after).collect();
            let shell = ["/bin/sh".to_owned(), "-c".to_owned(), around.join(" && "), "sh".to_owned()];
            Command::Exec(shell.into_iter().chain(arguments.iter().cloned()).collect())
        }
    };
    Ok(format!("{lines}RUN {}", command_text(&command)?))
}

fn command_text(command: &Command) -> Result<String, RenderError> {
    match command {
        Command::Exec(arguments) | Command::Steps(arguments) if arguments.is_empty() => {
            Err(RenderError::Empty { instruction: "RUN" })
        }
        Command::Exec(arguments) => Ok(exec_form(arguments)),
        Command::Steps(steps) if is_shell_form(steps) => Ok(chained(steps).join(" \\\n && ")),
        Command::Steps(steps) => {
            let script = match steps.as_slice() {
                [script] => script.clone(),
                steps => chained(steps).join(" &&\n"),
            };
            Ok(exec_form(&["/bin/sh".to_owned(), "-c".to_owned(), script]))
        }
    }
}

/// Steps as operands of `&&`: one that is itself a list stands in braces, or its `||` would catch the failure of the
/// steps before it and its `;` would forget it.
fn chained(steps: &[String]) -> Vec<String> {
    let brace = |step: &String| match step.trim_end().trim_end_matches(';') {
        _ if steps.len() == 1 || !is_command_list(step) => step.clone(),
        step if is_one_line(step) && !ends_its_line(step) => format!("{{ {step}; }}"),
        step => format!("{{\n{step}\n}}"),
    };
    steps.iter().map(brace).collect()
}

fn mount_flag(mount: &Mount) -> Result<String, RenderError> {
    match mount {
        Mount::Cache { id, target, sharing } => {
            let is_id =
                !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte));
            if !is_id {
                return Err(RenderError::Name { instruction: "RUN", value: id.clone() });
            }
            let sharing = match sharing {
                Sharing::Shared => "shared",
                Sharing::Private => "private",
                Sharing::Locked => "locked",
            };
            Ok(format!("--mount=type=cache,id={id},target={},sharing={sharing}", absolute("RUN", target)?))
        }
        Mount::Bind { from, source, target } => {
            let from = match from {
                Some(origin) => format!("from={},", origin_name("RUN", origin)?),
                None => String::new(),
            };
            Ok(format!("--mount=type=bind,{from}source={},target={}", path("RUN", source)?, absolute("RUN", target)?))
        }
        Mount::Whole { of, target } => {
            Ok(format!("--mount=type=bind,rw,from={},target={}", origin_name("RUN", of)?, absolute("RUN", target)?))
        }
    }
}

fn copy(from: Option<&Origin>, sources: &[String], destination: &str) -> Result<String, RenderError> {
    if sources.is_empty() {
        return Err(RenderError::Empty { instruction: "COPY" });
    }
    let mut line = String::from("COPY ");
    if let Some(origin) = from {
        line.push_str("--from=");
        line.push_str(&origin_name("COPY", origin)?);
        line.push(' ');
    }
    for source in sources {
        line.push_str(path("COPY", source)?);
        line.push(' ');
    }
    line.push_str(path("COPY", destination)?);
    Ok(line)
}

type IsName = fn(&str) -> bool;

fn assignments(instruction: &'static str, pairs: &[(String, String)], is_name: IsName) -> Result<String, RenderError> {
    if pairs.is_empty() {
        return Err(RenderError::Empty { instruction });
    }
    let mut written = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        if !is_name(name) {
            return Err(RenderError::Name { instruction, value: name.clone() });
        }
        if !is_one_line(value) {
            return Err(RenderError::ControlCharacter { instruction, value: value.clone() });
        }
        written.push(format!("{name}={}", quoted(value)));
    }
    Ok(format!("{instruction} {}", written.join(" \\\n    ")))
}

fn literal(instruction: &'static str, value: &str) -> Result<String, RenderError> {
    if value.is_empty() {
        return Err(RenderError::Empty { instruction });
    }
    if !is_one_line(value) {
        return Err(RenderError::ControlCharacter { instruction, value: value.to_owned() });
    }
    Ok(if is_plain_path(value) { value.to_owned() } else { quoted(value) })
}

fn origin_name(instruction: &'static str, origin: &Origin) -> Result<String, RenderError> {
    match origin {
        Origin::Image(reference) => Ok(reference.to_string()),
        Origin::Stage(name) => Ok(stage_name(instruction, name)?.to_owned()),
        Origin::Scratch if instruction == "FROM" => Ok("scratch".to_owned()),
        Origin::Scratch => Err(RenderError::Name { instruction, value: "scratch".to_owned() }),
    }
}

fn stage_name<'name>(instruction: &'static str, name: &'name str) -> Result<&'name str, RenderError> {
    let is_name = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        && !matches!(name, "scratch" | "context");
    if is_name { Ok(name) } else { Err(RenderError::Name { instruction, value: name.to_owned() }) }
}

fn path<'path>(instruction: &'static str, value: &'path str) -> Result<&'path str, RenderError> {
    let climbs = value.split('/').any(|segment| segment == "..");
    if is_plain_path(value) && !climbs {
        Ok(value)
    } else {
        Err(RenderError::Path { instruction, value: value.to_owned() })
    }
}

fn absolute<'path>(instruction: &'static str, value: &'path str) -> Result<&'path str, RenderError> {
    let is_root = value.bytes().all(|byte| byte == b'/');
    if value.starts_with('/') && !is_root {
        path(instruction, value)
    } else {
        Err(RenderError::Path { instruction, value: value.to_owned() })
    }
}

fn is_plain_path(value: &str) -> bool {
    !value.is_empty()
        && !value.starts_with('-')
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-@:=~/".contains(&byte))
}

fn is_variable_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_label_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
}

//! A rendered Dockerfile read back by a parser that is not ours.

use parse_dockerfile::{Instruction as Parsed, parse};

use crate::dockerfile::{Dialect, Instruction, Mount};
use crate::recipe::Recipe;

/// Holds what a parser finds in the rendered text against what was meant, in both dialects.
pub(crate) fn assert_intended(recipe: &Recipe) {
    for dialect in [Dialect::BuildKit, Dialect::Classic] {
        let text = recipe.dockerfile.render(dialect).expect("what was planned can be written");
        assert_eq!(found(&text), intended(recipe, dialect), "{text}");
    }
    for file in &recipe.context {
        // Two dots inside a name (`a..sh`) lead nowhere; as a name they would.
        let is_inside = file.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        assert!(is_inside, "{}", file.path);
    }
}

/// The intended instructions as the classic builder's parser names them: mounts become copies there.
fn intended(recipe: &Recipe, dialect: Dialect) -> Vec<&'static str> {
    let mut names = Vec::new();
    for instruction in &recipe.dockerfile.instructions {
        let name = match instruction {
            Instruction::Comment(_) => continue,
            Instruction::From { .. } => "FROM",
            Instruction::Run { mounts, .. } => {
                let binds = mounts.iter().filter(|mount| matches!(mount, Mount::Bind { .. })).count();
                names.extend(std::iter::repeat_n("COPY", if dialect == Dialect::Classic { binds } else { 0 }));
                "RUN"
            }
            Instruction::Copy { .. } => "COPY",
            Instruction::Env(_) => "ENV",
            Instruction::Label(_) => "LABEL",
            Instruction::User(_) => "USER",
            Instruction::Workdir(_) => "WORKDIR",
            Instruction::Shell(_) => "SHELL",
            Instruction::Entrypoint(_) => "ENTRYPOINT",
            Instruction::Cmd(_) => "CMD",
            Instruction::Expose(_) => "EXPOSE",
            Instruction::StopSignal(_) => "STOPSIGNAL",
        };
        names.push(name);
    }
    names
}

fn found(text: &str) -> Vec<&'static str> {
    let parsed = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let name = |instruction: &Parsed<'_>| match instruction {
        Parsed::From(_) => "FROM",
        Parsed::Run(_) => "RUN",
        Parsed::Copy(_) => "COPY",
        Parsed::Env(_) => "ENV",
        Parsed::Label(_) => "LABEL",
        Parsed::User(_) => "USER",
        Parsed::Workdir(_) => "WORKDIR",
        Parsed::Shell(_) => "SHELL",
        Parsed::Entrypoint(_) => "ENTRYPOINT",
        Parsed::Cmd(_) => "CMD",
        Parsed::Expose(_) => "EXPOSE",
        Parsed::Stopsignal(_) => "STOPSIGNAL",
        other => panic!("an instruction that no recipe writes: {other:?}"),
    };
    parsed.instructions.iter().map(name).collect()
}

//! Package steps in a row: what an earlier image installed, unchanged, and the whole list over it.
//!
//! The daemon serves the earlier steps from its cache as long as they are the very same, which fingerprints prove. The
//! last step sees every requirement and checks its own result against what a build from scratch would install; a
//! difference ends it with [`ONE_FULL_STEP`].

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::plan::Recipe;
use super::uv;
use crate::dockerfile::{Instruction, Mount, RenderError};

/// What a step prints that finds a difference.
pub const ONE_FULL_STEP: &str = "fastbuild: one full step instead: ";
/// More steps would cost more at every pull than they save at a build.
const LONGEST: usize = 3;

/// Package lists, one for each step; each holds the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chains {
    /// Of the OS.
    pub os: Vec<Vec<String>>,
    /// Of pip.
    pub pip: Vec<Vec<String>>,
}

impl Chains {
    /// What this list could be installed over, of what an earlier image installed; the best first. `self` is a recipe's
    /// own, so that each of its chains has one step at most.
    pub fn over(&self, earlier: &Self, extends: Extends) -> Vec<Self> {
        let os = continued(&self.os, &earlier.os, extends.os);
        let mut found = Vec::new();
        // pip's steps lie on those of the OS.
        if os == earlier.os {
            let pip = continued(&self.pip, &earlier.pip, extends.pip);
            if pip != self.pip {
                found.push(Self { os: earlier.os.clone(), pip: earlier.pip.clone() });
            }
        }
        if os != self.os {
            found.push(Self { os: earlier.os.clone(), pip: Vec::new() });
        }
        found
    }
}

/// Which chains may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extends {
    /// That of the OS.
    pub os: bool,
    /// That of pip.
    pub pip: bool,
}

/// The steps that install a list over earlier ones, or the list alone.
pub(super) fn continued(own: &[Vec<String>], earlier: &[Vec<String>], may_grow: bool) -> Vec<Vec<String>> {
    let (Some(list), Some(last)) = (own.last(), earlier.last()) else { return own.to_vec() };
    let is_part = last.iter().all(|package| list.contains(package));
    if last == list {
        return earlier.to_vec();
    }
    if !is_part || !may_grow || earlier.len() >= LONGEST {
        return own.to_vec();
    }
    earlier.iter().cloned().chain([list.clone()]).collect()
}

/// Where the package steps of a recipe end, as counts of instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) os: Vec<usize>,
    pub(super) pip: Vec<usize>,
    /// Behind the last step that installs anything.
    pub(super) packages: usize,
}

impl Marks {
    /// The same in a recipe with further instructions before.
    pub(super) fn moved(self, by: usize) -> Self {
        let moved = |marks: Vec<usize>| marks.into_iter().map(|mark| mark + by).collect();
        Self { os: moved(self.os), pip: moved(self.pip), packages: self.packages + by }
    }
}

impl Recipe {
    /// Fingerprint of everything up to the last step of these chains, which are the first of the recipe's own; `None`
    /// when they are not.
    pub fn trunk(&self, chains: &Chains) -> Result<Option<String>, RenderError> {
        if !self.chains.os.starts_with(&chains.os) || !self.chains.pip.starts_with(&chains.pip) {
            return Ok(None);
        }
        let mark = match (chains.os.len().checked_sub(1), chains.pip.len().checked_sub(1)) {
            (_, Some(last)) => self.marks.pip.get(last),
            (Some(last), None) => self.marks.os.get(last),
            (None, None) => None,
        };
        mark.map(|&end| self.fingerprint_until(end)).transpose()
    }

    /// Fingerprint of everything that installs packages.
    pub fn packages_fingerprint(&self) -> Result<String, RenderError> {
        self.fingerprint_until(self.marks.packages)
    }

    fn fingerprint_until(&self, end: usize) -> Result<String, RenderError> {
        let steps = self.dockerfile.instructions.get(..end).unwrap_or(&self.dockerfile.instructions);
        let steps = &without_uv_stage(steps);
        let mut hasher = Sha256::new();
        self.hash(&mut hasher, steps, |path| steps.iter().any(|step| takes(step, path)))?;
        Ok(hex::encode(hasher.finalize()))
    }
}

/// Nothing of that stage comes into the image, and it is there or not for what follows, not for what lies below.
fn without_uv_stage(instructions: &[Instruction]) -> Vec<Instruction> {
    let mut is_inside = false;
    let mut rest = Vec::with_capacity(instructions.len());
    for instruction in instructions {
        if let Instruction::From { alias, .. } = instruction {
            is_inside = alias.as_deref() == Some(uv::STAGE);
        }
        if !is_inside {
            rest.push(instruction.clone());
        }
    }
    rest
}

/// Whether an instruction takes this file of the context.
fn takes(instruction: &Instruction, path: &str) -> bool {
    match instruction {
        Instruction::Copy { from: None, sources, .. } => sources.iter().any(|source| source == path),
        Instruction::Run { mounts, .. } => {
            mounts.iter().any(|mount| matches!(mount, Mount::Bind { from: None, source, .. } if source == path))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lists: &[&[&str]]) -> Vec<Vec<String>> {
        lists.iter().map(|list| list.iter().map(|&name| name.to_owned()).collect()).collect()
    }

    fn chains(os: &[&[&str]], pip: &[&[&str]]) -> Chains {
        Chains { os: lists(os), pip: lists(pip) }
    }

    const BOTH: Extends = Extends { os: true, pip: true };

    #[test]
    fn one_more_package_goes_over_the_others() {
        let own = chains(&[&["tree"]], &[&["a", "b"]]);
        assert_eq!(own.over(&chains(&[&["tree"]], &[&["a"]]), BOTH), [chains(&[&["tree"]], &[&["a"]])]);
        assert_eq!(own.over(&chains(&[], &[&["a"]]), BOTH), [], "pip's step lies on that of the OS");
        let own = chains(&[&["less", "tree"]], &[&["a", "b"]]);
        assert_eq!(own.over(&chains(&[&["tree"]], &[&["a"]]), BOTH), [chains(&[&["tree"]], &[])]);
        assert_eq!(own.over(&chains(&[&["tree"]], &[&["a"]]), Extends { os: false, pip: true }), []);
    }

    #[test]
    fn what_is_not_a_part_is_no_base() {
        let own = chains(&[], &[&["a==1", "b"]]);
        for earlier in [&["a"][..], &["a==2"], &["a==1", "c"]] {
            assert_eq!(own.over(&chains(&[], &[earlier]), BOTH), [], "{earlier:?}");
        }
        assert_eq!(own.over(&Chains::default(), BOTH), []);
        assert_eq!(own.over(&own, BOTH), [], "the very same is no chain");
    }

    #[test]
    fn a_chain_has_three_steps_at_most() {
        let own = chains(&[], &[&["a", "b", "c", "d"]]);
        let two = chains(&[], &[&["a"], &["a", "b"]]);
        assert_eq!(own.over(&two, BOTH), [two]);
        let three = chains(&[], &[&["a"], &["a", "b"], &["a", "b", "c"]]);
        assert_eq!(own.over(&three, BOTH), []);
        assert_eq!(chains(&[], &[&["a", "b", "c"]]).over(&three, BOTH), [three], "its end is this list");
    }
}

//! A Dockerfile as typed instructions.
//!
//! Recipes make [`Instruction`]s; only this module writes Dockerfile text, so that no value can become an instruction,
//! a flag or a variable. One list renders for BuildKit and for the classic builder.

mod escape;
mod instruction;
mod render;

pub use instruction::{Command, Dialect, Dockerfile, Instruction, Mount, Origin, Sharing};
pub use render::RenderError;

#[cfg(test)]
mod tests;

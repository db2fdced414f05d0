//! Both wire shapes of a build request become one [`BuildRequest`] of parsed types.
//!
//! After parsing no text is trusted or checked again: each type here can carry neither an instruction, an option, a
//! shell metacharacter nor a path outside its directory.

mod model;
mod names;

pub use model::*;
pub use names::*;

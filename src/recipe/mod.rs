//! (request, descriptor, catalogue) → Dockerfile and build context, as a pure function.
//!
//! [`needed_files`] says which catalogue files a request takes, [`plan()`] turns everything into a [`Recipe`]. Steps are
//! ordered by how often they change: mirrors, OS packages, Python and conda from stages of their own, pip, JupyterLab,
//! sshd, password hashes, and labels last of all. Caches are mounts and end up in no layer.

mod chain;
mod choices;
mod conda;
mod draft;
mod environment;
mod error;
mod finish;
mod jupyter;
mod mirrors;
mod needed;
mod options;
mod os_packages;
mod pip;
mod plan;
mod planner;
mod python_source;
mod remark;
mod services;
mod shell;
mod sshd;
mod stages;
mod start_script;
mod uv;

pub use chain::{Chains, Extends, ONE_FULL_STEP};
pub use error::RecipeError;
pub use finish::UNTRUSTED_LABEL;
pub use needed::{NeededFiles, named_files, needed_files};
pub use options::{DefaultPython, PipTool, RecipeOptions, Sharers};
pub use plan::{Recipe, RecipeInput, ResolvedFiles, plan};
pub use remark::Remark;

pub use draft::{INSTALLER_PATH, installs_packages};
pub use jupyter::hash_form as jupyter_hash_form;
pub use uv::is_of_stage as is_of_uv_stage;

#[cfg(test)]
mod tests;

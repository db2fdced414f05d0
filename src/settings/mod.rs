//! The settings of a process: `config.toml`, then the environment over it.
//!
//! Read once at start; nothing else reads files of settings or environment variables. What a site configures at run
//! time (host, Harbor, Docker server, callback headers) is not here but in rows.

mod load;
mod sections;

pub use load::{SettingsError, load};
pub use sections::{
    AccessMode, AccessSection, AesSection, BuildSection, BuilderChoice, CallbackSection, DatabaseSection,
    DefaultLanguage, DefaultPython, FastBuildSection, LimitsSection, LocalImages, LogFormat, LogSection, PipInstaller,
    RetentionSection, Settings, TlsSection,
};

//! What an image is called and what is inside it.
//!
//! References and descriptors are plain values that every other module shares; nothing here does I/O.

mod descriptor;
mod pin;
mod reference;

pub use descriptor::{
    Artifact, ImageConfig, ImageDescriptor, ImageDetails, Mirrored, OsFamily, PackageTool, VersionedList,
};
pub use pin::{PIN_REGISTRY, base_pin, installer_pin, is_pin};
pub(crate) use reference::is_host;
pub use reference::{Digest, ImageReference, ReferenceError, RegistryHost};

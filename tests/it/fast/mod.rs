//! Shortcuts must not show in the image: the same requests built the short way and the long way.

mod installers;
mod layers;
mod once;
mod pins;
mod reuse;
mod start;

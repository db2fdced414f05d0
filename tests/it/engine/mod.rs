//! The engine against a real daemon and a real registry.

mod builds;
mod causes;
mod connections;
mod guest;
mod images;
mod probes;
mod registry;

//! The engine against a real daemon and a real registry.

mod builds;
mod connections;
mod images;
mod probes;
mod registry;

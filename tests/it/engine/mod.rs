//! The engine against a real daemon and a real registry.

mod builds;

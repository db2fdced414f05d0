//! Tests of the real parts against a real Docker daemon and a real registry (`scripts/lab.sh`).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod api;
mod cli;
mod console;
mod engine;
mod fast;
mod faults;
mod import_old;
mod job;
mod lab;
mod operate;
mod packaging;
mod readme;
mod registry;
mod support;

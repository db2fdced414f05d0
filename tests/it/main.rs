//! Tests of the real parts against a real Docker daemon and a real registry (`scripts/lab.sh`).

mod engine;
mod lab;

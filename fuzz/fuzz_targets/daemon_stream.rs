//! See `fastbuild::fuzzing::daemon_stream`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastbuild::fuzzing::daemon_stream(bytes));

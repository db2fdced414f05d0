//! See `fastbuild::fuzzing::registry`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastbuild::fuzzing::registry(bytes));

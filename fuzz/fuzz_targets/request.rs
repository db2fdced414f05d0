//! See `fastbuild::fuzzing::request`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastbuild::fuzzing::request(bytes));

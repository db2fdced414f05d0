//! See `fastbuild::fuzzing::upload`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastbuild::fuzzing::upload(bytes));

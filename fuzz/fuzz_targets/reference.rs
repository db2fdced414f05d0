//! See `fastbuild::fuzzing::reference`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastbuild::fuzzing::reference(bytes));

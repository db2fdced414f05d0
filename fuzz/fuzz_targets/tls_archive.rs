//! See `fastbuild::fuzzing::tls_archive`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fastbuild::fuzzing::tls_archive(bytes));

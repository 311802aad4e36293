//! Fuzz target: see `pg_tally_fuzz::buckets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pg_tally_fuzz::buckets(data));

//! The pure half of pg_tally: sketches, funnels, retention, the alert state machine, suppression, pictures.
//!
//! Nothing in this crate knows of PostgreSQL. The extension (`../src`) lends these algorithms to SQL; the fuzzer and the
//! micro-benchmarks use them as any crate is used.

pub mod alert;
pub mod base64;
pub mod calendar;
pub mod cancel;
pub mod capture;
pub mod error;
pub mod experiment;
pub mod funnel;
pub mod hex;
pub mod packed;
pub mod page;
pub mod privacy;
pub mod retention;
pub mod sketch;
pub mod text;
pub mod version;

//! Owns capture: which buckets a changed row belongs to, and which of them this transaction has marked already.
//!
//! Pure code; the trigger that feeds it and writes the marks is `pg::capture`.

pub mod marked;
pub mod rule;

//! Owns capture: which buckets and keys this transaction has marked already, and the text that says what a trigger marks. Which bucket a row
//! is in is `calendar`'s.
//!
//! Pure code; the trigger that feeds it and writes the marks is `pg::capture`.

pub mod marked;
pub mod targets;

//! Owns the arithmetic of alerting: conditions, the alert state machine, and the texts made from them.
//!
//! Pure code: nothing here reads a table or a clock. `tally.evaluate()` (SQL) fetches samples, asks [`step::step`] what
//! becomes of each label set, and moves the rows. [`sql`] is the thin glue.

pub mod condition;
pub mod judge;
pub mod parse;
#[cfg(test)]
mod reference;
pub mod schedule;
pub mod spike;
pub mod step;
mod words;

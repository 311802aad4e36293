//! pg_tally: the table of contents.
//!
//! Rust computes: types, aggregates and functions that read no tables. SQL (`sql/`) moves rows. The seam between the
//! two is written down in `docs/kernel.md`.

pub mod alert;
pub mod capture;
pub mod error;
pub mod funnel;
mod hex;
pub mod pg;
pub mod privacy;
pub mod retention;
pub mod sketch;
pub mod text;

pgrx::pg_module_magic!(name, version);

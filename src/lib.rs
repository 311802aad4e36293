//! pg_tally: the table of contents.
//!
//! Rust computes: types, aggregates and functions that read no tables. SQL (`sql/`) moves rows. The seam between the
//! two is written down in `docs/kernel.md`.

// schema.rs chains its SQL files by a macro that calls itself once per file.
#![recursion_limit = "512"]

pub mod alert;
pub mod capture;
pub mod error;
pub mod funnel;
mod hex;
pub mod pg;
pub mod privacy;
pub mod retention;
mod schema;
pub mod sketch;
pub mod text;

pgrx::pg_module_magic!(name, version);

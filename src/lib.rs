//! pg_tally: the table of contents.
//!
//! Rust computes: types, aggregates and functions that read no tables. SQL (`sql/`) moves rows. The seam between the
//! two is written down in `docs/kernel.md`. The algorithms are in `core/`, which knows nothing of PostgreSQL; here is
//! what lends them to SQL: one file of glue for each file of `sql/s10_kernel/`, and `pg/`, which holds every `unsafe` line.

mod glue;
pub mod pg;

pgrx::pg_module_magic!(name, version);

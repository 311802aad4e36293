//! Owns the tests of what exists inside a backend alone, and SQL cannot see: arguments as they lie in memory, states that are changed
//! in place, error fields, memory after errors, settings after errors. `scripts/test/pg_test.sh` runs them by `cargo pgrx test`.
//!
//! Each test is an SQL function `tests.<name>()`. It runs in a transaction of its own, which is rolled back.

mod aggregates;
mod arguments;
mod arrays;
mod detoast;
mod errors;
mod frame;
mod memory;
mod settings;

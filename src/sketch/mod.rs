//! Mergeable sketches: each a pure module that knows nothing of PostgreSQL, beside a thin `sql.rs`.
//!
//! A sketch has two forms. The **working** form is an aggregate's state: 8-byte words that a transition changes in place
//! and that grow by doubling. The **stored** form is canonical bytes: what tables, clients and other machines see.

pub mod bytes;
pub mod tdigest;

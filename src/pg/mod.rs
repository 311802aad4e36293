//! Owns every `unsafe` line of the project: the glue between pure code and PostgreSQL's C interfaces.

pub mod aggregate;
mod answer;
pub mod array;
pub mod at_work;
pub mod cage;
pub mod caller;
pub mod caller_path;
pub mod calls;
pub mod capture;
pub mod capture_key;
pub mod context;
pub mod equality;
pub mod expression;
pub mod float;
pub mod fmgr;
pub mod guard;
pub mod hashing;
pub mod json;
pub mod load;
pub mod mark;
pub mod numeric;
pub mod owned;
pub mod receive;
pub mod report;
pub mod requests;
pub mod role;
pub mod row;
pub mod rows;
pub mod run_as;
pub mod sketch_type;
#[cfg(feature = "pg_test")]
mod tests;
pub mod timeout;
pub mod varlena;
pub mod version;
pub mod window;
pub mod zone;

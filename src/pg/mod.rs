//! Owns every `unsafe` line of the project: the glue between pure code and PostgreSQL's C interfaces.

pub mod capture;
pub mod fmgr;
pub mod json;
pub mod run_as;

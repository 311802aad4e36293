//! Owns retention: in which periods an actor who started was seen again.

pub mod counts;
pub mod returns;
#[cfg(test)]
mod returns_tests;

//! Owns what is told from an actor's comings and goings: sessions, and whether they come back.

pub mod counts;
pub mod returns;

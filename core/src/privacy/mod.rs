//! Owns privacy: pseudonyms, and tables whose small cells are hidden with a proof for each.
//!
//! * [`pseudonym`]: names replaced by a keyed hash;
//! * [`table`]: cells and the sums that tie them together;
//! * [`attack`]: what a reader can conclude about hidden cells;
//! * [`suppress`]: which cells to hide, and the proof;
//! * [`search`]: as few further cells as possible;
//! * [`cuts`]: the inequalities by which these are found;
//! * [`repair`]: safe patterns of tables of any size;
//! * [`people`]: distinct people in totals and their parts;
//! * [`release`]: tables of several measures, hidden together;
//! * [`found`]: possible tables, and what they prove of other cells;
//! * [`solver`]: the one place that speaks to the solver of linear and integer programs.

pub mod attack;
pub mod cuts;
mod found;
pub mod people;
pub mod pseudonym;
pub mod release;
mod repair;
pub mod search;
pub mod solver;
pub mod suppress;
pub mod table;

#[cfg(test)]
mod release_tests;
#[cfg(test)]
mod tests;

pub use pseudonym::{pseudonym, pseudonym_uuid};

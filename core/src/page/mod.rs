//! Owns how a board looks: a page (HTML with pictures in SVG) and a text for the prompt, each a pure function of a model.
//!
//! SQL gathers the numbers into the model (`sql/s85_board/`); nothing here reads a table or a clock. All text goes through
//! `markup::Markup`, which escapes it.

mod axis;
mod clock;
mod document;
mod filters;
mod form;
pub mod markup;
pub mod model;
mod number;
mod picture;
mod plain;
mod table;

pub use document::html;
pub use plain::text;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod tests;

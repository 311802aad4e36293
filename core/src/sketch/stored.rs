//! Owns what every sketch type owes PostgreSQL: stored bytes, text, jsonb, equality, order and hash. A type implements [`Stored`];
//! the functions below are the same for all types (`docs/add-a-sketch.md` is the recipe).
//!
//! Two values are equal when their canonical bytes are: what the newest codec writes of what it read. So a value that an older
//! version wrote equals the same value written today.

use super::bytes::corrupt;
use super::hll::hash;
use crate::error::{SqlState, TallyError};
use crate::{base64, hex};
use std::cmp::Ordering;

/// A sketch that tables keep.
pub trait Stored: Sized {
    /// The type's name in the schema `tally`.
    const NAME: &'static str;

    /// Reads the bytes of every version that was ever written, or an aggregate's state.
    fn decode(bytes: &[u8]) -> Result<Self, TallyError>;

    /// The bytes of the newest version. Equal sketches have equal bytes.
    fn encode(&self) -> Vec<u8>;

    /// Whether the bytes are an aggregate's state, which never lies in a table.
    fn is_partial(_bytes: &[u8]) -> bool {
        false
    }

    /// The text that people read and type.
    fn text(&self) -> String;

    /// Reads [`text`](Self::text) of every version.
    fn parse(text: &str) -> Result<Self, TallyError>;

    /// The text of the cast to jsonb.
    fn json(&self) -> String {
        self.text()
    }
}

/// What the text of an aggregate's state begins with. Parts of a distributed aggregate travel as text, so theirs is short.
const PARTIAL: &str = "partial:";

/// The canonical bytes of stored ones.
pub fn canonical<S: Stored>(bytes: &[u8]) -> Result<Vec<u8>, TallyError> {
    Ok(S::decode(bytes)?.encode())
}

/// The text of stored bytes or of a state.
pub fn output<S: Stored>(bytes: &[u8]) -> Result<String, TallyError> {
    if S::is_partial(bytes) {
        output_state::<S>(bytes)
    } else {
        Ok(S::decode(bytes)?.text())
    }
}

/// The text of a state, which may be stored bytes: those of the one sketch that was merged.
pub fn output_state<S: Stored>(bytes: &[u8]) -> Result<String, TallyError> {
    Ok(format!("{PARTIAL}{}", base64::encode(&canonical::<S>(bytes)?)))
}

/// The stored bytes of a text.
pub fn input<S: Stored>(text: &str) -> Result<Vec<u8>, TallyError> {
    let Some(digits) = text.strip_prefix(PARTIAL) else {
        return Ok(S::parse(text)?.encode());
    };
    let bytes = base64::decode(digits).filter(|bytes| !S::is_partial(bytes));
    let sketch = bytes.and_then(|bytes| S::decode(&bytes).ok()).ok_or_else(|| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!(
                "invalid input for type tally.{}: \"{PARTIAL}\" expected before a state in base 64, got other text",
                S::NAME
            ),
        )
        .detail("A state is written by the aggregates themselves, on its way from one server to another.")
        .hint(format!(
            "SELECT tally.rollup(sketch) FROM … merges sketches of type tally.{}.",
            S::NAME
        ))
    })?;
    Ok(sketch.encode())
}

/// The stored bytes of what a client sent. A state is refused: it never leaves the server in binary.
pub fn receive<S: Stored>(bytes: &[u8]) -> Result<Vec<u8>, TallyError> {
    if S::is_partial(bytes) {
        return Err(corrupt(S::NAME, "a stored kind", bytes.len()));
    }
    canonical::<S>(bytes)
}

/// Whether two are equal.
pub fn equal<S: Stored>(a: &[u8], b: &[u8]) -> Result<bool, TallyError> {
    Ok(a == b || canonical::<S>(a)? == canonical::<S>(b)?)
}

/// An order that agrees with [`equal`]. It says nothing of size; sorting, DISTINCT and EXCEPT need one.
pub fn compare<S: Stored>(a: &[u8], b: &[u8]) -> Result<Ordering, TallyError> {
    Ok(if a == b {
        Ordering::Equal
    } else {
        canonical::<S>(a)?.cmp(&canonical::<S>(b)?)
    })
}

/// A hash that agrees with [`equal`]. With the seed 0 its low half is the 32-bit hash, as PostgreSQL demands.
pub fn hashed<S: Stored>(bytes: &[u8], seed: u64) -> Result<u64, TallyError> {
    let hash = hash::bytes(&canonical::<S>(bytes)?);
    Ok(if seed == 0 {
        hash
    } else {
        hash::mix(hash ^ hash::mix(seed))
    })
}

/// Reads the text of a type that is shown in hexadecimal.
pub fn from_hex<S: Stored>(text: &str) -> Result<S, TallyError> {
    let bytes = hex::decode(text.trim());
    bytes.and_then(|bytes| S::decode(&bytes).ok()).ok_or_else(|| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!(
                "invalid input for type tally.{}: hexadecimal of stored bytes expected, got \"{text:.40}\"",
                S::NAME
            ),
        )
        .detail("The text is what the type prints itself; it is made by aggregates, not by hand.")
        .hint(format!(
            "SELECT tally.{}(…) FROM …",
            S::NAME.replace("_events", "_path")
        ))
    })
}

//! Owns the working form of `totals`: sums that a transition changes in place.
//!
//! ```text
//! word 0 high half: version = 1 · kind = 17 · u16 0 · 1 rows · 2 ignored · then the sums (`keyed`, floats as bits)
//! ```

use super::{Totals, VERSION};
use crate::error::TallyError;
use crate::sketch::bytes::corrupt;
use crate::sketch::{Grow, keyed, words_of};

/// Kind of the working form.
pub const KIND: u8 = 17;
const SUMS: usize = 3;

/// Words of a state without rows.
pub fn fresh() -> Vec<u64> {
    let mut words = vec![0; SUMS + keyed::FIRST_WORDS];
    words[0] = u64::from_le_bytes([0, 0, 0, 0, VERSION, KIND, 0, 0]);
    keyed::init(&mut words[SUMS..]);
    words
}

/// Whether the words are a state that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    words.len() > SUMS && words[0] >> 32 == u64::from(u16::from_le_bytes([VERSION, KIND]))
}

/// Adds to the sums of some keys; counts nothing before all keys have their place.
pub fn add<'a>(
    words: &mut [u64],
    rows: u64,
    ignored: u64,
    sums: impl Iterator<Item = (&'a str, f64)> + Clone,
) -> Result<(), Grow> {
    for (key, _) in sums.clone() {
        value_of(words, key)?;
    }
    for (key, sum) in sums {
        let at = value_of(words, key)?;
        words[at] = (f64::from_bits(words[at]) + sum).to_bits();
    }
    words[1] = words[1].saturating_add(rows);
    words[2] = words[2].saturating_add(ignored);
    Ok(())
}

fn value_of(words: &mut [u64], key: &str) -> Result<usize, Grow> {
    match keyed::value_of(&mut words[SUMS..], key.as_bytes()) {
        Ok(at) => Ok(SUMS + at),
        Err(Grow(needed)) => Err(Grow(SUMS + needed)),
    }
}

/// Adds all of another.
pub fn merge(words: &mut [u64], other: &Totals) -> Result<(), Grow> {
    let sums = other.sums.iter().map(|(key, sum)| (key.as_str(), *sum));
    add(words, other.rows, other.ignored, sums)
}

/// The working form of a finished one.
pub fn from_totals(totals: &Totals) -> Vec<u64> {
    let mut words = fresh();
    while let Err(Grow(needed)) = merge(&mut words, totals) {
        words.resize(needed, 0);
    }
    words
}

/// The finished form.
pub fn finish(words: &[u64]) -> Totals {
    read(words).expect("a working form that this module wrote")
}

/// Reads the bytes of a working form, as parallel workers hand them on.
pub fn from_bytes(bytes: &[u8]) -> Result<Totals, TallyError> {
    let words = words_of(bytes).filter(|words| is_working(words));
    read(&words.ok_or_else(|| corrupt("totals", "a working form", bytes.len()))?)
}

fn read(words: &[u64]) -> Result<Totals, TallyError> {
    let sums = keyed::entries("totals", &words[SUMS..])?;
    Ok(Totals {
        rows: words[1],
        ignored: words[2],
        sums: sums
            .into_iter()
            .map(|(key, bits)| (key, f64::from_bits(bits)))
            .collect(),
    })
}

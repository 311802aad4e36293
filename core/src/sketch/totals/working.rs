//! Owns the working form of `totals`: cells of decimal sums that a transition changes in place.
//!
//! ```text
//! word 0 high half: version = 1 · kind = 17 · u16 0 · 1 rows · 2 ignored · then the cells (`keyed`)
//! a cell's key: i16 place, little-endian · path; its value an i64. Place 32766 holds the scale, 32767 the bits of what is no number
//! ```

use super::decimal::{CELL, Decimal};
use super::{KIND_WORKING, Totals, VERSION_1};
use crate::error::TallyError;
use crate::sketch::bytes::corrupt;
use crate::sketch::{Grow, keyed, words_of};

/// Kind of the working form.
pub const KIND: u8 = KIND_WORKING;
const SUMS: usize = 3;
/// The place of a number's scale.
pub const SCALE: i16 = i16::MAX - 1;
/// The place of what is no number.
pub const ODD: i16 = i16::MAX;

/// Words of a state without rows.
pub fn fresh() -> Vec<u64> {
    let mut words = vec![0; SUMS + keyed::FIRST_WORDS];
    words[0] = u64::from_le_bytes([0, 0, 0, 0, VERSION_1, KIND, 0, 0]);
    keyed::init(&mut words[SUMS..]);
    words
}

/// Whether the words are a state that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    words.len() > SUMS && words[0] >> 32 == u64::from(u16::from_le_bytes([VERSION_1, KIND]))
}

/// How many cells of a row are looked up once: beyond them each is looked up twice.
const REMEMBERED: usize = 32;

/// Adds a row: a number to each path, each path once.
pub fn add<'a>(
    words: &mut [u64],
    rows: u64,
    ignored: u64,
    sums: impl Iterator<Item = (&'a str, &'a Decimal)> + Clone,
) -> Result<(), Grow> {
    add_cells(words, rows, ignored, sums.map(|(path, number)| (path, cells(number))))
}

/// Adds a row: its [`cells`] to each path, each path once. What was added before the words were too few is added again by nobody: the cells
/// find their places first.
pub fn add_cells<'a>(
    words: &mut [u64],
    rows: u64,
    ignored: u64,
    sums: impl Iterator<Item = (&'a str, impl Iterator<Item = (i16, i64)>)> + Clone,
) -> Result<(), Grow> {
    let slots = keyed::slots(&words[SUMS..]);
    let mut places = [0; REMEMBERED];
    let mut found = 0;
    for (i, (path, cells)) in sums.clone().enumerate() {
        if i % 1024 == 0 {
            crate::cancel::look();
        }
        for (place, value) in cells {
            let at = place_of(words, place, path)?;
            // Where a cell may overflow, its carry goes to the next.
            let near = (words[at] as i64).unsigned_abs() >= 1 << 62 || value.unsigned_abs() >= 1 << 61;
            if near && place < SCALE {
                place_of(words, place + 1, path)?;
            }
            if let Some(kept) = places.get_mut(found) {
                *kept = at;
            }
            found += 1;
        }
    }
    let known = if keyed::slots(&words[SUMS..]) == slots {
        &places[..found.min(REMEMBERED)]
    } else {
        &[]
    };
    let mut known = known.iter();
    for (path, cells) in sums {
        for (place, value) in cells {
            let at = match known.next() {
                Some(at) => *at,
                None => place_of(words, place, path)?,
            };
            let before = words[at] as i64;
            words[at] = match place {
                SCALE => before.max(value),
                ODD => before | value,
                _ => match before.checked_add(value) {
                    Some(sum) => sum,
                    None => {
                        let up = place_of(words, place + 1, path)?;
                        words[up] = (words[up] as i64 + before / CELL + value / CELL) as u64;
                        before % CELL + value % CELL
                    }
                },
            } as u64;
        }
    }
    words[1] = words[1].saturating_add(rows);
    words[2] = words[2].saturating_add(ignored);
    Ok(())
}

/// What a number adds to which places: its cells (one of 0 where it has none), its scale, and what it is where it is no number.
pub fn cells(number: &Decimal) -> impl Iterator<Item = (i16, i64)> {
    let scale = (number.scale > 0).then_some((SCALE, i64::from(number.scale)));
    let odd = (number.odd != 0).then_some((ODD, number.odd));
    // A sum of zeros is there too.
    let zero = number.cells.is_empty().then_some((0, 0));
    number
        .cells
        .iter()
        .map(|(place, value)| (*place, *value))
        .chain(zero)
        .chain(scale)
        .chain(odd)
}

fn place_of(words: &mut [u64], place: i16, path: &str) -> Result<usize, Grow> {
    let mut buffer = [0u8; 128];
    let long;
    let length = 2 + path.len();
    let key = if length <= buffer.len() {
        buffer[..2].copy_from_slice(&place.to_le_bytes());
        buffer[2..length].copy_from_slice(path.as_bytes());
        &buffer[..length]
    } else {
        long = [&place.to_le_bytes()[..], path.as_bytes()].concat();
        &long[..]
    };
    match keyed::value_of(&mut words[SUMS..], key) {
        Ok(at) => Ok(SUMS + at),
        Err(Grow(needed)) => Err(Grow(SUMS + needed)),
    }
}

/// Adds all of another.
pub fn merge(words: &mut [u64], other: &Totals) -> Result<(), Grow> {
    let sums = other.sums.iter().map(|(path, sum)| (path.as_str(), sum));
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
    let bad = || corrupt("totals", "cells of sums by path", words.len() * 8);
    let mut totals = Totals {
        rows: words[1],
        ignored: words[2],
        ..Totals::default()
    };
    for (key, value) in keyed::entries("totals", &words[SUMS..])? {
        let (place, path) = key.split_first_chunk::<2>().ok_or_else(bad)?;
        let path = std::str::from_utf8(path).map_err(|_| bad())?;
        if !totals.sums.contains_key(path) {
            totals.sums.insert(path.to_owned(), Decimal::default());
        }
        let sum = totals.sums.get_mut(path).ok_or_else(bad)?;
        match i16::from_le_bytes(*place) {
            SCALE => {
                sum.scale = u32::try_from(value)
                    .ok()
                    .filter(|scale| *scale <= 16_383)
                    .ok_or_else(bad)?
            }
            ODD => sum.odd = value as i64 & 7,
            place if (-1_366..=11_000).contains(&place) => sum.add(place, value as i64),
            _ => return Err(bad()),
        }
    }
    totals.sums.values_mut().for_each(Decimal::settle);
    // Else its text would lack digits.
    totals
        .sums
        .values()
        .all(Decimal::is_whole)
        .then_some(totals)
        .ok_or_else(bad)
}

//! Owns reading stored totals entry by entry, where they lie.

use super::path::{EITHER, JOINT};
use super::{KIND, VERSION, VERSION_1, decimal};
use crate::error::TallyError;
use crate::sketch::bytes::Reader;

/// A sum as it is stored.
pub(super) enum Number<'a> {
    /// By version 1.
    Float(f64),
    /// The text of a decimal, as `Decimal::text` writes it.
    Decimal(&'a str),
}

/// Reads the entries of stored bytes, in order of their paths, and checks all of them.
pub(super) struct Entries<'a> {
    reader: Reader<'a>,
    version: u8,
    /// Objects added.
    pub rows: u64,
    /// Leaves that were no numbers.
    pub ignored: u64,
    left: u64,
    last: Option<&'a str>,
}

impl<'a> Entries<'a> {
    pub fn of(bytes: &'a [u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("totals", bytes);
        let (version @ (VERSION_1 | VERSION), KIND, 0) = (reader.u8()?, reader.u8()?, reader.u16()?) else {
            return Err(reader.corrupt("version 1 or 2"));
        };
        let (rows, ignored, left) = (reader.varint()?, reader.varint()?, reader.varint()?);
        Ok(Entries {
            reader,
            version,
            rows,
            ignored,
            left,
            last: None,
        })
    }

    /// The error for a sum that is none.
    #[cold]
    pub fn no_decimal(&self) -> TallyError {
        self.reader.corrupt("a decimal number")
    }

    fn text(&mut self) -> Result<&'a str, TallyError> {
        let length = self.reader.varint()?;
        let bytes = self.reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        std::str::from_utf8(bytes).map_err(|_| self.reader.corrupt("text in UTF-8"))
    }

    fn entry(&mut self) -> Result<(&'a str, Number<'a>), TallyError> {
        let old = if self.version == VERSION_1 {
            Some(self.reader.f64()?)
        } else {
            None
        };
        let path = self.text()?;
        if self.last.is_some_and(|last| last >= path) {
            return Err(self.reader.corrupt("keys in ascending order"));
        }
        self.last = Some(path);
        if let Some(sum) = old {
            return Ok((path, Number::Float(sum)));
        }
        let sum = self.text()?;
        if !decimal::is_text(sum) {
            return Err(self.no_decimal());
        }
        Ok((path, Number::Decimal(sum)))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(&'a str, Number<'a>), TallyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return self.reader.end().err().map(Err);
        }
        self.left -= 1;
        if self.left.is_multiple_of(1024) {
            crate::cancel::look();
        }
        Some(self.entry())
    }
}

/// Shows `see` the path and the decimal of each entry, as long as it wants to go on. Whether it has seen all: not where one is of 0.1, or bears the mark that
/// tells a path from those.
fn seen<'a>(bytes: &'a [u8], mut see: impl FnMut(&'a str, &'a str) -> bool) -> Result<bool, TallyError> {
    if !bytes.starts_with(&[VERSION, KIND]) {
        return Ok(false);
    }
    for entry in Entries::of(bytes)? {
        match entry? {
            (path, Number::Decimal(sum)) if !path.starts_with(EITHER) && see(path, sum) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The sum of the one path that a name means, none where there is no such path, as `Totals::total` gives it. No answer where that takes more than a look at
/// each path: for sums of 0.1, for several paths that joined by dots have this name, and for names with a backslash.
pub(super) fn sum_named(bytes: &[u8], name: &str) -> Result<Option<Option<f64>>, TallyError> {
    if name.contains(['\\', JOINT]) {
        return Ok(None);
    }
    let joined = |c| if c == JOINT as u8 { b'.' } else { c };
    let mut found = None;
    let all = seen(bytes, |path, sum| {
        let is_named = path.len() == name.len() && path.bytes().map(joined).eq(name.bytes());
        !(is_named && found.replace(sum).is_some())
    })?;
    Ok(all.then(|| found.and_then(|sum| sum.parse().ok())))
}

/// The sums of stored bytes as float8, where all of them are finite and of a version that has no other names; no answer else.
pub(super) fn sums(bytes: &[u8]) -> Result<Option<Vec<f64>>, TallyError> {
    let mut sums = Vec::new();
    let all = seen(bytes, |_, sum| {
        let sum = sum.parse().unwrap_or(f64::NAN);
        sums.push(sum);
        sum.is_finite()
    })?;
    Ok(all.then_some(sums))
}

#[cfg(test)]
mod tests {
    use super::super::decimal::Decimal;
    use super::super::{Totals, entropy};

    fn totals(sums: &[(&str, &str)]) -> Totals {
        Totals {
            rows: 3,
            ignored: 1,
            sums: sums
                .iter()
                .map(|(path, sum)| ((*path).to_owned(), Decimal::parse(sum).unwrap()))
                .collect(),
        }
    }

    #[test]
    fn a_sum_in_place_is_that_of_the_maps() {
        let all = [
            totals(&[]),
            totals(&[
                ("", "7"),
                ("a", "1.50"),
                ("a\0b", "-3"),
                ("b", "0"),
                ("c.d", "12345678901234567890.5"),
            ]),
            totals(&[
                ("a\0b", "1"),
                ("a.b", "2"),
                ("x", "NaN"),
                ("y", "Infinity"),
                ("z", "-Infinity"),
            ]),
            totals(&[("\u{1}a.b", "4"), ("a\0b", "1"), ("é", "1e400")]),
        ];
        let names = [
            "", "a", "b", "a.b", "a\\.b", "c.d", "c", "x", "y", "z", "é", "\u{1}a.b", "a\0b", "nothing",
        ];
        for totals in &all {
            let bytes = totals.encode();
            for name in names {
                let of_maps = totals.total(name).map(|sum| sum.float().to_bits());
                assert_eq!(
                    Totals::total_of(&bytes, name).unwrap().map(f64::to_bits),
                    of_maps,
                    "{name:?} of {totals:?}"
                );
            }
            let bits = |entropy: Option<f64>| entropy.map(|bits| (bits * 1e12).round());
            assert_eq!(
                bits(entropy::of_stored(&bytes).unwrap()),
                bits(entropy::of_totals(totals)),
                "{totals:?}"
            );
        }
    }

    #[test]
    fn damaged_bytes_are_errors_in_place_where_they_are_for_the_maps() {
        let bytes = totals(&[("a", "1.50"), ("b", "-3"), ("c", "12")]).encode();
        for at in 0..bytes.len() {
            for byte in 0..=255 {
                let mut damaged = bytes.clone();
                damaged[at] = byte;
                let (in_place, maps) = (Totals::total_of(&damaged, "b"), Totals::decode(&damaged));
                assert_eq!(in_place.is_err(), maps.is_err(), "byte {at} is {byte}");
            }
            assert!(Totals::total_of(&bytes[..at], "b").is_err());
            assert!(entropy::of_stored(&bytes[..at]).is_err());
        }
    }
}

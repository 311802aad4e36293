//! Owns `retention_counts`: per period how many actors can be judged and how many were seen again; mergeable.
//!
//! 64-bit words, little-endian: the high half of word 0 is version << 24 | periods (the low half is the varlena header),
//! then per period eligible and retained. The stored form and the state of the aggregate are the same.

use crate::error::TallyError;
use crate::hex;
use crate::sketch::bytes::corrupt;
use crate::sketch::stored::{Stored, from_hex};

const VERSION: u64 = 1;

/// Words of so many periods.
pub fn words_for(periods: usize) -> usize {
    1 + 2 * periods
}

/// Number of periods.
pub fn periods(words: &[u64]) -> usize {
    (words[0] >> 32 & 0xff_ffff) as usize
}

/// Says that the words, long enough already, are for so many periods.
pub fn widen(words: &mut [u64], periods: usize) {
    words[0] = words[0] & 0xffff_ffff | (VERSION << 24 | periods as u64) << 32;
}

/// Counts in one actor: `None` is a period that cannot be judged yet.
pub fn count(words: &mut [u64], retained: &[Option<bool>]) {
    for (pair, retained) in words[1..].as_chunks_mut::<2>().0.iter_mut().zip(retained) {
        if let Some(retained) = retained {
            pair[0] = pair[0].saturating_add(1);
            pair[1] = pair[1].saturating_add(u64::from(*retained));
        }
    }
}

/// Adds the counts of another, which has no more periods.
pub fn merge(words: &mut [u64], other: &[u64]) {
    for (word, other) in words[1..].iter_mut().zip(&other[1..]) {
        *word = word.saturating_add(*other);
    }
}

/// Eligible and retained actors per period.
pub fn rows(words: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    words[1..]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[eligible, retained]| (*eligible, *retained))
}

/// Words of a payload, checked.
pub fn from_payload(payload: &[u8]) -> Result<Vec<u64>, TallyError> {
    if payload.len() % 16 != 4 {
        return Err(corrupt("retention_counts", "whole periods", payload.len()));
    }
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(payload);
    let words: Vec<u64> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|w| u64::from_le_bytes(*w))
        .collect();
    let version = words[0] >> 56;
    if words.len() != words_for(periods(&words)) || (version != VERSION && words.len() > 1) {
        return Err(corrupt(
            "retention_counts",
            "version 1 and as many periods as it counts",
            payload.len(),
        ));
    }
    Ok(words)
}

/// Counts as they are stored: their words.
pub struct Counts(pub Vec<u64>);

impl Stored for Counts {
    const NAME: &'static str = "retention_counts";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        from_payload(bytes).map(Counts)
    }

    fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect()
    }

    fn text(&self) -> String {
        hex::encode(&self.encode())
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        from_hex(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        let mut a = vec![0; words_for(2)];
        widen(&mut a, 2);
        count(&mut a, &[Some(true), Some(false)]);
        count(&mut a, &[Some(true), None]);
        let mut b = vec![0; words_for(1)];
        widen(&mut b, 1);
        count(&mut b, &[Some(false)]);
        merge(&mut a, &b);
        assert_eq!(rows(&a).collect::<Vec<_>>(), [(3, 2), (1, 0)]);
        let payload: Vec<u8> = a.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
        assert_eq!(from_payload(&payload).unwrap(), a);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = from_payload(&bytes).map(|words| rows(&words).count());
        }
    }
}

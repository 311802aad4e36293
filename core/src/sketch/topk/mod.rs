//! `topk`: heavy hitters with error bounds, mergeable.
//!
//! J. Misra, D. Gries (1982), with weights and merging as P. Agarwal et al., *Mergeable summaries* (PODS 2012): at most
//! [`PER_K`] counters for each of the k asked. While there are no more distinct items than counters, counts are exact;
//! then each true count lies between `count` and `count + error`, and `error` is at most total / (counters + 1).
//!
//! ```text
//! u8 version = 1 · u8 kind = 1 · u16 k · varint total, error, items · items × (varint count, length · UTF-8 item), ascending
//! ```
//! The aggregate's state is [`working`].

pub mod text;
pub mod working;

use super::bytes::{Reader, put_varint};
use super::stored::Stored;
use crate::error::TallyError;
use std::collections::BTreeMap;

const VERSION: u8 = 1;
const KIND: u8 = 1;
/// Counters for each item asked for.
pub const PER_K: usize = 16;
/// Items asked for unless told otherwise.
pub const DEFAULT_K: u16 = 10;

/// Counts of the heaviest items.
#[derive(Debug, Clone, PartialEq)]
pub struct TopK {
    /// How many heavy items are asked for.
    pub k: u16,
    /// Weight of all items.
    pub total: u64,
    /// How much less than the truth a count may be.
    pub error: u64,
    /// Counts that are never above the truth.
    pub counts: BTreeMap<String, u64>,
}

impl TopK {
    /// Nothing seen yet.
    pub fn new(k: u16) -> Self {
        TopK {
            k,
            total: 0,
            error: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Counters there are for them.
    pub fn room(&self) -> usize {
        usize::from(self.k) * PER_K
    }

    /// Takes the first count that has no room from all, and drops those that come to nothing.
    pub fn shrink(&mut self) {
        let room = self.room();
        if self.counts.len() <= room {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let taken = *counts.select_nth_unstable_by(room, |a, b| b.cmp(a)).1;
        self.error = self.error.saturating_add(taken);
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(taken);
            *count > 0
        });
    }

    /// The heaviest `n` items with their counts, heaviest first, ties by name.
    pub fn top(&self, n: usize) -> Vec<(&str, u64)> {
        let mut items: Vec<(&str, u64)> = self
            .counts
            .iter()
            .map(|(item, count)| (item.as_str(), *count))
            .collect();
        items.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        items.truncate(n);
        items
    }

    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, KIND];
        out.extend(self.k.to_le_bytes());
        [self.total, self.error, self.counts.len() as u64]
            .into_iter()
            .for_each(|v| put_varint(&mut out, v));
        for (item, count) in &self.counts {
            put_varint(&mut out, *count);
            put_varint(&mut out, item.len() as u64);
            out.extend(item.as_bytes());
        }
        out
    }

    /// Reads stored bytes, or a working form.
    pub fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("topk", bytes);
        let (version, kind, k) = (reader.u8()?, reader.u8()?, reader.u16()?);
        if (version, kind) == (VERSION, working::KIND) {
            return working::from_bytes(bytes);
        }
        if (version, kind) != (VERSION, KIND) || !(1..=1000).contains(&k) {
            return Err(reader.corrupt("version 1 with k in 1 to 1000"));
        }
        let mut topk = TopK {
            k,
            total: reader.varint()?,
            error: reader.varint()?,
            counts: BTreeMap::new(),
        };
        for _ in 0..reader.varint()? {
            let count = reader.varint()?;
            let length = reader.varint()?;
            let item = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
            let item = std::str::from_utf8(item).map_err(|_| reader.corrupt("items in UTF-8"))?;
            if topk
                .counts
                .last_key_value()
                .is_some_and(|(last, _)| last.as_str() >= item)
            {
                return Err(reader.corrupt("items in ascending order"));
            }
            topk.counts.insert(item.to_owned(), count);
        }
        reader.end()?;
        if topk.counts.len() > topk.room() {
            return Err(reader.corrupt("no more items than counters"));
        }
        Ok(topk)
    }
}

impl Stored for TopK {
    const NAME: &'static str = "topk";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        TopK::decode(bytes)
    }

    fn encode(&self) -> Vec<u8> {
        TopK::encode(self)
    }

    fn is_partial(bytes: &[u8]) -> bool {
        matches!(bytes, [VERSION, working::KIND, ..])
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }

    fn json(&self) -> String {
        text::estimates(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Grow;
    use proptest::prelude::*;

    fn until(words: &mut Vec<u64>, mut step: impl FnMut(&mut [u64]) -> Result<(), Grow>) {
        while let Err(Grow(needed)) = step(words) {
            words.resize(needed, 0);
        }
    }

    proptest! {
        /// The bounds hold whatever the order and the parts: count <= truth <= count + error <= count + total / counters.
        #[test]
        fn bounds_hold(items in prop::collection::vec((0..60u32, 1..5u64), 0..400), cut in 0..400usize) {
            let cut = cut.min(items.len());
            let mut truth = BTreeMap::new();
            items.iter().for_each(|(i, w)| *truth.entry(i.to_string()).or_insert(0) += w);
            let part = |items: &[(u32, u64)]| items.iter().fold(working::fresh(1), |mut words, (i, w)| {
                until(&mut words, |words| working::push(words, &i.to_string(), *w));
                words
            });
            let (mut all, other) = (part(&items[..cut]), part(&items[cut..]));
            until(&mut all, |words| working::merge(words, &working::finish(&other)));
            let all = working::finish(&all);
            prop_assert_eq!(all.total, truth.values().sum::<u64>());
            prop_assert!(all.error <= all.total / (PER_K as u64 + 1), "{} of {}", all.error, all.total);
            for (item, truth) in truth {
                let count = all.counts.get(&item).copied().unwrap_or(0);
                prop_assert!(count <= truth && truth <= count + all.error);
            }
            prop_assert_eq!(TopK::decode(&all.encode()).unwrap(), all);
        }

        #[test]
        fn decoding_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TopK::decode(&bytes);
            let _ = TopK::decode(&[&[VERSION, KIND, 5, 0], &bytes[..]].concat());
            let _ = TopK::decode(&[&[VERSION, working::KIND, 5, 0], &bytes[..]].concat());
        }
    }
}

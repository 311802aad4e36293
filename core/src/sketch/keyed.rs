//! Owns a map from text to a 64-bit value inside an aggregate's words: open addressing over entries in the order they came.
//! The state of the sketches that are kept by key; nothing in it is ever stored in a table.
//!
//! ```text
//! word 0 slots (a power of 2) · entries << 32 · word 1 words of entries
//! slots × (hash's high half << 32 | place + 1 among the entries' words), 0 when free
//! entries × (value · hash's high half << 32 | length · bytes of the key padded to words)
//! ```

use super::Grow;
use super::bytes::corrupt;
use super::hll::hash;
use crate::error::TallyError;

const HEADER: usize = 2;
const FIRST_SLOTS: usize = 8;
/// Words of a new map: room for some short keys.
pub const FIRST_WORDS: usize = HEADER + FIRST_SLOTS + 16;

/// How many places there are. More of them move what [`value_of`] found before.
#[inline(always)]
pub fn slots(words: &[u64]) -> usize {
    words[0] as u32 as usize
}

/// How many keys there are.
#[inline(always)]
pub fn len(words: &[u64]) -> usize {
    (words[0] >> 32) as usize
}

fn set(words: &mut [u64], slots: usize, len: usize) {
    words[0] = slots as u64 | (len as u64) << 32;
}

/// Words of an entry with a key of so many bytes.
fn entry_words(key: usize) -> usize {
    2 + key.div_ceil(8)
}

/// Makes the words an empty map.
pub fn init(words: &mut [u64]) {
    set(words, FIRST_SLOTS, 0);
    words[1] = 0;
    words[HEADER..HEADER + FIRST_SLOTS].fill(0);
}

fn word_of(chunk: &[u8]) -> u64 {
    let mut padded = [0; 8];
    padded[..chunk.len()].copy_from_slice(chunk);
    u64::from_le_bytes(padded)
}

/// The index of a key's value word; a key not seen yet is added with value 0. Changes nothing when the words are too few.
#[inline]
pub fn value_of(words: &mut [u64], key: &[u8]) -> Result<usize, Grow> {
    let tag = hash::bytes(key) >> 32;
    let head = tag << 32 | key.len() as u64;
    loop {
        let slots = slots(words);
        let first = HEADER + slots;
        let mut slot = tag as usize & (slots - 1);
        loop {
            let found = words[HEADER + slot];
            if found == 0 {
                break;
            }
            if found >> 32 == tag {
                let entry = first + (found as u32 as usize - 1);
                let body = &words[entry + 1..];
                if body[0] == head
                    && key
                        .chunks(8)
                        .zip(&body[1..])
                        .all(|(chunk, word)| word_of(chunk) == *word)
                {
                    return Ok(entry);
                }
            }
            slot = (slot + 1) & (slots - 1);
        }
        let used = words[1] as usize;
        let crowded = (len(words) + 1) * 4 > slots * 3;
        let needed = first + used + entry_words(key.len()) + if crowded { slots } else { 0 };
        if needed > words.len() {
            return Err(Grow(needed + needed / 2));
        }
        if crowded {
            resize(words, slots * 2);
            continue;
        }
        let entry = first + used;
        words[entry] = 0;
        words[entry + 1] = head;
        for (word, chunk) in words[entry + 2..].iter_mut().zip(key.chunks(8)) {
            *word = word_of(chunk);
        }
        words[HEADER + slot] = tag << 32 | (used as u64 + 1);
        words[1] += entry_words(key.len()) as u64;
        let now = len(words) + 1;
        set(words, slots, now);
        return Ok(entry);
    }
}

/// Gives the map so many slots; the words are enough.
fn resize(words: &mut [u64], to: usize) {
    let (from, used, count) = (slots(words), words[1] as usize, len(words));
    words.copy_within(HEADER + from..HEADER + from + used, HEADER + to);
    set(words, to, count);
    index(words);
}

/// Writes the slots anew from the entries.
fn index(words: &mut [u64]) {
    let (slots, used) = (slots(words), words[1] as usize);
    let (table, entries) = words[HEADER..].split_at_mut(slots);
    table.fill(0);
    let mut at = 0;
    while at < used {
        let head = entries[at + 1];
        let mut slot = (head >> 32) as usize & (slots - 1);
        while table[slot] != 0 {
            slot = (slot + 1) & (slots - 1);
        }
        table[slot] = head >> 32 << 32 | (at as u64 + 1);
        at += entry_words(head as u32 as usize);
    }
}

/// The values as they came.
pub fn values(words: &[u64]) -> impl Iterator<Item = u64> {
    let entries = &words[HEADER + slots(words)..];
    let mut at = 0;
    (0..len(words)).map(move |_| {
        let value = entries[at];
        at += entry_words(entries[at + 1] as u32 as usize);
        value
    })
}

/// Gives every value its next one; a key whose value becomes none goes.
pub fn retain(words: &mut [u64], mut next: impl FnMut(u64) -> Option<u64>) {
    let (slots, used) = (slots(words), words[1] as usize);
    let first = HEADER + slots;
    let (mut from, mut to, mut kept) = (first, first, 0);
    while from < first + used {
        let size = entry_words(words[from + 1] as u32 as usize);
        if let Some(value) = next(words[from]) {
            words.copy_within(from..from + size, to);
            words[to] = value;
            to += size;
            kept += 1;
        }
        from += size;
    }
    words[1] = (to - first) as u64;
    set(words, slots, kept);
    index(words);
}

/// The keys with their values, checked: these words may come from anywhere.
pub fn entries(what: &'static str, words: &[u64]) -> Result<Vec<(Vec<u8>, u64)>, TallyError> {
    let bad = || corrupt(what, "entries within a working form", words.len() * 8);
    let [head, used, ..] = *words else { return Err(bad()) };
    let first = HEADER + head as u32 as usize;
    let used = usize::try_from(used).map_err(|_| bad())?;
    let end = first.checked_add(used).ok_or_else(bad)?;
    let mut rest = words.get(first..end).ok_or_else(bad)?;
    let mut found = Vec::new();
    while let [value, head, body @ ..] = rest {
        let length = *head as u32 as usize;
        let key = body.get(..length.div_ceil(8)).ok_or_else(bad)?;
        let mut key: Vec<u8> = key.iter().flat_map(|w| w.to_le_bytes()).collect();
        key.truncate(length);
        found.push((key, *value));
        rest = &body[length.div_ceil(8)..];
    }
    (found.len() == (head >> 32) as usize && rest.is_empty())
        .then_some(found)
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// The oracle is a BTreeMap; keys of 0 to 20 bytes, half of the values dropped on the way.
        #[test]
        fn a_map_of_its_own(keys in prop::collection::vec("[a-c]{0,3}|[a-z]{0,20}", 0..300), drop in 0..300usize) {
            let mut words = vec![0; FIRST_WORDS];
            init(&mut words);
            let mut oracle = BTreeMap::new();
            for (i, key) in keys.iter().enumerate() {
                let at = loop {
                    match value_of(&mut words, key.as_bytes()) {
                        Ok(at) => break at,
                        Err(Grow(needed)) => words.resize(needed, 0),
                    }
                };
                words[at] += i as u64;
                *oracle.entry(key.clone()).or_insert(0u64) += i as u64;
                if i == drop {
                    retain(&mut words, |v| (v % 2 == 1).then_some(v + 1));
                    oracle.retain(|_, v| *v % 2 == 1);
                    oracle.values_mut().for_each(|v| *v += 1);
                }
            }
            prop_assert_eq!(len(&words), oracle.len());
            prop_assert_eq!(values(&words).sum::<u64>(), oracle.values().sum::<u64>());
            let found = entries("test", &words).unwrap().into_iter();
            let found: BTreeMap<String, u64> = found.map(|(key, value)| (String::from_utf8(key).unwrap(), value)).collect();
            prop_assert_eq!(found, oracle);
        }

        #[test]
        fn any_words_never_panic(words in prop::collection::vec(prop_oneof![0..40u64, any::<u64>()], 0..40)) {
            let _ = entries("test", &words);
        }
    }
}

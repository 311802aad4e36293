//! Owns the tail: where a working form takes words as they come, before it sorts them in.
//!
//! Word 1 of a working form says where: its low half is the index of the next free word, its high half that of the word
//! behind the last. So a row costs the same in every kind and size of state: one store, and two cache lines (the head's and
//! the tail's) however large the state is. What the kind is matters once a tail is full, where a whole tail of random
//! accesses to one state overlap; one at a time, each would wait for memory where thousands of states share the caches.

const BOUNDS: usize = 1;

/// Index of the next free word.
#[inline(always)]
pub fn next(words: &[u64]) -> usize {
    (words[BOUNDS] & 0xffff_ffff) as usize
}

/// Index of the next free word, from the words behind the first, as received.
pub fn next_in(words: &[[u8; 8]]) -> Option<usize> {
    let [a, b, c, d, ..] = *words.first()?;
    Some(u32::from_le_bytes([a, b, c, d]) as usize)
}

/// Index behind the last word.
#[inline(always)]
pub fn end(words: &[u64]) -> usize {
    (words[BOUNDS] >> 32) as usize
}

/// Sets both.
#[inline(always)]
pub fn set(words: &mut [u64], next: usize, end: usize) {
    words[BOUNDS] = next as u64 | (end as u64) << 32;
}

/// Appends a word; false when there is no room.
#[inline(always)]
pub fn append(words: &mut [u64], word: u64) -> bool {
    let next = next(words);
    if next < end(words)
        && let Some(slot) = words.get_mut(next)
    {
        *slot = word;
        words[BOUNDS] += 1;
        return true;
    }
    false
}

//! Owns the tail: where a working form takes words as they come, before it sorts them in.
//!
//! Word 1 of a working form says where: its low half is the index of the next free word, its high half that of the word
//! behind the last. So a row costs the same in every kind and size of state: one store, and two cache lines (the head's and
//! the tail's) however large the state is. What the kind is matters once a tail is full, where a whole tail of random
//! accesses to one state overlap; one at a time, each would wait for memory where thousands of states share the caches.
//!
//! A large state has a tail of two parts. Rows append to the **front**, the rest of the state's first 64 bytes. A full front
//! goes to the **long tail** at once. So most rows touch one place of a large state, as they do of a small one, and who knows
//! where a state begins knows what to ask of memory.

const BOUNDS: usize = 1;
/// Where a front ends.
pub const FRONT: usize = 8;
/// Index of the long tail's next free word.
const FILLED: usize = FRONT;
/// The first word that is free for other use where there is a front.
pub const BEHIND_FRONT: usize = FILLED + 1;

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

/// Makes both parts empty: the front from word `first` on, the long tail from word `long` on.
pub fn empty(words: &mut [u64], first: usize, long: usize) {
    set(words, first, FRONT);
    words[FILLED] = long as u64;
}

/// Index of the long tail's next free word.
#[inline(always)]
pub fn filled(words: &[u64]) -> usize {
    words[FILLED] as usize
}

/// Sets it.
#[inline(always)]
pub fn set_filled(words: &mut [u64], filled: usize) {
    words[FILLED] = filled as u64;
}

/// Takes as much as has room there from the front, which begins at `first`, into the long tail, which ends at `end`; false when that is
/// nothing.
#[inline(always)]
pub fn spill(words: &mut [u64], first: usize, end: usize) -> bool {
    let (next, filled) = (next(words), filled(words));
    let moved = (next - first).min(end - filled);
    words.copy_within(next - moved..next, filled);
    set_filled(words, filled + moved);
    set(words, next - moved, FRONT);
    moved > 0
}

/// What both parts hold.
#[inline(always)]
pub fn parts(words: &[u64], first: usize, long: usize) -> [&[u64]; 2] {
    [&words[long..filled(words)], &words[first..next(words)]]
}

/// Whether both parts hang together in words as received, the long tail ending at `end` at most.
pub fn fits(words: &[u64], first: usize, long: usize, end: usize) -> bool {
    words.len() > FILLED
        && (first..=self::end(words)).contains(&next(words))
        && self::end(words) <= FRONT
        && usize::try_from(words[FILLED]).is_ok_and(|filled| (long..=end).contains(&filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The oracle is a list: what came is there, each word once, until the long tail is full to its last word.
        #[test]
        fn a_tail_in_two_parts_loses_nothing(first in 2..FRONT, room in 1..40usize, count in 0..60u64) {
            let long = BEHIND_FRONT + 3;
            let end = long + room;
            let mut words = vec![u64::MAX; end + 2];
            empty(&mut words, first, long);
            let mut came = Vec::new();
            for word in 0..count {
                if !append(&mut words, word) {
                    if !spill(&mut words, first, end) {
                        prop_assert_eq!(came.len(), room + FRONT - first, "full");
                        break;
                    }
                    prop_assert!(append(&mut words, word));
                }
                came.push(word);
                prop_assert!(fits(&words, first, long, end));
            }
            let mut found = parts(&words, first, long).concat();
            found.sort_unstable();
            prop_assert_eq!(found, came);
            prop_assert_eq!(&words[end..], [u64::MAX; 2], "what lies behind is another's");
        }

        #[test]
        fn no_words_fit_whose_parts_lie_elsewhere(bounds in prop::array::uniform2(0..12u32), filled in prop_oneof![0..20u64, any::<u64>()]) {
            let (first, long, end) = (3, BEHIND_FRONT + 2, BEHIND_FRONT + 6);
            let mut words = vec![0; end];
            set(&mut words, bounds[0] as usize, bounds[1] as usize);
            words[FILLED] = filled;
            let inside = (3..=bounds[1]).contains(&bounds[0]) && bounds[1] <= 8 && (11..=15).contains(&filled);
            prop_assert_eq!(fits(&words, first, long, end), inside);
        }
    }
}

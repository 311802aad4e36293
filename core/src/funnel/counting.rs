//! Owns the state of the aggregate `funnel_counts`: actors are noted in a tail of words behind the stored form, and counted in
//! when the tail is full.
//!
//! ```text
//! word 0 high half: words of the tail in use · 1 bytes of the stored form | 0xff in the top byte, which no stored version has
//! 2… the stored form, padded to whole words · then the tail
//! ```

use super::counts::Counts;
use crate::error::TallyError;
use crate::sketch::bytes::corrupt;

const BEGIN: usize = 2;
/// Words of a new tail.
pub const FIRST_TAIL: usize = 16;
/// Words of the longest tail: then it is counted in.
pub const LONGEST_TAIL: usize = 4096;

/// Marks the bytes of a state: no stored version is this high.
const MARK: u64 = 0xff << 56;

fn stored_bytes(words: &[u64]) -> usize {
    (words[1] & !MARK) as usize
}

fn tail_at(words: &[u64]) -> usize {
    BEGIN + stored_bytes(words).div_ceil(8)
}

fn used(words: &[u64]) -> usize {
    (words[0] >> 32) as usize
}

/// A state with room for `tail` words of notes.
pub fn state_of(counts: &Counts, tail: usize) -> Vec<u64> {
    let stored = counts.encode();
    let mut words = vec![0; BEGIN + stored.len().div_ceil(8) + tail];
    words[1] = stored.len() as u64 | MARK;
    for (word, bytes) in words[BEGIN..].iter_mut().zip(stored.chunks(8)) {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_le_bytes(padded);
    }
    words
}

/// How many words the tail holds, and how many the state must have to take `more`.
pub fn room_for_note(words: &[u64], more: usize) -> (usize, usize) {
    (used(words), tail_at(words) + used(words) + more)
}

/// Appends a note; there is room.
pub fn note(words: &mut [u64], note: &[u64]) {
    let (used, at) = (used(words), tail_at(words) + used(words));
    words[at..at + note.len()].copy_from_slice(note);
    words[0] = words[0] & 0xffff_ffff | ((used + note.len()) as u64) << 32;
}

/// The counts in a state's words, its tail counted in.
pub fn settled(words: &[u64]) -> Result<Counts, TallyError> {
    let stored: Vec<u8> = words[BEGIN..]
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .take(stored_bytes(words))
        .collect();
    let mut counts = Counts::stored(&stored)?;
    let tail = tail_at(words);
    counts.count(&words[tail..tail + used(words)])?;
    Ok(counts)
}

/// Whether the bytes are a state. Its payload begins in the middle of word 0, so word 1 ends at byte 12.
pub fn is_state(bytes: &[u8]) -> bool {
    bytes.len() % 8 == 4 && bytes.get(11) == Some(&0xff)
}

/// The counts of a state's bytes.
pub fn from_state(bytes: &[u8]) -> Result<Counts, TallyError> {
    let mut padded = vec![0; 4];
    padded.extend(bytes);
    let words: Vec<u64> = padded
        .as_chunks::<8>()
        .0
        .iter()
        .map(|w| u64::from_le_bytes(*w))
        .collect();
    if words.len() < BEGIN || stored_bytes(&words) > words.len() * 8 || tail_at(&words) + used(&words) > words.len() {
        return Err(corrupt("funnel_counts", "as many words as it counts", bytes.len()));
    }
    settled(&words)
}

//! Owns the working form of a t-digest: an aggregate's state as 8-byte words.
//!
//! ```text
//! word 0         low half: varlena header, not ours · byte 4 version · byte 5 kind · bytes 6-7 compression
//! word 1         the tail's bounds (see `tail`) · word 2 question
//! kind 17 exact  tail from word 3: all values as they came
//! kind 18 digest front from word 3 to 7 · 8 the long tail's next word
//!                9 centroids, high half what the long tail holds (0 values, 1 value and weight pairs, and nothing in the front)
//!                10 room for centroids · 11 min · 12 max · 13 sum · 14 its compensation · 15 -inf · 16 +inf · 17 NaN · 18 merges
//!                19 weight of pairs; then means, weights (top bit: impure), long tail to the end; all but the tail without what
//!                the tail holds
//! ```
//! The question is the q of `approx_percentile(value, q)`: a final function sees nothing but the state.
//! Sizes are powers of two, as the chunks of PostgreSQL's memory contexts are.

use super::compress::Item;
use super::flush::{flush, flushed};
use super::merging::merge;
use super::{Body, Centroid, Digest, EXACT_MAX, Sketch, codec};
use crate::error::{SqlState, TallyError};
pub use crate::sketch::Grow;
use crate::sketch::tail;

pub use super::merging::{merge_bytes, push_weighted};
pub use super::received::from_bytes;

/// Kind byte of the exact working form.
pub const EXACT: u8 = 17;
/// Kind byte of the digest's working form.
pub const DIGEST: u8 = 18;

/// Words of a new state: 64 bytes, five values.
pub const FIRST_WORDS: usize = 8;
/// Where the exact form's values begin.
pub const VALUES: usize = 3;
/// Values that a digest's front takes.
const VALUES_IN_FRONT: usize = tail::FRONT - VALUES;
/// Words of the largest exact form.
pub(super) const EXACT_WORDS: usize = VALUES + EXACT_MAX;

// Words of the digest form's head.
const QUESTION: usize = 2;
pub(super) const LEN: usize = tail::BEHIND_FRONT;
pub(super) const ROOM: usize = LEN + 1;
pub(super) const MIN: usize = LEN + 2;
pub(super) const MAX: usize = LEN + 3;
pub(super) const SUM: usize = LEN + 4;
pub(super) const COMPENSATION: usize = LEN + 5;
pub(super) const OUTSIDE: usize = LEN + 6;
pub(super) const MERGES: usize = LEN + 9;
/// Weight that came by pairs; all ones when it was too much.
pub(super) const WEIGHT: usize = LEN + 10;
pub(super) const HEAD: usize = LEN + 11;
/// Greatest weight that pairs may bring: what is stored has a bit beside the weight, and rows one by one never come to as much.
pub(super) const MOST: u64 = 1 << 62;

/// Words that the digest form takes at a compression: five parts of eight are its tail at the default.
pub(super) fn digest_words(compression: u16) -> usize {
    (HEAD - VALUES_IN_FRONT + usize::from(compression) * 5).next_power_of_two()
}

/// Makes zeroed words an empty state.
pub fn init(words: &mut [u64], compression: u16) {
    set_head(words, EXACT, compression);
    tail::set(words, VALUES, words.len().min(EXACT_WORDS));
}

pub(super) fn set_head(words: &mut [u64], kind: u8, compression: u16) {
    let head = u64::from(codec::VERSION) | u64::from(kind) << 8 | u64::from(compression) << 16;
    words[0] = words[0] & 0xffff_ffff | head << 32;
}

#[inline(always)]
pub(super) fn kind(words: &[u64]) -> u8 {
    (words[0] >> 40) as u8
}

/// Greatest number of centroids.
pub fn compression(words: &[u64]) -> u16 {
    (words[0] >> 48) as u16
}

/// Whether the words are a working form that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    words.len() >= FIRST_WORDS && matches!(kind(words), EXACT | DIGEST)
}

/// Marks a question: shares have no sign.
const ASKED: u64 = 1 << 63;

/// Sets the share that is asked for, where none is set yet.
pub fn ask(words: &mut [u64], q: Option<f64>) {
    if let Some(q) = q
        && words[QUESTION] == 0
    {
        words[QUESTION] = q.abs().to_bits() | ASKED;
    }
}

/// The share that is asked for.
fn asked(words: &[u64]) -> Option<f64> {
    let q = f64::from_bits(words[QUESTION] & !ASKED);
    (words[QUESTION] & ASKED != 0 && (0.0..=1.0).contains(&q)).then_some(q)
}

/// The share that the bytes of an exact working form ask for.
pub fn asked_in(bytes: &[u8]) -> Option<f64> {
    let word = bytes.get(8 * QUESTION - 4..)?.first_chunk::<8>()?;
    (bytes[1] == EXACT).then(|| asked(&[0, 0, u64::from_le_bytes(*word)]))?
}

/// Adds a value.
#[inline(always)]
pub fn push(words: &mut [u64], value: f64) -> Result<(), Grow> {
    if tail::append(words, value.to_bits()) {
        return Ok(());
    }
    push_slow(words, value)
}

/// A value that the tail has no room for.
#[cold]
#[inline(never)]
fn push_slow(words: &mut [u64], value: f64) -> Result<(), Grow> {
    if kind(words) == EXACT {
        make_room(words, 1)?;
    } else if pairs(words) || !tail::spill(words, VALUES, words.len()) {
        flush(words);
    }
    let appended = tail::append(words, value.to_bits());
    debug_assert!(appended);
    Ok(())
}

/// Room for `more` values in an exact form: words just grown, more words, or a digest where they are too many for exactness.
pub(super) fn make_room(words: &mut [u64], more: usize) -> Result<(), Grow> {
    let (next, compression) = (tail::next(words), compression(words));
    let exact = next.saturating_add(more) <= EXACT_WORDS;
    let needed = if exact {
        (next + more).next_power_of_two()
    } else {
        digest_words(compression)
    };
    if words.len() < needed {
        return Err(Grow(needed));
    }
    if exact {
        tail::set(words, next, words.len().min(EXACT_WORDS));
    } else {
        promote(words);
    }
    Ok(())
}

/// Whether more weight came than can be counted; then nothing more may be done with the words.
pub fn overflowed(words: &[u64]) -> bool {
    kind(words) == DIGEST && words[WEIGHT] == u64::MAX
}

/// The error for it.
pub fn fits(words: &[u64]) -> Result<(), TallyError> {
    if !overflowed(words) {
        return Ok(());
    }
    Err(TallyError::new(
        SqlState::NumericValueOutOfRange,
        "weight of all values expected up to 2^62, got more",
    )
    .hint("SELECT tally.tdigest(value, weight / 1000, 180) FROM …"))
}

/// The finished sketch: values sorted, tail merged.
pub fn finish(words: &[u64]) -> Sketch {
    let compression = compression(words);
    if kind(words) == EXACT {
        let mut values: Vec<f64> = words[VALUES..tail::next(words)]
            .iter()
            .map(|&v| f64::from_bits(v))
            // Whatever its sign and payload, NaN is one value, the greatest.
            .map(|v| if v.is_nan() { f64::NAN } else { v })
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        return Sketch {
            compression,
            asked: asked(words),
            body: Body::Exact(values),
        };
    }
    let whole = flushed(words);
    let (min, max) = if whole.items.is_empty() {
        (0.0, 0.0)
    } else {
        (whole.min, whole.max)
    };
    Sketch {
        compression,
        asked: asked(words),
        body: Body::Digest(Digest {
            min,
            max,
            sum: whole.sum.value(),
            outside: whole.outside,
            centroids: whole.items.into_iter().map(Centroid::from).collect(),
        }),
    }
}

/// The values of an exact working form, from its words behind the first.
pub fn values_in(words: &[[u8; 8]]) -> Option<&[[u8; 8]]> {
    words.get(VALUES - 1..tail::next_in(words)?.checked_sub(1)?)
}

/// A finished sketch as a working form, to be changed outside an aggregate.
pub fn from_sketch(sketch: &Sketch) -> Vec<u64> {
    let room = match &sketch.body {
        Body::Exact(values) => (VALUES + values.len() + 1).next_power_of_two(),
        Body::Digest(_) => digest_words(sketch.compression),
    };
    let mut words = vec![0; room.max(FIRST_WORDS)];
    init(&mut words, sketch.compression);
    while let Err(Grow(needed)) = merge(&mut words, sketch) {
        words.resize(needed, 0);
    }
    words
}

/// Turns the exact form into the digest form, in place: there is room.
fn promote(words: &mut [u64]) {
    let compression = compression(words);
    let values: Vec<u64> = words[VALUES..tail::next(words)].to_vec();
    words[VALUES..].fill(0);
    set_head(words, DIGEST, compression);
    words[ROOM] = u64::from(compression);
    words[MIN] = f64::INFINITY.to_bits();
    words[MAX] = f64::NEG_INFINITY.to_bits();
    empty_tail(words);
    for value in values {
        push(words, f64::from_bits(value)).expect("a digest never grows");
    }
}

/// How many centroids there are.
pub(super) fn len(words: &[u64]) -> usize {
    words[LEN] as u32 as usize
}

/// Whether the long tail holds pairs.
pub(super) fn pairs(words: &[u64]) -> bool {
    words[LEN] >> 32 != 0
}

pub(super) fn set_pairs(words: &mut [u64], pairs: bool) {
    words[LEN] = len(words) as u64 | u64::from(pairs) << 32;
}

/// Where a digest's long tail begins.
pub(super) fn tail_start(words: &[u64]) -> usize {
    HEAD + 2 * words[ROOM] as usize
}

/// Makes a digest's tail empty, for values.
pub(super) fn empty_tail(words: &mut [u64]) {
    set_pairs(words, false);
    tail::empty(words, VALUES, tail_start(words));
}

/// Two words as an item.
pub(super) fn item(mean: u64, weight: u64) -> Item {
    Item {
        mean: f64::from_bits(mean),
        weight,
    }
}

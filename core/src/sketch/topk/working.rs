//! Owns the working form of a `topk`: counts that a transition changes in place.
//!
//! Up to twice the counters are held; then the first count that has no room is taken from all, which frees at least half.
//! So a shrink costs little for each item that came, and the error stays that of the stored form: each shrink takes from
//! more counters than there are.
//!
//! ```text
//! word 0 high half: version = 1 · kind = 17 · u16 k · 1 total · 2 error · then the counts (`keyed`)
//! ```

use super::{TopK, VERSION};
use crate::error::{SqlState, TallyError};
use crate::sketch::bytes::corrupt;
use crate::sketch::{Grow, keyed, words_of};

/// Kind of the working form.
pub const KIND: u8 = 17;
const COUNTS: usize = 3;

/// Words of a state without items.
pub fn fresh(k: u16) -> Vec<u64> {
    let mut words = vec![0; COUNTS + keyed::FIRST_WORDS];
    words[0] = u64::from_le_bytes([0, 0, 0, 0, VERSION, KIND, 0, 0]);
    set_k(&mut words, k);
    keyed::init(&mut words[COUNTS..]);
    words
}

fn k(words: &[u64]) -> u16 {
    (words[0] >> 48) as u16
}

fn set_k(words: &mut [u64], k: u16) {
    words[0] = words[0] & 0xffff_ffff_ffff | u64::from(k) << 48;
}

/// Whether the words are a state that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    words.len() > COUNTS && (words[0] >> 32) as u16 == u16::from_le_bytes([VERSION, KIND])
}

fn room(words: &[u64]) -> usize {
    TopK::new(k(words)).room()
}

fn value_of(words: &mut [u64], item: &str) -> Result<usize, Grow> {
    match keyed::value_of(&mut words[COUNTS..], item.as_bytes()) {
        Ok(at) => Ok(COUNTS + at),
        Err(Grow(needed)) => Err(Grow(COUNTS + needed)),
    }
}

/// Adds `weight` of an item; changes nothing when the words are too few.
#[inline]
pub fn push(words: &mut [u64], item: &str, weight: u64) -> Result<(), Grow> {
    if weight == 0 {
        return Ok(());
    }
    let at = value_of(words, item)?;
    words[at] = words[at].saturating_add(weight);
    words[1] = words[1].saturating_add(weight);
    if keyed::len(&words[COUNTS..]) > 2 * room(words) {
        shrink(words);
    }
    Ok(())
}

/// Whether so much more weight can be counted.
pub fn fits(words: &[u64], weight: u64) -> Result<(), TallyError> {
    match words[1].checked_add(weight) {
        Some(total) if i64::try_from(total).is_ok() => Ok(()),
        _ => Err(TallyError::new(
            SqlState::NumericValueOutOfRange,
            format!(
                "weight of all items expected up to 2^63 - 1, got {} and {weight}",
                words[1]
            ),
        )
        .hint("SELECT tally.topk(item, 10, weight / 1000) FROM …")),
    }
}

/// Takes the first count that has no room from all, and drops those that come to nothing.
#[cold]
fn shrink(words: &mut [u64]) {
    let room = room(words);
    let mut counts: Vec<u64> = keyed::values(&words[COUNTS..]).collect();
    if counts.len() <= room {
        return;
    }
    let taken = *counts.select_nth_unstable_by(room, |a, b| b.cmp(a)).1;
    words[2] = words[2].saturating_add(taken);
    keyed::retain(&mut words[COUNTS..], |count| {
        count.checked_sub(taken).filter(|count| *count > 0)
    });
}

/// Adds all of another; the smaller k is kept. Asked again after growing, it goes on where it was.
pub fn merge(words: &mut [u64], other: &TopK) -> Result<(), Grow> {
    set_k(words, k(words).min(other.k));
    if keyed::len(&words[COUNTS..]) + other.counts.len() > 2 * room(words) {
        shrink(words);
    }
    for item in other.counts.keys() {
        value_of(words, item)?;
    }
    for (item, count) in &other.counts {
        let at = value_of(words, item)?;
        words[at] = words[at].saturating_add(*count);
    }
    words[1] = words[1].saturating_add(other.total);
    words[2] = words[2].saturating_add(other.error);
    if keyed::len(&words[COUNTS..]) > 2 * room(words) {
        shrink(words);
    }
    Ok(())
}

/// The working form of a finished one.
pub fn from_topk(topk: &TopK) -> Vec<u64> {
    let mut words = fresh(topk.k);
    while let Err(Grow(needed)) = merge(&mut words, topk) {
        words.resize(needed, 0);
    }
    words
}

/// The finished form.
pub fn finish(words: &[u64]) -> TopK {
    read(words).expect("a working form that this module wrote")
}

/// Reads the bytes of a working form, as parallel workers hand them on.
pub fn from_bytes(bytes: &[u8]) -> Result<TopK, TallyError> {
    let words = words_of(bytes).filter(|words| is_working(words));
    read(&words.ok_or_else(|| corrupt("topk", "a working form", bytes.len()))?)
}

fn read(words: &[u64]) -> Result<TopK, TallyError> {
    let k = k(words);
    if !(1..=1000).contains(&k) {
        return Err(corrupt("topk", "k in 1 to 1000", words.len() * 8));
    }
    let texts = keyed::entries("topk", &words[COUNTS..])?
        .into_iter()
        .map(|(item, count)| {
            let item = String::from_utf8(item).map_err(|_| corrupt("topk", "items in UTF-8", words.len() * 8))?;
            Ok((item, count))
        });
    let mut topk = TopK {
        k,
        total: words[1],
        error: words[2],
        counts: texts.collect::<Result<_, TallyError>>()?,
    };
    topk.shrink();
    Ok(topk)
}

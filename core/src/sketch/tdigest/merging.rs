//! Owns what many values at once do to a working form: merged sketches, and pairs of value and weight.

use super::compress::Item;
use super::flush::{flush, outside, set_outside, set_sum, sum, widen};
use super::working::{
    DIGEST, EXACT, Grow, MOST, VALUES, WEIGHT, ask, asked_in, compression, kind, make_room, overflowed, pairs, push,
    set_head, set_pairs,
};
use super::{Body, Centroid, Digest, Sketch, codec};
use crate::error::TallyError;
use crate::sketch::tail;

/// Adds all values of a finished sketch. The smaller compression of the two is kept.
pub fn merge(words: &mut [u64], other: &Sketch) -> Result<(), Grow> {
    ask(words, other.asked);
    match &other.body {
        Body::Exact(values) => {
            reserve(words, values.len(), other.compression)?;
            values.iter().try_for_each(|&v| push(words, v))
        }
        Body::Digest(digest) => {
            reserve(words, usize::MAX, other.compression)?;
            merge_digest(words, digest);
            Ok(())
        }
    }
}

/// Adds all values of a stored sketch, without decoding it into memory where it is exact.
pub fn merge_bytes(words: &mut [u64], bytes: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    let Some((values, compression)) = codec::exact_slice(bytes) else {
        return Ok(merge(words, &codec::decode(bytes)?));
    };
    ask(words, asked_in(bytes));
    if let Err(grow) = reserve(words, values.len(), compression) {
        return Ok(Err(grow));
    }
    Ok(values.iter().try_for_each(|&v| push(words, f64::from_le_bytes(v))))
}

/// Makes ready for `more` values, or asks for the words that they take; promotes where they are too many for exactness.
fn reserve(words: &mut [u64], more: usize, other_compression: u16) -> Result<(), Grow> {
    let (kind, compression) = (kind(words), compression(words).min(other_compression));
    set_head(words, kind, compression);
    if kind == EXACT { make_room(words, more) } else { Ok(()) }
}

/// Adds `weight` copies of a value.
pub fn push_weighted(words: &mut [u64], value: f64, weight: u64) -> Result<(), Grow> {
    if weight == 1 {
        return push(words, value);
    }
    if kind(words) == EXACT {
        let copies = usize::try_from(weight).unwrap_or(usize::MAX);
        make_room(words, copies)?;
        if kind(words) == EXACT {
            for _ in 0..copies {
                tail::append(words, value.to_bits());
            }
            return Ok(());
        }
    }
    push_pair(
        words,
        Centroid {
            mean: value,
            weight,
            pure: true,
        },
        value * weight as f64,
    );
    Ok(())
}

fn merge_digest(words: &mut [u64], digest: &Digest) {
    let weights = digest.centroids.iter().map(|c| c.weight);
    if !weigh(words, weights.fold(digest.outside.total(), u64::saturating_add)) {
        return;
    }
    let mut outside = outside(words);
    outside.add(&digest.outside);
    set_outside(words, outside);
    if digest.centroids.is_empty() {
        return;
    }
    let mut total = sum(words);
    total.add(digest.sum);
    set_sum(words, total);
    widen(words, digest.min, digest.max);
    for &centroid in &digest.centroids {
        append_pair(words, centroid);
    }
}

/// Counts the weight of pairs; false when it is too much, and from then on.
fn weigh(words: &mut [u64], weight: u64) -> bool {
    let sum = words[WEIGHT].saturating_add(weight);
    words[WEIGHT] = if overflowed(words) || sum > MOST { u64::MAX } else { sum };
    !overflowed(words)
}

/// Adds a value with a weight to the digest form; `total` is their product.
#[inline(never)]
fn push_pair(words: &mut [u64], centroid: Centroid, total: f64) {
    debug_assert!(kind(words) == DIGEST);
    if !weigh(words, centroid.weight) {
        return;
    }
    if !centroid.mean.is_finite() {
        let mut outside = outside(words);
        outside.count(centroid.mean, centroid.weight);
        set_outside(words, outside);
        return;
    }
    let mut sum = sum(words);
    sum.add(total);
    set_sum(words, sum);
    widen(words, centroid.mean, centroid.mean);
    append_pair(words, centroid);
}

/// Appends a centroid to the digest form's long tail, as a pair (value, weight). Sum and bounds are the caller's to keep.
/// A front without room keeps values from being appended to pairs.
fn append_pair(words: &mut [u64], centroid: Centroid) {
    if !pairs(words) || tail::filled(words) + 2 > words.len() {
        flush(words);
        set_pairs(words, true);
        tail::set(words, VALUES, VALUES);
    }
    let (at, item) = (tail::filled(words), Item::from(centroid));
    words[at] = item.mean.to_bits();
    words[at + 1] = item.weight;
    tail::set_filled(words, at + 2);
    if at + 4 > words.len() {
        flush(words);
    }
}

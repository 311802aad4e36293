//! Owns the working form of a t-digest: an aggregate's state as 8-byte words.
//!
//! ```text
//! word 0         low half: varlena header, not ours · byte 4 version · byte 5 kind · bytes 6-7 compression
//! kind 17 exact  word 1 count · 2 question · values as they came, to the end of the words
//! kind 18 digest word 1 centroids · 2 question · 3 values in the tail · 4 what it holds (0 values, 1 value and weight pairs)
//!                5 room for centroids · 6 min · 7 max · 8 sum · 9 its compensation · 10 -inf · 11 +inf · 12 NaN · 13 merges
//!                then means, weights (top bit: impure), tail
//! ```
//! The question is the q of `approx_percentile(value, q)`: a final function sees nothing but the state.
//! Sizes are powers of two, as the chunks of PostgreSQL's memory contexts are.

use super::compress::{Item, WEIGHT_MAX, compress, merge as merge_sorted};
use super::{Body, Centroid, Digest, EXACT_MAX, Outside, Sketch, codec};
use crate::error::TallyError;
pub use crate::sketch::Grow;
use crate::sketch::bytes::corrupt;

/// Kind byte of the exact working form.
pub const EXACT: u8 = 17;
/// Kind byte of the digest's working form.
pub const DIGEST: u8 = 18;

/// Words of a new state: 64 bytes, five values.
pub const FIRST_WORDS: usize = 8;
const EXACT_HEAD: usize = 3;
const HEAD: usize = 14;

// Words of the digest form's head.
const LEN: usize = 1;
const QUESTION: usize = 2;
const TAIL: usize = 3;
const PAIRS: usize = 4;
const ROOM: usize = 5;
const MIN: usize = 6;
const MAX: usize = 7;
const SUM: usize = 8;
const COMPENSATION: usize = 9;
const OUTSIDE: usize = 10;
const MERGES: usize = 13;

/// Words that the digest form takes at a compression: five parts of eight are its tail at the default.
fn digest_words(compression: u16) -> usize {
    (HEAD + usize::from(compression) * 5).next_power_of_two()
}

/// Makes zeroed words an empty state.
pub fn init(words: &mut [u64], compression: u16) {
    set_head(words, EXACT, compression);
}

fn set_head(words: &mut [u64], kind: u8, compression: u16) {
    let head = u64::from(codec::VERSION) | u64::from(kind) << 8 | u64::from(compression) << 16;
    words[0] = words[0] & 0xffff_ffff | head << 32;
}

#[inline(always)]
fn kind(words: &[u64]) -> u8 {
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

/// Sets the question that [`question`] gives back.
pub fn ask(words: &mut [u64], q: f64) {
    words[QUESTION] = q.to_bits();
}

/// What [`ask`] set, from the payload of a working form; `None` for stored forms.
pub fn question(bytes: &[u8]) -> Option<f64> {
    let q = bytes.get(8 * QUESTION - 4..)?.first_chunk::<8>()?;
    matches!(bytes[1], EXACT | DIGEST).then(|| f64::from_le_bytes(*q))
}

/// Adds a value.
#[inline(always)]
pub fn push(words: &mut [u64], value: f64) -> Result<(), Grow> {
    if kind(words) == DIGEST && value.is_finite() && words[PAIRS] == 0 {
        let at = HEAD + 2 * words[ROOM] as usize + words[TAIL] as usize;
        words[at] = value.to_bits();
        words[TAIL] += 1;
        if at + 1 == words.len() {
            flush(words);
        }
        return Ok(());
    }
    if kind(words) == EXACT {
        let len = words[LEN] as usize;
        if len < EXACT_MAX && EXACT_HEAD + len < words.len() {
            words[EXACT_HEAD + len] = if value.is_nan() { f64::NAN } else { value }.to_bits();
            words[LEN] += 1;
            return Ok(());
        }
    }
    push_weighted(words, value, 1)
}

/// Adds `weight` copies of a value.
#[inline(never)]
pub fn push_weighted(words: &mut [u64], value: f64, weight: u64) -> Result<(), Grow> {
    if kind(words) == EXACT {
        let len = words[LEN] as usize;
        let fits = weight.saturating_add(len as u64) <= EXACT_MAX as u64;
        let needed = if fits {
            (EXACT_HEAD + len + weight as usize).next_power_of_two()
        } else {
            digest_words(compression(words))
        };
        if words.len() < needed {
            return Err(Grow(needed));
        }
        if fits {
            let value = if value.is_nan() { f64::NAN } else { value };
            words[EXACT_HEAD + len..][..weight as usize].fill(value.to_bits());
            words[LEN] += weight;
            return Ok(());
        }
        promote(words);
    }
    if !value.is_finite() {
        let mut outside = outside(words);
        outside.count(value, weight);
        set_outside(words, outside);
        return Ok(());
    }
    if weight == 1 && words[PAIRS] == 0 {
        return push(words, value);
    }
    add(words, value * weight as f64);
    widen(words, value, value);
    push_centroid(
        words,
        Centroid {
            mean: value,
            weight: weight.min(WEIGHT_MAX),
            pure: true,
        },
    );
    Ok(())
}

/// Adds all values of a finished sketch. The smaller compression of the two is kept.
pub fn merge(words: &mut [u64], other: &Sketch) -> Result<(), Grow> {
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
    if let Err(grow) = reserve(words, values.len(), compression) {
        return Ok(Err(grow));
    }
    Ok(values.iter().try_for_each(|&v| push(words, f64::from_le_bytes(v))))
}

/// Makes ready for `more` values, or asks for the words that they take; promotes where they are too many for exactness.
fn reserve(words: &mut [u64], more: usize, other_compression: u16) -> Result<(), Grow> {
    let (kind, compression) = (kind(words), compression(words).min(other_compression));
    set_head(words, kind, compression);
    if kind == DIGEST {
        return Ok(());
    }
    let len = (words[LEN] as usize).saturating_add(more);
    let exact = len <= EXACT_MAX;
    let needed = if exact {
        (EXACT_HEAD + len).next_power_of_two()
    } else {
        digest_words(compression)
    };
    if words.len() < needed {
        return Err(Grow(needed));
    }
    if !exact {
        promote(words);
    }
    Ok(())
}

fn merge_digest(words: &mut [u64], digest: &Digest) {
    let (mine, theirs) = (outside(words), digest.outside);
    set_outside(
        words,
        Outside {
            neg_inf: mine.neg_inf.saturating_add(theirs.neg_inf),
            pos_inf: mine.pos_inf.saturating_add(theirs.pos_inf),
            nan: mine.nan.saturating_add(theirs.nan),
        },
    );
    if digest.centroids.is_empty() {
        return;
    }
    add(words, digest.sum);
    widen(words, digest.min, digest.max);
    for &centroid in &digest.centroids {
        push_centroid(words, centroid);
    }
}

/// The finished sketch: values sorted, tail merged.
pub fn finish(words: &mut [u64]) -> Sketch {
    let compression = compression(words);
    if kind(words) == EXACT {
        let mut values: Vec<f64> = words[EXACT_HEAD..][..words[LEN] as usize]
            .iter()
            .map(|&v| f64::from_bits(v))
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        return Sketch {
            compression,
            body: Body::Exact(values),
        };
    }
    flush(words);
    let (len, room) = (words[LEN] as usize, words[ROOM] as usize);
    let centroids: Vec<Centroid> = stored(words, len, room).map(Centroid::from).collect();
    let (min, max) = if len == 0 {
        (0.0, 0.0)
    } else {
        (f64::from_bits(words[MIN]), f64::from_bits(words[MAX]))
    };
    Sketch {
        compression,
        body: Body::Digest(Digest {
            min,
            max,
            sum: sum(words),
            outside: outside(words),
            centroids,
        }),
    }
}

/// The working form as words, from the payload of a varlena that holds one; the header's half of word 0 stays 0.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
    let bad = |expected| Err(corrupt("tdigest state", expected, bytes.len()));
    let Some(words) = crate::sketch::words_of(bytes).filter(|words| is_working(words)) else {
        return bad("a working form of whole words");
    };
    let end = words.len() as u64;
    if kind(&words) == EXACT {
        return if words[LEN] <= (EXACT_MAX as u64).min(end - EXACT_HEAD as u64) {
            Ok(words)
        } else {
            bad("as many values as fit")
        };
    }
    if end < HEAD as u64 || words[PAIRS] > 1 || words[ROOM] > end || words[TAIL] > end {
        return bad("a digest's head");
    }
    let tail_end = HEAD as u64 + 2 * words[ROOM] + words[TAIL] * (1 + words[PAIRS]) + 1 + words[PAIRS];
    if tail_end > end || words[LEN] > words[ROOM] || u64::from(compression(&words)) > words[ROOM] {
        return bad("centroids and a tail that fit");
    }
    Ok(words)
}

/// A finished sketch as a working form, to be changed outside an aggregate.
pub fn from_sketch(sketch: &Sketch) -> Vec<u64> {
    let mut words = vec![0; FIRST_WORDS];
    init(&mut words, sketch.compression);
    while let Err(Grow(needed)) = merge(&mut words, sketch) {
        words.resize(needed, 0);
    }
    words
}

/// Turns the exact form into the digest form, in place: there is room.
fn promote(words: &mut [u64]) {
    let compression = compression(words);
    let values: Vec<u64> = words[EXACT_HEAD..][..words[LEN] as usize].to_vec();
    let question = words[QUESTION];
    words[1..].fill(0);
    words[QUESTION] = question;
    set_head(words, DIGEST, compression);
    words[ROOM] = u64::from(compression);
    words[MIN] = f64::INFINITY.to_bits();
    words[MAX] = f64::NEG_INFINITY.to_bits();
    for value in values {
        push(words, f64::from_bits(value)).expect("a digest never grows");
    }
}

fn tail_start(words: &[u64]) -> usize {
    HEAD + 2 * words[ROOM] as usize
}

/// Adds a centroid to the digest form's tail, as a pair (value, weight). Sum and bounds are the caller's to keep.
fn push_centroid(words: &mut [u64], centroid: Centroid) {
    if words[PAIRS] == 0 {
        flush(words);
        words[PAIRS] = 1;
    }
    let at = tail_start(words) + 2 * words[TAIL] as usize;
    let item = Item::from(centroid);
    words[at] = item.mean.to_bits();
    words[at + 1] = item.weight;
    words[TAIL] += 1;
    if at + 4 > words.len() {
        flush(words);
    }
}

fn outside(words: &[u64]) -> Outside {
    Outside {
        neg_inf: words[OUTSIDE],
        pos_inf: words[OUTSIDE + 1],
        nan: words[OUTSIDE + 2],
    }
}

fn set_outside(words: &mut [u64], outside: Outside) {
    words[OUTSIDE..][..3].copy_from_slice(&[outside.neg_inf, outside.pos_inf, outside.nan]);
}

/// Neumaier's compensated sum.
fn add(words: &mut [u64], value: f64) {
    let sum = f64::from_bits(words[SUM]);
    let new = sum + value;
    let lost = if sum.abs() >= value.abs() {
        (sum - new) + value
    } else {
        (value - new) + sum
    };
    words[SUM] = new.to_bits();
    words[COMPENSATION] = (f64::from_bits(words[COMPENSATION]) + lost).to_bits();
}

fn sum(words: &[u64]) -> f64 {
    let (sum, compensation) = (f64::from_bits(words[SUM]), f64::from_bits(words[COMPENSATION]));
    if compensation.is_finite() {
        sum + compensation
    } else {
        sum
    }
}

fn widen(words: &mut [u64], min: f64, max: f64) {
    words[MIN] = f64::from_bits(words[MIN]).min(min).to_bits();
    words[MAX] = f64::from_bits(words[MAX]).max(max).to_bits();
}

/// Merges the tail into the centroids.
#[cold]
#[inline(never)]
fn flush(words: &mut [u64]) {
    let (len, tail, room) = (words[LEN] as usize, words[TAIL] as usize, words[ROOM] as usize);
    if tail == 0 {
        return;
    }
    let start = HEAD + 2 * room;
    let mut items;
    if words[PAIRS] == 0 {
        let mut keys: Vec<i64> = words[start..start + tail].iter().map(|&v| sort_key(v)).collect();
        keys.sort_unstable();
        let value = |&key: &i64| f64::from_bits(sort_key(key as u64) as u64);
        add(words, keys.iter().map(value).sum());
        widen(words, value(&keys[0]), value(&keys[tail - 1]));
        let new = keys.iter().map(|key| Item {
            mean: value(key),
            weight: 1,
        });
        items = merge_sorted(stored(words, len, room), new);
    } else {
        let mut new: Vec<Item> = words[start..start + 2 * tail]
            .chunks_exact(2)
            .map(|pair| item(pair[0], pair[1]))
            .collect();
        new.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        items = merge_sorted(stored(words, len, room), new.into_iter());
    }
    compress(&mut items, usize::from(compression(words)), words[MERGES] & 1 == 1);
    for (i, item) in items.iter().enumerate() {
        words[HEAD + i] = item.mean.to_bits();
        words[HEAD + room + i] = item.weight;
    }
    words[LEN] = items.len() as u64;
    words[TAIL] = 0;
    words[PAIRS] = 0;
    words[MERGES] = words[MERGES].wrapping_add(1);
}

/// The centroids, of which there are `len`.
fn stored(words: &[u64], len: usize, room: usize) -> impl ExactSizeIterator<Item = Item> {
    let means = words[HEAD..HEAD + len].iter();
    means
        .zip(&words[HEAD + room..][..len])
        .map(|(&mean, &weight)| item(mean, weight))
}

fn item(mean: u64, weight: u64) -> Item {
    Item {
        mean: f64::from_bits(mean),
        weight,
    }
}

/// The bits of a float as an integer of the same order (that of `total_cmp`), and back: integers sort faster.
#[inline(always)]
fn sort_key(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

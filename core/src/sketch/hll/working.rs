//! Owns the working form of a HyperLogLog: an aggregate's state as 8-byte words.
//!
//! ```text
//! word 0         low half: varlena header, not ours · bytes 4 and 7 version of the hashes · byte 5 kind · byte 6 precision
//! word 1         the tail's bounds (see `tail`); the tail begins at word 2 and holds hashes as they came, repeats and all
//! kind 17 list   nothing but a tail, up to word 64
//! kind 18 table  front up to word 7 · 8 the long tail's next word · long tail up to word 62 · 63 count, high half slots in use
//!                then slots, 0 where empty
//! kind 19 dense  the same with 63 unused · then one byte a register
//! ```
//! A list grows by doubling when more than half of it is distinct; tables and registers (`body`) take the tail when it is full.

use super::body::{self, COUNT, LONG};
use super::head::set_version;
pub use super::head::{DENSE, LIST, TABLE, TAIL, agree, kind, precision, set_head, version};
use super::{Body, Sketch, codec, exact_max, registers};
use crate::error::TallyError;
pub use crate::sketch::Grow;
use crate::sketch::bytes::corrupt;
use crate::sketch::tail;

/// Words of a new state: 64 bytes, six hashes.
pub const FIRST_WORDS: usize = 8;
/// Words of the longest list.
const LIST_WORDS: usize = 64;

/// Makes zeroed words an empty state.
pub fn init(words: &mut [u64], precision: u8, version: u16) {
    set_version(words, version);
    set_head(words, LIST, precision);
    tail::set(words, TAIL, words.len().min(LIST_WORDS));
}

/// Whether the words are a working form that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    words.len() >= FIRST_WORDS && matches!(kind(words), LIST..=DENSE)
}

/// Adds a hash.
#[inline(always)]
pub fn push(words: &mut [u64], hash: u64) -> Result<(), Grow> {
    // 0 is an empty slot.
    let hash = hash.max(1);
    let next = tail::next(words);
    // The rows of one visitor often follow each other.
    let repeated = next > TAIL && words.get(next - 1) == Some(&hash);
    if repeated || tail::append(words, hash) {
        return Ok(());
    }
    push_slow(words, hash)
}

/// A hash that the tail has no room for.
#[cold]
#[inline(never)]
fn push_slow(words: &mut [u64], hash: u64) -> Result<(), Grow> {
    if kind(words) == LIST {
        make_room_in_list(words)?;
    } else {
        if tail::filled(words) == COUNT {
            drain(words)?;
        }
        tail::spill(words, TAIL, COUNT);
    }
    let appended = tail::append(words, hash);
    debug_assert!(appended);
    Ok(())
}

/// A list that is full: room where half of it is repeats, words just grown, more words, or a table or registers.
fn make_room_in_list(words: &mut [u64]) -> Result<(), Grow> {
    let (end, room) = (tail::end(words), words.len().min(LIST_WORDS));
    if end < room {
        tail::set(words, tail::next(words), room);
        return Ok(());
    }
    let distinct = {
        let list = &mut words[TAIL..end];
        list.sort_unstable();
        let mut kept = 1;
        for i in 1..list.len() {
            list[kept] = list[i];
            kept += usize::from(list[i] != list[kept - 1]);
        }
        kept
    };
    tail::set(words, TAIL + distinct, end);
    if distinct * 2 <= end - TAIL {
        return Ok(());
    }
    if words.len() < LIST_WORDS {
        return Err(Grow(words.len() * 2));
    }
    let p = precision(words);
    let exact = distinct <= exact_max(p);
    let needed = if exact {
        body::table_words(distinct + 1, p)
    } else {
        body::dense_words(p)
    };
    if words.len() < needed {
        return Err(Grow(needed));
    }
    let hashes = words[TAIL..TAIL + distinct].to_vec();
    if exact {
        body::make_table(words, p, &hashes);
    } else {
        body::make_dense(words, p, &hashes);
    }
    Ok(())
}

/// Takes the long tail into the table or the registers.
fn drain(words: &mut [u64]) -> Result<(), Grow> {
    if kind(words) == DENSE {
        body::raise_long_tail(words);
        return Ok(());
    }
    for i in (LONG..tail::filled(words)).rev() {
        let hash = words[i];
        if let Err(grow) = body::insert(words, hash) {
            tail::set_filled(words, i + 1);
            return Err(grow);
        }
    }
    tail::set_filled(words, LONG);
    Ok(())
}

/// Adds all of a finished sketch. Unequal precisions merge to the smaller.
pub fn merge(words: &mut [u64], other: &Sketch) -> Result<(), Grow> {
    if other.precision < precision(words) {
        lower(words, other.precision);
    }
    match &other.body {
        Body::Exact(hashes) => hashes.iter().try_for_each(|&h| push(words, h)),
        Body::Dense(theirs) => {
            let p = precision(words);
            if kind(words) != DENSE {
                let needed = body::dense_words(p);
                if words.len() < needed {
                    return Err(Grow(needed));
                }
                let hashes = hashes(words);
                body::make_dense(words, p, &hashes);
            }
            body::raise_all(words, theirs, other.precision - p);
            Ok(())
        }
    }
}

/// The hashes of a list where they lie, of a partial state, with its precision; `None` for every other kind.
fn list_in(bytes: &[u8]) -> Option<(&[[u8; 8]], u8)> {
    let (&[low, LIST, precision, high], rest) = bytes.split_first_chunk::<4>()? else {
        return None;
    };
    let version = codec::version([low, LIST, precision, high]);
    let (words, odd) = rest.as_chunks::<8>();
    let hashes = words.get(TAIL - 1..tail::next_in(words)?.checked_sub(1)?)?;
    let fits = odd.is_empty() && codec::is_version(version) && super::PRECISION.contains(&precision);
    fits.then_some((hashes, precision))
}

/// Adds all of a sketch, stored or a partial state, without decoding it into memory where it is exact.
pub fn merge_bytes(words: &mut [u64], bytes: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    // One without hashes is of any version.
    if let Some((head, [_, ..])) = bytes.split_first_chunk::<4>() {
        agree(words, codec::version(*head))?;
    }
    Ok(match codec::exact_slice(bytes).or_else(|| list_in(bytes)) {
        Some((hashes, p)) if p >= precision(words) => {
            let mut hashes = hashes.iter().map(|h| u64::from_le_bytes(*h).max(1));
            // They come many at once, so past the tail where there is more than a tail.
            match kind(words) {
                LIST => hashes.try_for_each(|h| push(words, h)),
                TABLE => hashes.try_for_each(|h| body::insert(words, h)),
                _ => {
                    body::raise_each(words, hashes);
                    Ok(())
                }
            }
        }
        _ => merge(words, &codec::decode(bytes)?),
    })
}

/// Takes a smaller precision. The words stay as many as they are.
fn lower(words: &mut [u64], p: u8) {
    let (old, kind) = (precision(words), kind(words));
    if kind == DENSE {
        let mine = registers_with_tail(words);
        body::make_dense(words, p, &[]);
        body::raise_all(words, &mine, old - p);
        return;
    }
    set_head(words, kind, p);
    if kind == TABLE && body::count(words) > exact_max(p) {
        // More hashes than this precision keeps, so the words hold its registers too.
        let hashes = hashes(words);
        body::make_dense(words, p, &hashes);
    }
}

/// The hashes of a list or a table, unsorted and with the tail's repeats.
fn hashes(words: &[u64]) -> Vec<u64> {
    if kind(words) == LIST {
        return words[TAIL..tail::next(words)].to_vec();
    }
    let mut hashes = tail::parts(words, TAIL, LONG).concat();
    if kind(words) == TABLE {
        hashes.extend(body::slots(words).iter().filter(|&&h| h != 0));
    }
    hashes
}

/// The registers of the dense form, the tail taken in.
fn registers_with_tail(words: &[u64]) -> Vec<u8> {
    let mut registers = body::registers_of(words);
    for hashes in tail::parts(words, TAIL, LONG) {
        body::raise_in(&mut registers, precision(words), hashes);
    }
    registers
}

/// The finished sketch: hashes sorted.
pub fn finish(words: &[u64]) -> Sketch {
    let precision = precision(words);
    let body = if kind(words) == DENSE {
        Body::Dense(registers_with_tail(words))
    } else {
        let mut hashes = hashes(words);
        hashes.sort_unstable();
        hashes.dedup();
        if hashes.len() <= exact_max(precision) {
            Body::Exact(hashes)
        } else {
            let mut dense = vec![0; registers(precision)];
            body::raise_in(&mut dense, precision, &hashes);
            Body::Dense(dense)
        }
    };
    Sketch {
        precision,
        version: version(words),
        body,
    }
}

/// The working form as words, from the payload of a varlena that holds one; the header's half of word 0 stays 0.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
    let words = crate::sketch::words_of(bytes).filter(|words| is_working(words));
    let bad = || corrupt("hll state", "a working form that fits", bytes.len());
    let words = words.ok_or_else(bad)?;
    let p = precision(&words);
    let hashed = |hashes: &[u64]| !hashes.contains(&0);
    let tail_fits = if kind(&words) == LIST {
        let (next, end) = (tail::next(&words), tail::end(&words));
        TAIL <= next && next <= end && end <= words.len().min(LIST_WORDS) && hashed(&words[TAIL..next])
    } else {
        words.len() > COUNT
            && tail::fits(&words, TAIL, LONG, COUNT)
            && tail::parts(&words, TAIL, LONG).into_iter().all(hashed)
    };
    let fits = codec::is_version(version(&words))
        && super::PRECISION.contains(&p)
        && tail_fits
        && (kind(&words) == LIST || body::fits(&words));
    if fits { Ok(words) } else { Err(bad()) }
}

/// A finished sketch as a working form, to be changed outside an aggregate.
pub fn from_sketch(sketch: &Sketch) -> Vec<u64> {
    if let Body::Exact(hashes) = &sketch.body
        && hashes.len() > LIST_WORDS - TAIL
    {
        let mut words = vec![0; body::table_words(hashes.len() + 1, sketch.precision)];
        set_version(&mut words, sketch.version);
        body::make_table(&mut words, sketch.precision, hashes);
        return words;
    }
    let room = match &sketch.body {
        Body::Exact(hashes) => (TAIL + hashes.len() + 1).next_power_of_two(),
        Body::Dense(_) => body::dense_words(sketch.precision),
    };
    let mut words = vec![0; room.clamp(FIRST_WORDS, LIST_WORDS)];
    init(&mut words, sketch.precision, sketch.version);
    while let Err(Grow(needed)) = merge(&mut words, sketch) {
        words.resize(needed, 0);
    }
    words
}

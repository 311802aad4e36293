//! Owns the working form of a HyperLogLog: an aggregate's state as 8-byte words.
//!
//! ```text
//! word 0        low half: varlena header, not ours · byte 4 version · byte 5 kind · byte 6 precision
//! kind 17 list  word 1 count · distinct hashes as they came, at most 30
//! kind 18 table word 1 count, high half slots in use (grown words are rehashed by the next step) · 0 for an empty slot
//! kind 19 dense word 1 unused · one byte a register
//! ```
//! A list of up to 30 is scanned (256 bytes: four cache lines); tables double at a load of 3/4.

use super::{Body, Sketch, codec, exact_max, place, registers};
use crate::error::TallyError;
pub use crate::sketch::Grow;
use crate::sketch::bytes::corrupt;

/// Kind byte of the list.
pub const LIST: u8 = 17;
/// Kind byte of the hash table.
pub const TABLE: u8 = 18;
/// Kind byte of the registers.
pub const DENSE: u8 = 19;

/// Words of a new state: 64 bytes, six hashes.
pub const FIRST_WORDS: usize = 8;
const HEAD: usize = 2;
const LEN: usize = 1;
const LIST_MAX: usize = 30;
const LIST_WORDS: usize = HEAD + LIST_MAX;

/// Makes zeroed words an empty state.
pub fn init(words: &mut [u64], precision: u8) {
    set_head(words, LIST, precision);
}

fn set_head(words: &mut [u64], kind: u8, precision: u8) {
    let head = u64::from(codec::VERSION) | u64::from(kind) << 8 | u64::from(precision) << 16;
    words[0] = words[0] & 0xffff_ffff | head << 32;
}

#[inline(always)]
fn kind(words: &[u64]) -> u8 {
    (words[0] >> 40) as u8
}

/// log2 of the number of registers.
#[inline(always)]
pub fn precision(words: &[u64]) -> u8 {
    (words[0] >> 48) as u8
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
    match kind(words) {
        DENSE => {
            let (register, rank) = place(hash, precision(words));
            let word = &mut words[HEAD + register / 8];
            let shift = register % 8 * 8;
            if ((*word >> shift) as u8) < rank {
                *word = *word & !(0xff << shift) | u64::from(rank) << shift;
            }
            Ok(())
        }
        LIST => {
            let len = words[LEN] as usize;
            if words[HEAD..HEAD + len].contains(&hash) {
                return Ok(());
            }
            if len < LIST_MAX && HEAD + len < words.len() {
                words[HEAD + len] = hash;
                words[LEN] += 1;
                return Ok(());
            }
            push_slow(words, hash)
        }
        _ => {
            let (len, slots) = (len(words), slots(words));
            let slot = HEAD + find(&words[HEAD..HEAD + slots], hash);
            if words[slot] == hash {
                return Ok(());
            }
            if (len + 1) * 4 <= slots * 3 && len < exact_max(precision(words)) {
                words[slot] = hash;
                words[LEN] += 1;
                return Ok(());
            }
            push_slow(words, hash)
        }
    }
}

/// Count of a list or a table.
#[inline(always)]
fn len(words: &[u64]) -> usize {
    (words[LEN] & 0xffff_ffff) as usize
}

/// Slots of a table.
#[inline(always)]
fn slots(words: &[u64]) -> usize {
    (words[LEN] >> 32) as usize
}

/// The slot that holds the hash, or the empty one where it belongs.
#[inline(always)]
fn find(slots: &[u64], hash: u64) -> usize {
    // The low bits: the high ones are alike in merged sorted runs.
    let mut slot = (((hash & 0xffff_ffff) * slots.len() as u64) >> 32) as usize;
    while slots[slot] != 0 && slots[slot] != hash {
        slot += 1;
        if slot == slots.len() {
            slot = 0;
        }
    }
    slot
}

/// A new hash that the state has no room for: a larger list, a table, a larger table or registers.
#[cold]
#[inline(never)]
fn push_slow(words: &mut [u64], hash: u64) -> Result<(), Grow> {
    let len = len(words);
    if len < LIST_MAX && kind(words) == LIST {
        return Err(Grow(words.len() * 2));
    }
    let p = precision(words);
    if len >= exact_max(p) {
        let needed = HEAD + registers(p).div_ceil(8);
        if words.len() < needed {
            return Err(Grow(needed));
        }
        let hashes = hashes(words);
        words[1..].fill(0);
        set_head(words, DENSE, p);
        hashes.into_iter().try_for_each(|h| push(words, h))?;
        return push(words, hash);
    }
    let needed = ((len + 1) * 4 / 3 + 1 + HEAD).next_power_of_two();
    if words.len() < needed {
        return Err(Grow(needed));
    }
    let hashes = hashes(words);
    words[1..].fill(0);
    set_head(words, TABLE, p);
    for h in hashes.into_iter().chain([hash]) {
        let slot = HEAD + find(&words[HEAD..], h);
        words[slot] = h;
    }
    words[LEN] = (len as u64 + 1) | (((words.len() - HEAD) as u64) << 32);
    Ok(())
}

/// The hashes of a list or a table, unsorted.
fn hashes(words: &[u64]) -> Vec<u64> {
    match kind(words) {
        LIST => words[HEAD..][..words[LEN] as usize].to_vec(),
        _ => words[HEAD..HEAD + slots(words)]
            .iter()
            .copied()
            .filter(|&h| h != 0)
            .collect(),
    }
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
                let needed = HEAD + registers(p).div_ceil(8);
                if words.len() < needed {
                    return Err(Grow(needed));
                }
                make_dense(words, p);
            }
            let fold = other.precision - p;
            if fold == 0 {
                let (chunks, _) = theirs.as_chunks::<8>();
                for (word, chunk) in words[HEAD..].iter_mut().zip(chunks) {
                    let mut mine = word.to_le_bytes();
                    mine.iter_mut().zip(chunk).for_each(|(m, t)| *m = (*m).max(*t));
                    *word = u64::from_le_bytes(mine);
                }
            } else {
                for (register, &rank) in theirs.iter().enumerate().filter(|(_, rank)| **rank > 0) {
                    let (register, rank) = folded(register, rank, fold);
                    raise(words, register, rank);
                }
            }
            Ok(())
        }
    }
}

/// Adds all of a stored sketch, without decoding it into memory where it is exact.
pub fn merge_bytes(words: &mut [u64], bytes: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    match codec::exact_slice(bytes) {
        Some((hashes, p)) if p >= precision(words) => {
            Ok(hashes.iter().try_for_each(|&h| push(words, u64::from_le_bytes(h))))
        }
        _ => Ok(merge(words, &codec::decode(bytes)?)),
    }
}

fn make_dense(words: &mut [u64], p: u8) {
    let hashes = hashes(words);
    words[1..].fill(0);
    set_head(words, DENSE, p);
    for hash in hashes {
        let (register, rank) = place(hash, p);
        raise(words, register, rank);
    }
}

fn raise(words: &mut [u64], register: usize, rank: u8) {
    let word = &mut words[HEAD + register / 8];
    let shift = register % 8 * 8;
    if ((*word >> shift) as u8) < rank {
        *word = *word & !(0xff << shift) | u64::from(rank) << shift;
    }
}

/// A register and its rank at a precision that is `fold` bits smaller: the bits lost begin the rank.
fn folded(register: usize, rank: u8, fold: u8) -> (usize, u8) {
    let lost = register & ((1 << fold) - 1);
    let zeros = fold - (usize::BITS - lost.leading_zeros()) as u8;
    (register >> fold, if lost == 0 { rank + fold } else { zeros + 1 })
}

/// Takes a smaller precision. The words stay as many as they are.
fn lower(words: &mut [u64], p: u8) {
    let (old, kind) = (precision(words), kind(words));
    if kind == DENSE {
        let registers = dense_registers(words);
        words[1..].fill(0);
        set_head(words, DENSE, p);
        for (register, &rank) in registers.iter().enumerate().filter(|(_, rank)| **rank > 0) {
            let (register, rank) = folded(register, rank, old - p);
            raise(words, register, rank);
        }
        return;
    }
    set_head(words, kind, p);
    if len(words) > exact_max(p) {
        // More hashes than this precision keeps, so the words hold its registers too.
        make_dense(words, p);
    }
}

fn dense_registers(words: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words[HEAD..].iter().flat_map(|w| w.to_le_bytes()).collect();
    bytes.truncate(registers(precision(words)));
    bytes
}

/// The finished sketch: hashes sorted.
pub fn finish(words: &[u64]) -> Sketch {
    let body = if kind(words) == DENSE {
        Body::Dense(dense_registers(words))
    } else {
        let mut hashes = hashes(words);
        hashes.sort_unstable();
        Body::Exact(hashes)
    };
    Sketch {
        precision: precision(words),
        body,
    }
}

/// The working form as words, from the payload of a varlena that holds one; the header's half of word 0 stays 0.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
    let words = crate::sketch::words_of(bytes).filter(|words| is_working(words));
    let bad = || corrupt("hll state", "a working form that fits", bytes.len());
    let words = words.ok_or_else(bad)?;
    let (p, room) = (precision(&words), (words.len() - HEAD) as u64);
    let fits = super::PRECISION.contains(&p)
        && match kind(&words) {
            LIST => words[LEN] <= room.min(LIST_MAX as u64),
            TABLE => {
                let slots_fit = slots(&words) <= words.len() - HEAD;
                slots_fit && len(&words) == hashes(&words).len() && len(&words) < slots(&words)
            }
            _ => room >= registers(p).div_ceil(8) as u64 && dense_registers(&words).iter().all(|&r| r <= 65 - p),
        };
    if fits { Ok(words) } else { Err(bad()) }
}

/// A finished sketch as a working form, to be changed outside an aggregate.
pub fn from_sketch(sketch: &Sketch) -> Vec<u64> {
    let mut words = vec![0; FIRST_WORDS.max(LIST_WORDS)];
    init(&mut words, sketch.precision);
    while let Err(Grow(needed)) = merge(&mut words, sketch) {
        words.resize(needed, 0);
    }
    words
}

//! Owns what lies behind the tail of a HyperLogLog's working form: a hash table, or registers.
//!
//! Tables are kept under a load of 3/4. Registers take a byte each.

use super::working::{DENSE, Grow, TABLE, TAIL, kind, precision, set_head};
use super::{exact_max, place, registers};
use crate::sketch::tail;

/// Where the long tail begins.
pub const LONG: usize = tail::BEHIND_FRONT;
/// Word that holds a table's count, and its slots in the high half; the long tail ends before it.
pub const COUNT: usize = 63;
/// Where slots or registers begin.
const BODY: usize = 64;

/// Words that registers take.
pub fn dense_words(p: u8) -> usize {
    BODY + registers(p).div_ceil(8)
}

/// Words for a table of that many hashes: 2 kB, 4 kB, or as many slots as [`exact_max`] asks for.
pub fn table_words(count: usize, p: u8) -> usize {
    let full = BODY + (registers(p) / 8).min(1024);
    let needed = BODY + count * 4 / 3 + 1;
    [256, 512]
        .into_iter()
        .find(|&words| needed <= words)
        .unwrap_or(full)
        .min(full)
}

/// Count of a table.
#[inline(always)]
pub fn count(words: &[u64]) -> usize {
    (words[COUNT] & 0xffff_ffff) as usize
}

/// Slots of a table. Words that have just grown have more than it uses, until it is rehashed.
#[inline(always)]
pub fn slots(words: &[u64]) -> &[u64] {
    &words[BODY..][..(words[COUNT] >> 32) as usize]
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

/// Adds hashes to registers.
#[inline(always)]
pub fn raise_each(words: &mut [u64], hashes: impl Iterator<Item = u64>) {
    let p = precision(words);
    let body = &mut words[BODY..];
    for hash in hashes {
        let (register, rank) = place(hash, p);
        raise(body, register, rank);
    }
}

/// Adds the long tail to the registers.
pub fn raise_long_tail(words: &mut [u64]) {
    let (p, filled) = (precision(words), tail::filled(words).min(COUNT));
    let (tail, body) = words.split_at_mut(BODY);
    for &hash in &tail[LONG..filled] {
        let (register, rank) = place(hash, p);
        raise(body, register, rank);
    }
    tail::set_filled(words, LONG);
}

/// Adds a hash to a table, which may become registers by that.
#[inline(always)]
pub fn insert(words: &mut [u64], hash: u64) -> Result<(), Grow> {
    if kind(words) == DENSE {
        raise_each(words, std::iter::once(hash));
        return Ok(());
    }
    let (count, slots) = (count(words), slots(words));
    let slot = find(slots, hash);
    if slots[slot] == hash {
        return Ok(());
    }
    if (count + 1) * 4 <= slots.len() * 3 && count < exact_max(precision(words)) {
        words[BODY + slot] = hash;
        words[COUNT] += 1;
        return Ok(());
    }
    insert_slow(words, hash)
}

/// A new hash that the table has no room for: a larger table or registers.
#[cold]
#[inline(never)]
fn insert_slow(words: &mut [u64], hash: u64) -> Result<(), Grow> {
    let (count, p) = (count(words), precision(words));
    let exact = count < exact_max(p);
    let needed = if exact {
        table_words(count + 1, p)
    } else {
        dense_words(p)
    };
    if words.len() < needed {
        return Err(Grow(needed));
    }
    let mut hashes: Vec<u64> = slots(words).iter().copied().filter(|&h| h != 0).collect();
    hashes.push(hash);
    // The tail is being drained and stays as it is.
    let tail: Vec<u64> = words[1..COUNT].to_vec();
    if exact {
        make_table(words, p, &hashes);
    } else {
        make_dense(words, p, &hashes);
    }
    words[1..COUNT].copy_from_slice(&tail);
    Ok(())
}

/// Makes the words a table of these distinct hashes, with an empty tail: there is room.
pub fn make_table(words: &mut [u64], p: u8, hashes: &[u64]) {
    words[1..].fill(0);
    set_head(words, TABLE, p);
    tail::empty(words, TAIL, LONG);
    let slots = &mut words[BODY..];
    for &hash in hashes {
        let slot = find(slots, hash);
        slots[slot] = hash;
    }
    words[COUNT] = hashes.len() as u64 | ((words.len() - BODY) as u64) << 32;
}

/// Makes the words registers that have seen these hashes, with an empty tail: there is room.
pub fn make_dense(words: &mut [u64], p: u8, hashes: &[u64]) {
    words[1..].fill(0);
    set_head(words, DENSE, p);
    tail::empty(words, TAIL, LONG);
    raise_each(words, hashes.iter().copied());
}

#[inline(always)]
fn raise(body: &mut [u64], register: usize, rank: u8) {
    let word = &mut body[register / 8];
    let shift = register % 8 * 8;
    if ((*word >> shift) as u8) < rank {
        *word = *word & !(0xff << shift) | u64::from(rank) << shift;
    }
}

/// Raises the registers to those of another sketch, whose precision is `fold` bits greater.
pub fn raise_all(words: &mut [u64], theirs: &[u8], fold: u8) {
    let body = &mut words[BODY..];
    if fold == 0 {
        let (chunks, rest) = theirs.as_chunks::<8>();
        for (word, chunk) in body.iter_mut().zip(chunks) {
            let mut mine = word.to_le_bytes();
            mine.iter_mut().zip(chunk).for_each(|(m, t)| *m = (*m).max(*t));
            *word = u64::from_le_bytes(mine);
        }
        debug_assert!(rest.is_empty());
        return;
    }
    for (register, &rank) in theirs.iter().enumerate().filter(|(_, rank)| **rank > 0) {
        let (register, rank) = folded(register, rank, fold);
        raise(body, register, rank);
    }
}

/// Raises plain registers by hashes.
pub fn raise_in(registers: &mut [u8], p: u8, hashes: &[u64]) {
    for &hash in hashes {
        let (register, rank) = place(hash, p);
        registers[register] = registers[register].max(rank);
    }
}

/// A register and its rank at a precision that is `fold` bits smaller: the bits lost begin the rank.
fn folded(register: usize, rank: u8, fold: u8) -> (usize, u8) {
    let lost = register & ((1 << fold) - 1);
    let zeros = fold - (usize::BITS - lost.leading_zeros()) as u8;
    (register >> fold, if lost == 0 { rank + fold } else { zeros + 1 })
}

/// The registers alone.
pub fn registers_of(words: &[u64]) -> Vec<u8> {
    let count = registers(precision(words));
    let mut bytes = Vec::with_capacity(count.next_multiple_of(8));
    words[BODY..][..count.div_ceil(8)]
        .iter()
        .for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.truncate(count);
    bytes
}

/// Whether a table or registers, as received, hang together.
pub fn fits(words: &[u64]) -> bool {
    if words.len() < BODY {
        return false;
    }
    if kind(words) == TABLE {
        let slots_fit = (words[COUNT] >> 32) as usize <= words.len() - BODY;
        return slots_fit
            && count(words) == slots(words).iter().filter(|&&h| h != 0).count()
            && count(words) < slots(words).len();
    }
    let p = precision(words);
    words.len() >= dense_words(p) && registers_of(words).iter().all(|&r| r <= 65 - p)
}

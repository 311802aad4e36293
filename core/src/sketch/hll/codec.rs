//! Owns the stored bytes of a HyperLogLog.
//!
//! ```text
//! u8 version of the hashes · u8 kind · u8 precision · u8 base, then
//! kind 1 (exact)  u64 hashes ascending, to the end; base 0
//! kind 2 (dense)  m/2 bytes, two registers a byte (low half first), each its rank above base, 15 for 15 and more ·
//!                 for each of those, in order, a varint of what is above 15
//! kind 3 (exact, keyed) and 4 (dense, keyed)  the version's high byte in the place of base, which follows it in kind 4; then as kinds 1 and 2
//! kind 17 to 19   the working form (see `working`): partial states between parallel workers, never in tables
//! ```
//! Ranks lie within a few steps of each other, so four bits above the least rank hold nearly all: 4 kB at precision 13.

use super::{Body, PRECISION, Sketch, exact_max, registers, working};
use crate::error::TallyError;
use crate::sketch::bytes::{Reader, put_varint};

/// Versions of the hashes, which the first byte tells: 1 as pg_tally 0.1 took them; 2 for types whose hashes took unequal values for
/// equal then (numeric, jsonb, arrays …), taken anew; from [`KEYED`] on the number of the secret key that they were taken under.
pub const VERSIONS: std::ops::RangeInclusive<u16> = 1..=2;
/// The least number of a key: its high byte is never 0.
pub const KEYED: u16 = 0x100;
const EXACT: u8 = 1;
const DENSE: u8 = 2;
const KEYED_EXACT: u8 = 3;
const KEYED_DENSE: u8 = 4;

/// Whether there are such hashes.
#[inline(always)]
pub fn is_version(version: u16) -> bool {
    VERSIONS.contains(&version) || version >= KEYED
}

/// Version of the hashes in stored bytes or a working form.
#[inline(always)]
pub fn version(head: [u8; 4]) -> u16 {
    let [low, kind, _, high] = head;
    u16::from(low) | if kind > DENSE { u16::from(high) << 8 } else { 0 }
}

/// The stored bytes.
pub fn encode(sketch: &Sketch) -> Vec<u8> {
    match &sketch.body {
        Body::Exact(hashes) => {
            let mut out = Vec::with_capacity(4 + hashes.len() * 8);
            out.extend(head(sketch, [EXACT, KEYED_EXACT]));
            hashes.iter().for_each(|h| out.extend(h.to_le_bytes()));
            out
        }
        Body::Dense(ranks) => {
            let base = ranks.iter().copied().reduce(u8::min).unwrap_or(0);
            let mut out = Vec::with_capacity(8 + ranks.len() / 2);
            out.extend(head(sketch, [DENSE, KEYED_DENSE]));
            if sketch.version >= KEYED {
                out.push(base);
            } else {
                out[3] = base;
            }
            let nibble = |rank: u8| (rank - base).min(15);
            out.extend(
                ranks
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[low, high]| nibble(*low) | nibble(*high) << 4),
            );
            if highest(ranks) - base >= 15 {
                ranks
                    .iter()
                    .filter(|&&r| r - base >= 15)
                    .for_each(|&r| put_varint(&mut out, u64::from(r - base - 15)));
            }
            out
        }
    }
}

/// The first four bytes, of one of two kinds. The fourth is that of a key.
fn head(sketch: &Sketch, [plain, keyed]: [u8; 2]) -> [u8; 4] {
    let [low, high] = sketch.version.to_le_bytes();
    [
        low,
        if sketch.version >= KEYED { keyed } else { plain },
        sketch.precision,
        high,
    ]
}

/// The hashes of a stored exact sketch where they lie, with its precision; `None` for every other kind.
pub fn exact_slice(bytes: &[u8]) -> Option<(&[[u8; 8]], u8)> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let (hashes, odd) = rest.as_chunks::<8>();
    let whole = odd.is_empty() && PRECISION.contains(&head[2]) && hashes.len() <= exact_max(head[2]);
    let version = version(*head);
    let exact = is_version(version) && (head[1] == EXACT || head[1] == KEYED_EXACT && version >= KEYED);
    (exact && whole).then_some((hashes, head[2]))
}

/// The stored bytes of the union of two exact sketches, where both are stored, of one precision and version, of much the same size, and the union is
/// still exact. Both ascend, so that it takes one pass, and no sorting when it is done. Many small ones are better put into a table.
pub fn union(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let ((mine, precision), (theirs, _)) = (exact_slice(a)?, exact_slice(b)?);
    if a[..4] != b[..4] || theirs.len() * 4 < mine.len() {
        return None;
    }
    let mut out = Vec::with_capacity(4 + (mine.len() + theirs.len()) * 8);
    out.extend(&a[..4]);
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (mine.get(i), theirs.get(j)) {
        let (x, y) = (u64::from_le_bytes(*x), u64::from_le_bytes(*y));
        out.extend(x.min(y).to_le_bytes());
        // Which of them is less nobody can guess, so that no branch hangs on it.
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    out.extend(mine[i..].as_flattened());
    out.extend(theirs[j..].as_flattened());
    (out.len() <= 4 + exact_max(precision) * 8).then_some(out)
}

/// Whether the bytes are a working form: a partial state of another process.
pub fn is_partial(bytes: &[u8]) -> bool {
    matches!(bytes, [low, kind @ working::LIST..=working::DENSE, precision, high, ..] if is_version(version([*low, *kind, *precision, *high])))
}

/// Reads stored bytes, or a working form, into a finished sketch.
pub fn decode(bytes: &[u8]) -> Result<Sketch, TallyError> {
    let mut reader = Reader::new("hll", bytes);
    let head = [reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?];
    let (version, [_, kind, precision, base]) = (version(head), head);
    let keyed = matches!(kind, KEYED_EXACT | KEYED_DENSE);
    let fits = is_version(version) && (!keyed || version >= KEYED);
    if !fits || !PRECISION.contains(&precision) {
        return Err(reader.corrupt(&format!("version 1, 2 or a key with a precision in {PRECISION:?}")));
    }
    match kind {
        EXACT | KEYED_EXACT => {
            let hashes = exact_slice(bytes)
                .ok_or_else(|| reader.corrupt("hashes of 8 bytes, few enough"))?
                .0;
            let hashes: Vec<u64> = hashes.iter().map(|h| u64::from_le_bytes(*h)).collect();
            if !hashes.is_sorted_by(|a, b| a < b) || hashes.first() == Some(&0) {
                return Err(reader.corrupt("hashes in ascending order"));
            }
            Ok(Sketch {
                precision,
                version,
                body: Body::Exact(hashes),
            })
        }
        DENSE | KEYED_DENSE => {
            let base = if keyed { reader.u8()? } else { base };
            Ok(Sketch {
                precision,
                version,
                body: Body::Dense(dense(&mut reader, precision, base)?),
            })
        }
        working::LIST..=working::DENSE => Ok(working::finish(&working::from_bytes(bytes)?)),
        _ => Err(reader.corrupt("kind 1 to 4")),
    }
}

fn highest(ranks: &[u8]) -> u8 {
    ranks.iter().copied().fold(0, u8::max)
}

fn dense(reader: &mut Reader, precision: u8, base: u8) -> Result<Vec<u8>, TallyError> {
    let most = 65 - precision;
    if base > most {
        return Err(reader.corrupt("ranks of at most 64 bits"));
    }
    let mut ranks = vec![0; registers(precision)];
    for (two, &pair) in ranks
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(reader.take(registers(precision) / 2)?)
    {
        *two = [(pair & 15) + base, (pair >> 4) + base];
    }
    // The greatest is found many ranks at a time, and mostly says that none is beyond four bits.
    if highest(&ranks) - base == 15 {
        for rank in ranks.iter_mut().filter(|rank| **rank - base == 15) {
            let above = reader.varint()?;
            *rank = u8::try_from(above)
                .ok()
                .and_then(|a| rank.checked_add(a))
                .unwrap_or(u8::MAX);
        }
    }
    reader.end()?;
    if highest(&ranks) > most {
        return Err(reader.corrupt("ranks of at most 64 bits"));
    }
    Ok(ranks)
}

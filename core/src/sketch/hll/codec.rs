//! Owns the stored bytes of a HyperLogLog.
//!
//! ```text
//! u8 version of the hashes, 1 or 2 · u8 kind · u8 precision · u8 base, then
//! kind 1 (exact)  u64 hashes ascending, to the end; base 0
//! kind 2 (dense)  m/2 bytes, two registers a byte (low half first), each its rank above base, 15 for 15 and more ·
//!                 for each of those, in order, a varint of what is above 15
//! kind 17 to 19   the working form (see `working`): partial states between parallel workers, never in tables
//! ```
//! Ranks lie within a few steps of each other, so four bits above the least rank hold nearly all: 4 kB at precision 13.

use super::{Body, PRECISION, Sketch, exact_max, registers, working};
use crate::error::TallyError;
use crate::sketch::bytes::{Reader, put_varint};

/// Versions of the hashes, which the first byte tells: 1 as pg_tally 0.1 took them; 2 for types whose hashes took unequal values for
/// equal then (numeric, jsonb, arrays …), taken anew.
pub const VERSIONS: std::ops::RangeInclusive<u8> = 1..=2;
const EXACT: u8 = 1;
const DENSE: u8 = 2;

/// The stored bytes.
pub fn encode(sketch: &Sketch) -> Vec<u8> {
    match &sketch.body {
        Body::Exact(hashes) => {
            let mut out = Vec::with_capacity(4 + hashes.len() * 8);
            out.extend([sketch.version, EXACT, sketch.precision, 0]);
            hashes.iter().for_each(|h| out.extend(h.to_le_bytes()));
            out
        }
        Body::Dense(ranks) => {
            let base = ranks.iter().copied().min().unwrap_or(0);
            let mut out = Vec::with_capacity(8 + ranks.len() / 2);
            out.extend([sketch.version, DENSE, sketch.precision, base]);
            let nibble = |rank: u8| (rank - base).min(15);
            out.extend(
                ranks
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[low, high]| nibble(*low) | nibble(*high) << 4),
            );
            ranks
                .iter()
                .filter(|&&r| r - base >= 15)
                .for_each(|&r| put_varint(&mut out, u64::from(r - base - 15)));
            out
        }
    }
}

/// The hashes of a stored exact sketch where they lie, with its precision; `None` for every other kind.
pub fn exact_slice(bytes: &[u8]) -> Option<(&[[u8; 8]], u8)> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let (hashes, odd) = rest.as_chunks::<8>();
    let whole = odd.is_empty() && PRECISION.contains(&head[2]) && hashes.len() <= exact_max(head[2]);
    (VERSIONS.contains(&head[0]) && head[1] == EXACT && whole).then_some((hashes, head[2]))
}

/// Whether the bytes are a working form: a partial state of another process.
pub fn is_partial(bytes: &[u8]) -> bool {
    matches!(bytes, [1..=2, working::LIST..=working::DENSE, ..])
}

/// Reads stored bytes, or a working form, into a finished sketch.
pub fn decode(bytes: &[u8]) -> Result<Sketch, TallyError> {
    let mut reader = Reader::new("hll", bytes);
    let (version, kind, precision, base) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
    if !VERSIONS.contains(&version) || !PRECISION.contains(&precision) {
        return Err(reader.corrupt(&format!("version 1 or 2 with a precision in {PRECISION:?}")));
    }
    match kind {
        EXACT => {
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
        DENSE => Ok(Sketch {
            precision,
            version,
            body: Body::Dense(dense(&mut reader, precision, base)?),
        }),
        working::LIST..=working::DENSE => Ok(working::finish(&working::from_bytes(bytes)?)),
        _ => Err(reader.corrupt("kind 1 or 2")),
    }
}

fn dense(reader: &mut Reader, precision: u8, base: u8) -> Result<Vec<u8>, TallyError> {
    let most = 65 - precision;
    if base > most {
        return Err(reader.corrupt("ranks of at most 64 bits"));
    }
    let mut ranks = Vec::with_capacity(registers(precision));
    for &pair in reader.take(registers(precision) / 2)? {
        ranks.extend([(pair & 15) + base, (pair >> 4) + base]);
    }
    for rank in ranks.iter_mut().filter(|rank| **rank - base == 15) {
        let above = reader.varint()?;
        *rank = u8::try_from(above)
            .ok()
            .and_then(|a| rank.checked_add(a))
            .unwrap_or(u8::MAX);
    }
    reader.end()?;
    if ranks.iter().any(|&rank| rank > most) {
        return Err(reader.corrupt("ranks of at most 64 bits"));
    }
    Ok(ranks)
}

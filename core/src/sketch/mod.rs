//! Mergeable sketches: each a pure module that knows nothing of PostgreSQL, beside a thin `sql.rs`.
//!
//! A sketch has two forms. The **working** form is an aggregate's state: 8-byte words that a transition changes in place
//! and that grow by doubling. The **stored** form is canonical bytes: what tables, clients and other machines see.

pub mod bytes;
pub mod hll;
mod keyed;
#[cfg(test)]
mod laws;
pub mod moments;
pub mod ohlc;
pub mod ordered;
pub mod readings;
pub mod state_time;
pub mod stats;
pub mod stored;
pub mod tail;
pub mod tdigest;
pub mod timed;
pub mod times;
pub mod topk;
pub mod totals;

/// A working form is full: it must have this many words.
#[derive(Debug, PartialEq, Eq)]
pub struct Grow(pub usize);

/// The payload of a varlena that holds a working form, as words; the half of word 0 that is the varlena header stays 0.
fn words_of(payload: &[u8]) -> Option<Vec<u64>> {
    let (head, rest) = payload.split_first_chunk::<4>()?;
    let (rest, odd) = rest.as_chunks::<8>();
    let first = u64::from(u32::from_le_bytes(*head)) << 32;
    odd.is_empty().then(|| {
        std::iter::once(first)
            .chain(rest.iter().map(|w| u64::from_le_bytes(*w)))
            .collect()
    })
}

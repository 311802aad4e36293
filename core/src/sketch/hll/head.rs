//! Owns word 0 of the working form (`working`): kind, precision, version of the hashes; and which versions meet.

use super::codec;
use crate::error::{SqlState, TallyError};
use crate::sketch::tail;

/// Kind byte of the list.
pub const LIST: u8 = 17;
/// Kind byte of the hash table.
pub const TABLE: u8 = 18;
/// Kind byte of the registers.
pub const DENSE: u8 = 19;

/// Where the tail begins.
pub const TAIL: usize = 2;

/// Sets what the words are; their version stays.
pub fn set_head(words: &mut [u64], kind: u8, precision: u8) {
    let head = u64::from(kind) << 8 | u64::from(precision) << 16;
    words[0] = words[0] & 0xff00_00ff_ffff_ffff | head << 32;
}

/// Sets the version of the hashes.
pub(super) fn set_version(words: &mut [u64], version: u16) {
    let [low, high] = version.to_le_bytes();
    words[0] = words[0] & 0x00ff_ff00_ffff_ffff | u64::from(low) << 32 | u64::from(high) << 56;
}

/// Version of the hashes.
#[inline(always)]
pub fn version(words: &[u64]) -> u16 {
    (words[0] >> 32) as u16 & 0xff | (words[0] >> 48) as u16 & 0xff00
}

/// Makes ready for hashes of a version: words that hold none take it, others must be of it.
#[inline(always)]
pub fn agree(words: &mut [u64], theirs: u16) -> Result<(), TallyError> {
    if version(words) == theirs {
        Ok(())
    } else {
        take_version(words, theirs)
    }
}

#[cold]
fn take_version(words: &mut [u64], theirs: u16) -> Result<(), TallyError> {
    if kind(words) == LIST && tail::next(words) == TAIL {
        set_version(words, theirs);
        return Ok(());
    }
    let (mine, theirs) = (version(words).min(theirs), version(words).max(theirs));
    if theirs >= codec::KEYED {
        return Err(two_keys(mine, theirs));
    }
    Err(TallyError::new(
        SqlState::DatatypeMismatch,
        format!("expected distinct counts of one version of hashes, got versions {mine} and {theirs}"),
    )
    .detail("Values of this type were hashed anew after pg_tally 0.1, where some unequal ones had one hash. Both would count each value twice.")
    .hint("SELECT tally.repair('<rollup>'), or CALL tally.backfill('<rollup>') for a long history, computes the older ones anew."))
}

/// The error for hashes under two keys, or under one and none. A key's number is no secret.
fn two_keys(mine: u16, theirs: u16) -> TallyError {
    let mine = if mine >= codec::KEYED {
        format!("{mine:04x}")
    } else {
        "none".to_owned()
    };
    TallyError::new(
        SqlState::DatatypeMismatch,
        format!("expected distinct counts under one identity key, got keys {mine} and {theirs:04x}"),
    )
    .detail("Under another key a value has another hash, so it would count twice, and nobody can test a guess.")
    .hint("SELECT * FROM tally.keyed_rollups;  -- under which keys they count; tally.repair('<rollup>') computes one anew under the key of now")
}

/// Which form it is.
#[inline(always)]
pub fn kind(words: &[u64]) -> u8 {
    (words[0] >> 40) as u8
}

/// log2 of the number of registers.
#[inline(always)]
pub fn precision(words: &[u64]) -> u8 {
    (words[0] >> 48) as u8
}

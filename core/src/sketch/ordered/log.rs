//! Owns the state of an aggregate that must see its rows in the order of time: it keeps them as they come, and stored parts among
//! them, until the final function sorts them. Workers' states are appended to each other.
//!
//! ```text
//! word 0 low half: varlena header, not ours · byte 4 version = 1 · byte 5 kind + 16 · 2 bytes 0
//! 1 words used by entries · entries × (time · length in bytes · bytes padded to words)
//! ```
//! The time of a stored part is `PART`, which no row has: rows at infinity are skipped.

use super::is_time;
use crate::error::{SqlState, TallyError};
use crate::sketch::Grow;
use crate::sketch::bytes::{Reader, corrupt};

const VERSION: u8 = 1;
const HEADER: usize = 2;
/// What a state's kind has over that of the stored form.
pub const STATE: u8 = 16;
/// Words of a new state.
pub const FIRST_WORDS: usize = HEADER + 3 * 4;
const PART: i64 = i64::MIN;
/// Most words: a value of PostgreSQL has less than 1 GB.
const MOST_WORDS: usize = (1 << 30) / 8 - 1;

/// Makes the words an empty state of a kind.
pub fn init(words: &mut [u64], kind: u8) {
    let head = u64::from(VERSION) | u64::from(kind + STATE) << 8;
    words[0] = words[0] & 0xffff_ffff | head << 32;
    words[1] = 0;
}

/// The kind of a state; none where the words are no state.
pub fn kind(words: &[u64]) -> Option<u8> {
    let head = words.first()? >> 32;
    let kind = (head >> 8) as u8;
    (words.len() >= FIRST_WORDS && head as u8 == VERSION && kind > STATE && head >> 16 == 0).then(|| kind - STATE)
}

/// The kind of the state in a value's bytes; none where they are another form.
pub fn kind_of_bytes(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [VERSION, kind, 0, 0, ..] if *kind > STATE => Some(kind - STATE),
        _ => None,
    }
}

fn room(words: &[u64], more: usize) -> Result<usize, Grow> {
    let at = HEADER + words[1] as usize;
    if at + more > words.len() {
        return Err(Grow((at + more) + (at + more) / 2));
    }
    Ok(at)
}

/// Whether there is room for so many bytes more within what a value may have.
pub fn fits(words: &[u64], bytes: usize) -> Result<(), TallyError> {
    if (words.len() + bytes / 8) * 3 / 2 < MOST_WORDS {
        return Ok(());
    }
    Err(TallyError::new(
        SqlState::ProgramLimitExceeded,
        format!(
            "at most {} MB of rows expected in a group, got more",
            MOST_WORDS * 8 / 3 * 2 / 1_000_000
        ),
    )
    .detail("The rows of a group are kept until they can be sorted by time.")
    .hint("GROUP BY tally.bucket('1 hour', time) makes groups smaller; tally.rollup() merges their answers."))
}

fn put(words: &mut [u64], time: i64, bytes: &[u8]) -> Result<(), Grow> {
    let size = 2 + bytes.len().div_ceil(8);
    let at = room(words, size)?;
    words[at] = time as u64;
    words[at + 1] = bytes.len() as u64;
    for (word, chunk) in words[at + 2..].iter_mut().zip(bytes.chunks(8)) {
        let mut padded = [0; 8];
        padded[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_le_bytes(padded);
    }
    words[1] += size as u64;
    Ok(())
}

/// Adds a row.
#[inline]
pub fn push(words: &mut [u64], time: i64, value: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    fits(words, value.len())?;
    Ok(put(words, time, value))
}

/// The words of a state that another value becomes: it is the first of a group.
pub fn from_bytes(what: &'static str, kind: u8, bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
    let mut words = vec![0; FIRST_WORDS];
    init(&mut words, kind);
    while let Err(Grow(needed)) = merge(what, &mut words, bytes)? {
        words.resize(needed, 0);
    }
    Ok(words)
}

/// Adds what another value of the same kind holds: the rows of a state, or a stored part.
pub fn merge(what: &'static str, words: &mut [u64], bytes: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    fits(words, bytes.len())?;
    if kind_of_bytes(bytes).is_none() {
        return Ok(put(words, PART, bytes));
    }
    let body = used(bytes).ok_or_else(|| corrupt(what, "the rows of a state", bytes.len()))?;
    let at = match room(words, body.len() / 8) {
        Ok(at) => at,
        Err(grow) => return Ok(Err(grow)),
    };
    for (word, chunk) in words[at..].iter_mut().zip(body.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words[1] += body.len() as u64 / 8;
    Ok(Ok(()))
}

/// The entries of a state's bytes; none where there are fewer than it says.
fn used(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.get(4..)?.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*head)).ok()?.checked_mul(8)?;
    rest.get(..length)
}

/// Calls `row` for each row of a state and `part` for each stored part. The bytes may come from anywhere.
pub fn each<'a>(
    what: &'static str,
    bytes: &'a [u8],
    mut row: impl FnMut(i64, &'a [u8]) -> Result<(), TallyError>,
    mut part: impl FnMut(&'a [u8]) -> Result<(), TallyError>,
) -> Result<(), TallyError> {
    let body = used(bytes).ok_or_else(|| corrupt(what, "the rows of a state", bytes.len()))?;
    let mut reader = Reader::new(what, body);
    while reader.remaining() > 0 {
        let (time, length) = (reader.u64()? as i64, reader.u64()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let value = reader.take(length)?;
        reader.take(length.next_multiple_of(8) - length)?;
        if time == PART {
            part(value)?;
        } else if is_time(time) {
            row(time, value)?;
        } else {
            return Err(reader.corrupt("a finite time"));
        }
    }
    Ok(())
}

//! Times of a group, in the order in which they came: the state behind the sessions of an actor. It merges by putting one behind the other.
//!
//! ```text
//! word 0: the mark of a state · word 1: where the next time goes, and the end (tail.rs) · times, microseconds since 2000-01-01 00:00 UTC
//! ```

use super::{Grow, tail};
use crate::cancel;
use crate::error::{SqlState, TallyError, room_for};

/// In the half of word 0 that is not the varlena header: "tims".
const MARK: u64 = 0x7469_6d73;
const HEAD: usize = 2;
/// Words of a new state. Most actors have few events.
pub const FIRST_WORDS: usize = 16;

/// Makes zeroed words a state without times.
pub fn init(words: &mut [u64]) {
    words[0] |= MARK << 32;
    tail::set(words, HEAD, words.len());
}

/// Whether the words are a state that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    words.len() >= HEAD
        && words[0] >> 32 == MARK
        && tail::next(words) >= HEAD
        && tail::next(words) <= words.len()
        && tail::end(words) <= words.len()
}

/// Adds a time.
#[inline(always)]
pub fn push(words: &mut [u64], time: i64) -> Result<(), Grow> {
    if tail::append(words, time as u64) {
        return Ok(());
    }
    extend(words, &[time as u64])
}

/// Adds the times of another state. Changes nothing where they have no room.
#[cold]
pub fn extend(words: &mut [u64], times: &[u64]) -> Result<(), Grow> {
    let next = tail::next(words);
    let needed = next + times.len();
    if needed > words.len() {
        return Err(Grow(needed.max(2 * words.len())));
    }
    words[next..needed].copy_from_slice(times);
    tail::set(words, needed, words.len());
    Ok(())
}

/// The times, as they came.
pub fn times(words: &[u64]) -> &[u64] {
    &words[HEAD..tail::next(words)]
}

/// The words of a payload, which is what follows the varlena header.
pub fn from_payload(payload: &[u8]) -> Result<Vec<u64>, TallyError> {
    let (head, rest) = payload.split_first_chunk::<4>().ok_or_else(corrupt)?;
    let (rest, odd) = rest.as_chunks::<8>();
    let mut words = room_for(1 + rest.len())?;
    words.push(u64::from(u32::from_le_bytes(*head)) << 32);
    words.extend(rest.iter().map(|word| u64::from_le_bytes(*word)));
    if odd.is_empty() && is_working(&words) {
        Ok(words)
    } else {
        Err(corrupt())
    }
}

#[cold]
fn corrupt() -> TallyError {
    // The state is never stored: such bytes come from a caller, not from a damaged table.
    TallyError::new(
        SqlState::InvalidBinaryRepresentation,
        "a state of times expected, got other bytes",
    )
    .detail("Only the aggregate that collects the times of sessions makes such a state.")
    .hint("SELECT tally.create_sessions('visits', 'events', 'event_time', 'user_id');")
}

/// The times in order.
pub fn sorted(words: &[u64]) -> Result<Vec<i64>, TallyError> {
    let mut sorted = room_for(times(words).len())?;
    sorted.extend(times(words).iter().map(|time| *time as i64));
    if !sorted.is_sorted() {
        cancel::sort_by(&mut sorted, i64::cmp);
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(times: &[i64]) -> Vec<u64> {
        let mut words = vec![0; FIRST_WORDS];
        init(&mut words);
        for &time in times {
            while let Err(Grow(needed)) = push(&mut words, time) {
                words.resize(needed, 0);
            }
        }
        words
    }

    fn payload(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).skip(4).collect()
    }

    #[test]
    fn all_times_come_back_in_order() {
        assert!(sorted(&state(&[])).unwrap().is_empty());
        let given: Vec<i64> = (0..1000).map(|i| i * 7919 % 1009 - 500).collect();
        let mut wanted = given.clone();
        wanted.sort_unstable();
        assert_eq!(sorted(&state(&given)).unwrap(), wanted);
        assert_eq!(
            sorted(&state(&[i64::MAX, -1, i64::MIN])).unwrap(),
            [i64::MIN, -1, i64::MAX]
        );
    }

    #[test]
    fn merging_keeps_all() {
        let (mut one, other) = (state(&[5, 1, 3]), state(&(0..100).collect::<Vec<_>>()));
        while let Err(Grow(needed)) = extend(&mut one, times(&other)) {
            one.resize(needed, 0);
        }
        assert_eq!(sorted(&one).unwrap().len(), 103);
        assert_eq!(sorted(&one).unwrap()[..5], [0, 1, 1, 2, 3]);
        assert!(is_working(&one));
    }

    #[test]
    fn other_bytes_are_refused() {
        let words = state(&(0..40).collect::<Vec<_>>());
        let bytes = payload(&words);
        assert_eq!(from_payload(&bytes).unwrap(), words);
        for damaged in [&bytes[..3], &bytes[..bytes.len() - 1], &bytes[..20], &[0; 12][..], &[]] {
            assert!(from_payload(damaged).is_err(), "{} bytes", damaged.len());
        }
        for (at, value) in [(4, 0xff), (4, 1), (8, 0xff), (0, 0)] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            assert!(from_payload(&damaged).is_err(), "byte {at} = {value}");
        }
    }
}
